//! Disabling a serial number: its key is dead, its client and data stay.

use model::{Result, SerialNumber};
use store::table::client;
use store::table::event::Verb;
use store::{Subject, Tx};

use super::{log, number};
use crate::caller::Numbers;

/// Kills the key of a number's client. Doing it again changes nothing.
pub fn disable(tx: &mut Tx<'_>, numbers: &Numbers, sn: &SerialNumber) -> Result<()> {
    let row = number::require_client(tx, numbers, sn)?;
    client::expire(tx, row.id)?;
    tx.touch(Subject::Client(row.id));
    log::note_on_client(tx, row.id, Verb::Disabled, Some(numbers.vendor().id()))
}
