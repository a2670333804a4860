//! Writing down what happened, in the transaction in which it happens (promise I11).
//!
//! The log of a serial number is a chain of events that ends in its client's row or, while it has no client, in its own. A
//! chain is kept at about [`KEPT`] events: when it has grown half as long again, its oldest part is cut off.

use model::{Error, Result, SerialNumber};
use store::table::client::{self, Client};
use store::table::event::{self, Event, Verb};
use store::table::serial_number;
use store::{KeyHash, Tx};

/// How many events of one serial number are kept at least.
pub const KEPT: usize = 1000;
const CUT_EVERY: i64 = KEPT as i64 / 2;

/// Writes down something that is not about one serial number.
pub fn note(tx: &mut Tx<'_>, verb: Verb, actor_id: Option<i64>, detail: Option<&str>) -> Result<()> {
    let event = Event { detail: detail.map(str::to_owned), ..new(tx, None, verb, actor_id)? };
    event::insert(tx, &event)
}

/// Writes down something about the serial number from which a client came.
pub fn note_on_client(tx: &mut Tx<'_>, client_id: i64, verb: Verb, actor_id: Option<i64>) -> Result<()> {
    let row = client::find(tx, client_id)?.ok_or_else(|| Error::internal("a device's client is missing"))?;
    let event = new(tx, row.event_id, verb, actor_id)?;
    keep_on_client(tx, &row, &event)
}

/// Writes down a device's try on a number that has a client.
pub fn try_on_client(tx: &mut Tx<'_>, row: &Client, verb: Verb, address: &str, retry: Option<KeyHash>) -> Result<()> {
    let event = Event { address: Some(address.to_owned()), retry, ..new(tx, row.event_id, verb, None)? };
    keep_on_client(tx, row, &event)
}

/// Writes down a device's try on a registered number without a client.
pub fn try_on_unused(
    tx: &mut Tx<'_>,
    model_id: i64,
    serial_number: &SerialNumber,
    newest: Option<i64>,
    address: &str,
) -> Result<()> {
    let event = Event { address: Some(address.to_owned()), ..new(tx, newest, Verb::RefusedUnused, None)? };
    if !serial_number::keep_event(tx, model_id, serial_number, newest, event.id)? {
        return Err(Error::Unavailable);
    }
    event::insert(tx, &event)?;
    let row = serial_number::find(tx, model_id, serial_number)?;
    cut(tx, event.id, row.map_or(0, |row| row.event_count))
}

/// Appends the event of an activation whose guarded update has already made it the newest of its number.
pub(super) fn activated(tx: &mut Tx<'_>, row: &Client, id: i64, address: &str, retry: Option<KeyHash>) -> Result<()> {
    let event = Event { id, address: Some(address.to_owned()), retry, ..blank(tx, row.event_id, Verb::Activated) };
    event::insert(tx, &event)?;
    cut(tx, id, row.event_count + 1)
}

fn keep_on_client(tx: &mut Tx<'_>, row: &Client, event: &Event) -> Result<()> {
    // Another transaction wrote this log since the row was read: the whole rule is run again.
    if !client::keep_event(tx, row.id, row.event_id, event.id)? {
        return Err(Error::Unavailable);
    }
    event::insert(tx, event)?;
    cut(tx, event.id, row.event_count + 1)
}

fn cut(tx: &mut Tx<'_>, newest: i64, count: i64) -> Result<()> {
    if count < KEPT as i64 + CUT_EVERY || count % CUT_EVERY != 0 {
        return Ok(());
    }
    let kept = event::chain(tx, Some(newest), KEPT)?;
    let oldest_kept = kept.last().and_then(|event| event.previous_id);
    for old in event::chain(tx, oldest_kept, KEPT)? {
        event::delete(tx, old.id)?;
    }
    Ok(())
}

fn new(tx: &mut Tx<'_>, previous_id: Option<i64>, verb: Verb, actor_id: Option<i64>) -> Result<Event> {
    let id = tx.next_event_id()?;
    Ok(Event { id, actor_id, ..blank(tx, previous_id, verb) })
}

fn blank(tx: &Tx<'_>, previous_id: Option<i64>, verb: Verb) -> Event {
    Event { id: 0, previous_id, at: tx.now(), verb, actor_id: None, address: None, retry: None, detail: None }
}
