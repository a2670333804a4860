//! Client models: what is cloned, how, and how long a device may take to call in (contract, manage.md "Models").

use model::{Error, Field, ModelName, ModelOptions, Noun, Result, Rid, Seconds, ShareCode};
use store::table::client_model::{self as models, Model, Template};
use store::table::resource::{self, Kind};
use store::table::sweep::{self, Leftover};
use store::table::{
    content, member_group, membership, model_share, model_try, serial_number, serial_range, share_code,
};
use store::{Subject, Tx};

use crate::caller::{OwnedModel, Vendor, VendorView};
use crate::{Settings, key};

/// Numbers deleted together with their model; the rest goes in steps.
const DELETED_AT_ONCE: i64 = 2_000;

/// What a vendor says the model is cloned from.
#[derive(Clone)]
pub enum TemplateName {
    /// A client of its own tree.
    Rid(Rid),
    /// A client that is shared by code.
    Code(ShareCode),
}

/// What a vendor says of a model.
#[derive(Clone)]
pub struct ModelChange {
    /// What is cloned; where it is not given, an update keeps what is.
    pub template: Option<TemplateName>,
    /// All options: those not given are off.
    pub options: ModelOptions,
    /// The activation window; where it is not given, an update keeps what is.
    pub activation_timeout_s: Option<Seconds>,
}

/// A model as its vendor sees it.
pub struct Shown {
    /// What is cloned; `None` when it is gone.
    pub template: Option<TemplateName>,
    /// Its options.
    pub options: ModelOptions,
    /// The activation window.
    pub activation_timeout_s: Seconds,
}

/// The vendor's models.
pub fn list(tx: &mut Tx<'_>, vendor: &VendorView) -> Result<Vec<ModelName>> {
    models::list(tx, vendor.id())
}

/// The models that others share with the vendor: (vendor, model).
pub fn shared_models(tx: &mut Tx<'_>, vendor: &VendorView) -> Result<Vec<(String, String)>> {
    model_share::list_to(tx, vendor.id())
}

/// Makes a model.
pub fn create(
    tx: &mut Tx<'_>,
    settings: &Settings,
    vendor: &Vendor,
    name: &ModelName,
    change: &ModelChange,
) -> Result<()> {
    let timeout = timeout(settings, change.activation_timeout_s.unwrap_or(settings.default_timeout_s))?;
    let named = change.template.as_ref().ok_or(Error::Malformed(Field("rid")))?;
    let template = find_template(tx, vendor, named)?;
    if !models::insert(tx, vendor.id(), name, template, change.options, timeout)? {
        return Err(Error::Exists(Noun::Model, None));
    }
    Ok(())
}

/// Replaces options and, where they are given, template and window.
pub fn update(tx: &mut Tx<'_>, settings: &Settings, owned: &OwnedModel, change: &ModelChange) -> Result<()> {
    let mut row: Model = owned.row().clone();
    if let Some(named) = &change.template {
        row.template = find_template(tx, owned.vendor(), named)?;
    }
    row.options = change.options;
    if let Some(given) = change.activation_timeout_s {
        row.activation_timeout_s = timeout(settings, given)?;
    }
    models::update(tx, &row)?;
    tx.touch(Subject::Model(row.id));
    Ok(())
}

/// The model as its vendor sees it.
pub fn show(tx: &mut Tx<'_>, owned: &OwnedModel) -> Result<Shown> {
    let row = owned.row();
    let template = match row.template {
        Template::Resource(id) => resource::find(tx, id)?.map(|resource| TemplateName::Rid(resource.rid)),
        Template::ShareCode(id) => match share_code::sealed_key(tx, id)? {
            Some(sealed) => Some(TemplateName::Code(key::open(tx, id, &sealed)?)),
            None => None,
        },
    };
    Ok(Shown { template, options: row.options, activation_timeout_s: row.activation_timeout_s })
}

/// Deletes a model with its serial numbers, ranges, groups and content. Devices keep their clients and keys.
pub fn delete(tx: &mut Tx<'_>, owned: &OwnedModel) -> Result<()> {
    wipe(tx, owned.id())
}

/// Removes a model and everything that hangs under it; of many serial numbers most go later, in steps.
pub fn wipe(tx: &mut Tx<'_>, model_id: i64) -> Result<()> {
    models::delete(tx, model_id)?;
    content::delete_of(tx, model_id)?;
    membership::delete_of(tx, model_id)?;
    member_group::delete_of(tx, model_id)?;
    model_share::delete_of(tx, model_id)?;
    model_try::delete_of(tx, model_id)?;
    serial_range::delete_of(tx, model_id)?;
    if serial_number::delete_some(tx, model_id, DELETED_AT_ONCE)? == DELETED_AT_ONCE as u64 {
        sweep::insert(tx, Leftover::SerialNumbers { model_id })?;
    }
    tx.touch(Subject::Model(model_id));
    Ok(())
}

fn timeout(settings: &Settings, seconds: Seconds) -> Result<Seconds> {
    if (settings.minimum_timeout_s..=settings.maximum_timeout_s).contains(&seconds) {
        return Ok(seconds);
    }
    Err(Error::Malformed(Field("activation_timeout")))
}

fn find_template(tx: &mut Tx<'_>, vendor: &Vendor, named: &TemplateName) -> Result<Template> {
    match named {
        TemplateName::Rid(rid) => {
            let unusable = Error::Malformed(Field("rid"));
            let template = resource::find_by_rid(tx, *rid)?.filter(|row| row.kind == Kind::Client);
            let template = template.ok_or(unusable.clone())?;
            if !resource::is_within(tx, template.id, vendor.id())? {
                return Err(unusable);
            }
            Ok(Template::Resource(template.id))
        }
        TemplateName::Code(code) => {
            let unusable = Error::Malformed(Field("code"));
            let id = key::locate(tx.keyring(), code);
            let (row, expected) = share_code::find_with_hash(tx, id)?.ok_or(unusable.clone())?;
            let elsewhere = row.activated_by.is_some_and(|client| client != vendor.id());
            if !key::hash(tx, code).matches(&expected) || elsewhere {
                return Err(unusable);
            }
            resource::find(tx, row.resource_id)?.filter(|shared| shared.kind == Kind::Client).ok_or(unusable)?;
            Ok(Template::ShareCode(row.id))
        }
    }
}
