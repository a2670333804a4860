//! The serial numbers of a model: adding, removing, listing, looking (contract, manage.md "Serial numbers").

use model::{Clash, Error, Extra, GroupId, Noun, Page, Result, Rid, SerialNumber, Status, UnixSeconds};
use store::table::client::Client;
use store::table::event::{self, Verb};
use store::table::membership::{self, Member};
use store::table::serial_number::{self, Registered};
use store::table::{model_try, serial_range, vendor};
use store::{Subject, Tx};

use super::log;
use crate::caller::{ModelView, Numbers, NumbersView, OwnedModel};

/// A number to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNumber {
    /// The number.
    pub serial_number: SerialNumber,
    /// The vendor's text.
    pub extra: Extra,
}

/// A number as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The number.
    pub serial_number: SerialNumber,
    /// Where it stands in its life.
    pub status: Status,
    /// Its client, while it has one.
    pub rid: Option<Rid>,
    /// The vendor's text; empty for a share partner.
    pub extra: Extra,
}

/// One line of a number's activation log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// When.
    pub at: UnixSeconds,
    /// From where.
    pub address: String,
    /// What came of it.
    pub verb: Verb,
}

/// Registers numbers: all of them or, when one is registered already, none.
pub fn add(tx: &mut Tx<'_>, model: &OwnedModel, numbers: &[NewNumber]) -> Result<()> {
    let mut rows = numbers.iter().map(|number| (&number.serial_number, &number.extra));
    match serial_number::insert_all(tx, model.id(), &mut rows)? {
        Some(known) => Err(Error::Exists(Noun::SerialNumber, Some(numbers[known].serial_number.to_string()))),
        None => Ok(()),
    }
}

/// Unregisters numbers; those already gone are fine. Clients stay with their owners and lose the model's content.
pub fn remove(tx: &mut Tx<'_>, model: &OwnedModel, numbers: &[SerialNumber]) -> Result<()> {
    for number in numbers {
        if let Some(row) = serial_number::find(tx, model.id(), number)? {
            if let Some(client) = row.client {
                tx.touch(Subject::Client(client.id));
            }
            serial_number::delete(tx, model.id(), number)?;
        }
        membership::delete_member(tx, model.id(), &Member::SerialNumber(number.clone()))?;
    }
    tx.touch(Subject::Model(model.id()));
    Ok(())
}

/// A page of the registered numbers; through a share, of those that the partner enabled. `before` is the number before the
/// page, where it is known: then those before it need not be counted.
pub fn list(
    tx: &mut Tx<'_>,
    numbers: &NumbersView,
    page: Page,
    before: impl FnOnce(i64) -> Option<SerialNumber>,
) -> Result<Vec<Listed>> {
    let model_id = numbers.model().id;
    let rows = match numbers.partner() {
        None => match before(model_id) {
            Some(before) => serial_number::list_after(tx, model_id, &before, page.limit)?,
            None => serial_number::list(tx, model_id, page)?,
        },
        Some(partner) => serial_number::list_of_partner(tx, model_id, partner, page)?,
    };
    let now = tx.now();
    Ok(rows.into_iter().map(|row| listed(row, numbers, now)).collect())
}

/// A page of the caller's own numbers that a share partner enabled, by the partner's name.
pub fn list_of_partner(tx: &mut Tx<'_>, numbers: &NumbersView, partner: &str, page: Page) -> Result<Vec<Listed>> {
    if numbers.partner().is_some() {
        return Err(Error::Forbidden(Noun::Share));
    }
    let Some(partner) = vendor::find_by_name(tx, partner)? else { return Ok(Vec::new()) };
    let rows = serial_number::list_of_partner(tx, numbers.model().id, partner.client_id, page)?;
    let now = tx.now();
    Ok(rows.into_iter().map(|row| listed(row, numbers, now)).collect())
}

/// One number; `None` while it is unused.
pub fn show(tx: &mut Tx<'_>, numbers: &NumbersView, sn: &SerialNumber) -> Result<Option<Listed>> {
    let row = look(tx, numbers, sn)?;
    let now = tx.now();
    Ok(row.filter(|row| row.client.is_some()).map(|row| listed(row, numbers, now)))
}

/// The devices' tries, oldest first; of a number that only a range covers, its part of the model's log.
pub fn show_log(tx: &mut Tx<'_>, numbers: &NumbersView, sn: &SerialNumber) -> Result<Vec<Try>> {
    let Some(row) = look(tx, numbers, sn)? else {
        let tries = model_try::list(tx, numbers.model().id, sn)?;
        return Ok(tries.into_iter().map(|(at, address, verb)| Try { at, address, verb }).collect());
    };
    let newest = row.client.map_or(row.event_id, |client| client.event_id);
    let events = event::chain(tx, newest, log::KEPT)?;
    let tries = events.into_iter().rev().filter(|event| event.verb.result_word().is_some());
    Ok(tries.map(|event| Try { at: event.at, address: event.address.unwrap_or_default(), verb: event.verb }).collect())
}

/// A page of the groups that hold a number directly.
pub fn groups_of_number(tx: &mut Tx<'_>, model: &ModelView, sn: &SerialNumber, page: Page) -> Result<Vec<GroupId>> {
    require(tx, &model.numbers_view(), sn)?;
    membership::list_groups(tx, model.id(), &Member::SerialNumber(sn.clone()), page)
}

/// A number that is registered (its row) or that a range covers (`None`).
pub(super) fn require(tx: &mut Tx<'_>, numbers: &NumbersView, sn: &SerialNumber) -> Result<Option<Registered>> {
    let model_id = numbers.model().id;
    let row = serial_number::find(tx, model_id, sn)?;
    if row.is_none() && !serial_range::covers(tx, model_id, sn)? {
        return Err(Error::Absent(Noun::SerialNumber));
    }
    Ok(row)
}

/// The client of a number that the caller may act on.
pub(super) fn require_client(tx: &mut Tx<'_>, numbers: &NumbersView, sn: &SerialNumber) -> Result<Client> {
    look(tx, numbers, sn)?.and_then(|row| row.client).ok_or(Error::Conflict(Clash::NoClient))
}

/// Registers a known number that had no row of its own yet.
pub(super) fn require_row(tx: &mut Tx<'_>, numbers: &Numbers, sn: &SerialNumber) -> Result<()> {
    if require(tx, numbers, sn)?.is_none() {
        serial_number::insert(tx, numbers.model().id, sn, &Extra::default())?;
    }
    Ok(())
}

/// A known number as far as the caller may see it: a share partner sees those that it enabled, and cannot tell the others
/// from unknown ones.
fn look(tx: &mut Tx<'_>, numbers: &NumbersView, sn: &SerialNumber) -> Result<Option<Registered>> {
    match numbers.partner() {
        None => require(tx, numbers, sn),
        Some(partner) => {
            let row = serial_number::find(tx, numbers.model().id, sn)?;
            let own = row.filter(|row| row.enabled_by == Some(partner));
            own.map(Some).ok_or(Error::Forbidden(Noun::SerialNumber))
        }
    }
}

pub(super) fn listed(row: Registered, numbers: &NumbersView, now: UnixSeconds) -> Listed {
    Listed {
        status: row.client.map_or(Status::Unused, |client| client.status(now)),
        serial_number: row.serial_number,
        rid: row.rid,
        extra: if numbers.partner().is_some() { Extra::default() } else { row.extra },
    }
}
