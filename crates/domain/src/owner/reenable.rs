//! An owner lets its device call in again: a new key, a new window.

use model::{Clash, Error, Noun, Result};
use store::Tx;
use store::table::client_model as models;
use store::table::event::{self, Verb};
use store::table::serial_number;

use crate::caller::OwnDevice;
use crate::provision::{log, open_window};

/// A new key and a new window for a device of one's own; the key before is dead when this commits. What its vendor has
/// disabled stays so until the vendor enables it again.
pub fn reenable(tx: &mut Tx<'_>, own: &OwnDevice) -> Result<()> {
    let origin = own.row().origin.as_ref().ok_or(Error::Conflict(Clash::NoClient))?;
    if is_held(tx, own)? {
        return Err(Error::Forbidden(Noun::SerialNumber));
    }
    let model = models::find_by_id(tx, origin.model_id)?.ok_or(Error::Absent(Noun::Model))?;
    open_window(tx, &model, own.id())?;
    serial_number::set_partner(tx, model.id, &origin.serial_number, origin.enabled_by)?;
    log::note_on_client(tx, own.id(), Verb::Reenabled, Some(own.caller().behind()))
}

/// Whether its vendor has disabled the device and not enabled it since.
pub fn is_held(tx: &mut Tx<'_>, own: &OwnDevice) -> Result<bool> {
    is_held_by_maker(tx, own.row().client.event_id)
}

/// Whether the newest word of a vendor in a number's log is that it is disabled: an owner who removes the device and brings it
/// in again does not get around that.
pub(super) fn is_held_by_maker(tx: &mut Tx<'_>, newest: Option<i64>) -> Result<bool> {
    let events = event::chain(tx, newest, log::KEPT)?;
    let word = events.iter().find(|event| {
        matches!(event.verb, Verb::Disabled | Verb::Enabled | Verb::Reenabled | Verb::RemappedHere | Verb::RemappedAway)
    });
    Ok(word.is_some_and(|event| event.verb == Verb::Disabled))
}
