//! Remapping: a repaired device got another serial number and keeps its client (contract, manage.md `enable=true&oldsn=`).

use model::{Clash, Error, Extra, Noun, Result, SerialNumber};
use serde_json::{Value, json};
use store::table::client;
use store::table::event::Verb;
use store::table::{resource, serial_number};
use store::{Subject, Tx};

use super::{enable, log, number};
use crate::caller::Numbers;

/// Gives the client of `old` to `sn`: `old` becomes unused, `sn` waits for its device with a new key.
pub fn remap(tx: &mut Tx<'_>, numbers: &Numbers, sn: &SerialNumber, old: &SerialNumber) -> Result<()> {
    let model = numbers.model();
    if number::require(tx, numbers, sn)?.is_some_and(|known| known.client.is_some()) {
        return Err(Error::Conflict(Clash::HasClient));
    }
    let row = match number::require_client(tx, numbers, old) {
        Err(Error::Absent(_)) => return Err(Error::Conflict(Clash::NoClient)),
        other => other?,
    };
    log::note_on_client(tx, row.id, Verb::RemappedAway, Some(numbers.vendor().id()))?;
    let row = client::find(tx, row.id)?.ok_or(Error::Absent(Noun::Client))?;
    serial_number::clear_client(tx, row.id, row.event_id, row.event_count)?;
    serial_number::insert(tx, model.id, sn, &Extra::default())?;
    let new = serial_number::find(tx, model.id, sn)?.ok_or(Error::Absent(Noun::SerialNumber))?;
    if !serial_number::set_client(tx, model.id, sn, row.id, numbers.partner())? {
        return Err(Error::Conflict(Clash::HasClient));
    }
    client::set_log(tx, row.id, new.event_id, new.event_count)?;
    enable::open_window(tx, model, row.id)?;
    rename(tx, row.id, sn)?;
    tx.touch(Subject::Model(model.id));
    log::note_on_client(tx, row.id, Verb::RemappedHere, Some(numbers.vendor().id()))
}

/// The client's meta names the serial number that it now has, if it is still the one that enabling wrote.
fn rename(tx: &mut Tx<'_>, client_id: i64, sn: &SerialNumber) -> Result<()> {
    let Some(row) = resource::find(tx, client_id)? else { return Ok(()) };
    let mut description: Value = serde_json::from_str(&row.description).map_err(Error::internal)?;
    let meta = description["meta"].as_str().and_then(|meta| serde_json::from_str::<Value>(meta).ok());
    let Some(mut meta) = meta.filter(|meta| meta["device"]["sn"].is_string()) else { return Ok(()) };
    meta["device"]["sn"] = json!(sn.as_str());
    description["meta"] = Value::from(meta.to_string());
    resource::describe(tx, client_id, &description.to_string(), &row.excerpt)
}
