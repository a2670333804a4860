//! All that a vendor sees of one serial number: its state, its life as a list of events, its owner, its groups.

use model::{Extra, GroupId, Result, Rid, SerialNumber, Status, UnixSeconds};
use store::Tx;
use store::table::event::{self, Event};
use store::table::membership::{self, Member};
use store::table::model_try;
use store::table::resource;

use super::number;
use crate::caller::{ModelView, NumbersView};
use crate::resource::Description;

/// Events that are shown.
const SHOWN: usize = 100;

/// One serial number.
#[derive(Clone)]
pub struct Dossier {
    /// The number.
    pub serial_number: SerialNumber,
    /// Where it stands.
    pub status: Status,
    /// Its key was given and never used.
    pub is_unused_key: bool,
    /// The end of its window, while it waits.
    pub window_end: Option<UnixSeconds>,
    /// The vendor's text.
    pub extra: Extra,
    /// It has a row of its own, and is not only covered by a range.
    pub is_registered: bool,
    /// Its client.
    pub rid: Option<Rid>,
    /// The owner of its client: public name and name.
    pub owner: Option<(Rid, String)>,
    /// What happened, the newest first.
    pub events: Vec<Event>,
    /// Tries on a number that only a range covers: when, from where.
    pub tries: Vec<(UnixSeconds, String)>,
    /// The groups that hold it directly, and until when; 0 is for ever.
    pub groups: Vec<(GroupId, UnixSeconds)>,
}

/// Opens the dossier of a number.
pub fn dossier(tx: &mut Tx<'_>, model: &ModelView, sn: &SerialNumber) -> Result<Dossier> {
    let numbers: NumbersView = model.numbers_view();
    let row = number::require(tx, &numbers, sn)?;
    let (now, groups) = (tx.now(), membership::list_of_member(tx, model.id(), &Member::SerialNumber(sn.clone()))?);
    let Some(row) = row else {
        let tries = model_try::list(tx, model.id(), sn)?;
        return Ok(Dossier {
            serial_number: sn.clone(),
            status: Status::Unused,
            is_unused_key: false,
            window_end: None,
            extra: Extra::default(),
            is_registered: false,
            rid: None,
            owner: None,
            events: Vec::new(),
            tries: tries.into_iter().rev().map(|(at, address, _)| (at, address)).collect(),
            groups,
        });
    };
    let newest = row.client.map_or(row.event_id, |client| client.event_id);
    let events = event::chain(tx, newest, SHOWN)?;
    let owner = match row.client {
        Some(client) => owner_of(tx, client.id)?,
        None => None,
    };
    let status = row.client.map_or(Status::Unused, |client| client.status(now));
    let window_end = row.client.filter(|_| status == Status::NotActivated).and_then(|client| client.expires_at);
    Ok(Dossier {
        serial_number: sn.clone(),
        status,
        is_unused_key: row.client.is_some_and(|client| client.state == store::table::client::State::Answered),
        window_end,
        extra: row.extra,
        is_registered: true,
        rid: row.rid,
        owner,
        events,
        tries: Vec::new(),
        groups,
    })
}

fn owner_of(tx: &mut Tx<'_>, client_id: i64) -> Result<Option<(Rid, String)>> {
    let Some(owner_id) = resource::find(tx, client_id)?.and_then(|client| client.owner_id) else { return Ok(None) };
    let Some(owner) = resource::find(tx, owner_id)? else { return Ok(None) };
    let name = Description::stored(&owner)?.word("name").to_owned();
    Ok(Some((owner.rid, name)))
}
