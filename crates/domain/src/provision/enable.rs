//! Enabling a serial number: a client under its owner, a key, and the window in which its device must call in
//! (contract, manage.md "One serial number").

use model::{Cik, Clash, Error, Extra, Noun, Result, Rid, SerialNumber, VendorName};
use serde_json::json;
use store::table::client;
use store::table::client_model::{Model, Template};
use store::table::event::Verb;
use store::table::resource::{self, Kind};
use store::table::{serial_number, share_code};
use store::{Subject, Tx};

use super::{log, number};
use crate::caller::Numbers;
use crate::key;
use crate::resource::{Copying, NewClient, clone};

/// Who enables.
#[derive(Clone, Copy)]
pub(crate) struct Enabler {
    /// The share partner in whose name it is done.
    pub(crate) partner: Option<i64>,
    /// The client that does it.
    pub(crate) actor_id: i64,
}

/// Makes the client of a serial number under an owner of the caller's tree, and opens its window.
pub fn enable_for_owner(tx: &mut Tx<'_>, numbers: &Numbers, sn: &SerialNumber, owner: Rid) -> Result<Rid> {
    let known = number::require(tx, numbers, sn)?;
    let owner = resource::find_by_rid(tx, owner)?
        .filter(|owner| owner.kind == Kind::Client)
        .ok_or(Error::Forbidden(Noun::Owner))?;
    if !resource::is_within(tx, owner.id, numbers.vendor().id())? {
        return Err(Error::Forbidden(Noun::Owner));
    }
    if known.is_some_and(|known| known.client.is_some()) {
        return Err(Error::Conflict(Clash::HasClient));
    }
    let enabler = Enabler { partner: numbers.partner(), actor_id: numbers.vendor().id() };
    let made = make_client(tx, numbers.model(), numbers.maker(), sn, owner.id, enabler)?;
    Ok(made.rid)
}

/// A new key and a new window for a number that has a client; the key before is dead when this commits.
pub fn reenable(tx: &mut Tx<'_>, numbers: &Numbers, sn: &SerialNumber) -> Result<()> {
    let row = number::require_client(tx, numbers, sn)?;
    open_window(tx, numbers.model(), row.id)?;
    serial_number::set_partner(tx, numbers.model().id, sn, numbers.partner())?;
    log::note_on_client(tx, row.id, Verb::Reenabled, Some(numbers.vendor().id()))
}

/// Gives a client a new key that waits for its device.
pub(crate) fn open_window(tx: &mut Tx<'_>, model: &Model, client_id: i64) -> Result<()> {
    let issued = key::issue::<Cik>(tx, client_id)?;
    let end = tx.now() + model.activation_timeout_s;
    client::open_window(tx, client_id, &issued.hash, &issued.sealed, end)?;
    tx.touch(Subject::Client(client_id));
    Ok(())
}

/// Clones the model's template under an owner and gives the clone to the number, which gets a row if a range covered it.
pub(crate) fn make_client(
    tx: &mut Tx<'_>,
    model: &Model,
    maker: &VendorName,
    sn: &SerialNumber,
    owner_id: i64,
    enabler: Enabler,
) -> Result<NewClient> {
    let template_id = template(tx, model)?;
    let copying = Copying {
        aliases: !model.options.no_aliases,
        comments: !model.options.no_comments,
        historical: !model.options.no_historical,
    };
    let meta = json!({"device": {"type": "vendor", "vendor": maker.as_str(), "model": model.name.as_str(), "sn": sn.as_str()}});
    let end = tx.now() + model.activation_timeout_s;
    let made = clone(tx, template_id, owner_id, copying, Some(&meta.to_string()), Some(end))?;
    serial_number::insert(tx, model.id, sn, &Extra::default())?;
    let row = serial_number::find(tx, model.id, sn)?.ok_or(Error::Absent(Noun::SerialNumber))?;
    if !serial_number::set_client(tx, model.id, sn, made.id, enabler.partner)? {
        return Err(Error::Conflict(Clash::HasClient));
    }
    client::set_log(tx, made.id, row.event_id, row.event_count)?;
    log::note_on_client(tx, made.id, Verb::Enabled, Some(enabler.actor_id))?;
    tx.touch(Subject::Model(model.id));
    Ok(made)
}

fn template(tx: &mut Tx<'_>, model: &Model) -> Result<i64> {
    let gone = Error::Conflict(Clash::NoTemplate);
    let id = match model.template {
        Template::Resource(id) => id,
        Template::ShareCode(code) => {
            let (code, _) = share_code::find_with_hash(tx, code)?.ok_or(gone.clone())?;
            code.resource_id
        }
    };
    resource::find(tx, id)?.map(|template| template.id).ok_or(gone)
}
