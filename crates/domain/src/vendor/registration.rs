//! Registering a vendor name to a client (contract, manage.md "Registration").

use model::{Clash, Error, Noun, Result, VendorName};
use store::table::event::Verb;
use store::table::{client_model as models, model_share, serial_number, vendor, vendor_token};
use store::{Subject, Tx};

use crate::caller::CallingClient;
use crate::provision::{log, wipe_model};

/// The vendor name of the calling client.
pub fn name_of(tx: &mut Tx<'_>, client: &CallingClient) -> Result<VendorName> {
    vendor::find(tx, client.id())?.map(|row| row.name).ok_or(Error::Absent(Noun::Vendor))
}

/// Registers a name to the calling client. A device cannot be a vendor; the same name again changes nothing.
pub fn register(tx: &mut Tx<'_>, client: &CallingClient, name: &VendorName) -> Result<()> {
    if serial_number::find_of_client(tx, client.id())?.is_some() {
        return Err(Error::Forbidden(Noun::Vendor));
    }
    match vendor::find(tx, client.id())? {
        Some(row) if row.name == *name => return Ok(()),
        Some(_) => return Err(Error::Conflict(Clash::HasVendorName)),
        None => {}
    }
    if !vendor::insert(tx, client.id(), name)? {
        return Err(Error::Exists(Noun::Vendor, None));
    }
    log::note(tx, Verb::VendorRegistered, Some(client.id()), Some(name.as_str()))?;
    tx.touch(Subject::Vendor(client.id()));
    Ok(())
}

/// Gives the calling client's name up, with its tokens and the shares that others gave it. Not while it has models.
pub fn unregister(tx: &mut Tx<'_>, client: &CallingClient, name: &VendorName) -> Result<()> {
    let row = vendor::find(tx, client.id())?.filter(|row| row.name == *name).ok_or(Error::Absent(Noun::Vendor))?;
    if !models::list(tx, row.client_id)?.is_empty() {
        return Err(Error::Conflict(Clash::HasModels));
    }
    remove(tx, row.client_id)?;
    log::note(tx, Verb::VendorUnregistered, Some(client.id()), Some(name.as_str()))
}

/// Removes a vendor whose client is dropped, with its models.
pub(crate) fn dissolve(tx: &mut Tx<'_>, vendor_id: i64) -> Result<()> {
    for name in models::list(tx, vendor_id)? {
        if let Some(row) = models::find(tx, vendor_id, name.as_str())? {
            wipe_model(tx, row.id)?;
        }
    }
    remove(tx, vendor_id)
}

fn remove(tx: &mut Tx<'_>, vendor_id: i64) -> Result<()> {
    vendor_token::delete_all(tx, vendor_id)?;
    model_share::delete_to(tx, vendor_id)?;
    vendor::delete(tx, vendor_id)?;
    tx.touch(Subject::Vendor(vendor_id));
    Ok(())
}
