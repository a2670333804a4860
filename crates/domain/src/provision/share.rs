//! Shares of a model with other vendors (contract, manage.md "Shares").

use model::{Error, Field, Result, VendorName};
use store::table::event::Verb;
use store::table::{model_share, vendor};
use store::{Subject, Tx};

use super::log;
use crate::caller::{ModelView, OwnedModel};

/// The vendors that a model is shared with.
pub fn partners(tx: &mut Tx<'_>, model: &ModelView) -> Result<Vec<VendorName>> {
    model_share::list(tx, model.id())
}

/// Whether a model is shared with a vendor.
pub fn is_shared(tx: &mut Tx<'_>, model: &ModelView, name: &str) -> Result<bool> {
    match vendor::find_by_name(tx, name)? {
        Some(partner) => model_share::exists(tx, model.id(), partner.client_id),
        None => Ok(false),
    }
}

/// Shares a model; again is fine.
pub fn share(tx: &mut Tx<'_>, model: &OwnedModel, name: &str) -> Result<()> {
    let partner = vendor::find_by_name(tx, name)?.ok_or(Error::Malformed(Field("vendor")))?;
    if model_share::insert(tx, model.id(), partner.client_id)? {
        let detail = format!("model {} with vendor {name}", model.id());
        log::note(tx, Verb::Shared, Some(model.vendor().id()), Some(&detail))?;
    }
    Ok(())
}

/// Ends a share; one that is not there is fine.
pub fn unshare(tx: &mut Tx<'_>, model: &OwnedModel, name: &str) -> Result<()> {
    let Some(partner) = vendor::find_by_name(tx, name)? else { return Ok(()) };
    if model_share::delete(tx, model.id(), partner.client_id)? {
        let detail = format!("model {} with vendor {name}", model.id());
        log::note(tx, Verb::Unshared, Some(model.vendor().id()), Some(&detail))?;
        tx.touch(Subject::Vendor(partner.client_id));
    }
    Ok(())
}
