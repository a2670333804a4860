//! What an owner does with the keys of its clients (contract, rpc.md `activate`, `deactivate`, `revoke` of a "client").

use model::{Cik, Error, Noun, Result, Seconds};
use store::table::client::{self, Client};
use store::table::event::Verb;
use store::table::{resource, serial_number};
use store::{Subject, Tx};

use crate::caller::{Caller, Right};
use crate::key;
use crate::provision::log;

/// Makes a key work that waits for its device.
pub fn activate_key(tx: &mut Tx<'_>, caller: &Caller, cik: &Cik) -> Result<()> {
    let row = find_owned(tx, caller, Right::Activate, cik)?;
    match client::activate_by_owner(tx, row.id)? {
        true => note(tx, caller, row.id, Verb::ActivatedByOwner),
        false => Err(Error::Absent(Noun::Client)),
    }
}

/// Kills a key.
pub fn expire_key(tx: &mut Tx<'_>, caller: &Caller, cik: &Cik) -> Result<()> {
    let row = find_owned(tx, caller, Right::Deactivate, cik)?;
    client::expire(tx, row.id)?;
    note(tx, caller, row.id, Verb::Disabled)
}

/// Replaces a key by one that is not activated; the old one is dead when this commits.
pub fn replace_key(tx: &mut Tx<'_>, caller: &Caller, window_s: Seconds, cik: &Cik) -> Result<()> {
    let row = find_owned(tx, caller, Right::Revoke, cik)?;
    let issued = key::issue::<Cik>(tx, row.id)?;
    let end = tx.now() + window_s;
    client::open_window(tx, row.id, &issued.hash, &issued.sealed, end)?;
    note(tx, caller, row.id, Verb::KeyReplaced)
}

/// The client of a key, which the caller must own directly. A key of nobody is absent.
fn find_owned(tx: &mut Tx<'_>, caller: &Caller, right: Right, cik: &Cik) -> Result<Client> {
    let unknown = Error::Absent(Noun::Client);
    let id = key::locate(tx.keyring(), cik);
    let (row, expected) = client::find_with_hash(tx, id)?.ok_or(unknown.clone())?;
    if !key::hash(tx, cik).matches(&expected) {
        return Err(unknown);
    }
    let owner_id = resource::find(tx, id)?.and_then(|row| row.owner_id);
    if owner_id != Some(caller.behind()) {
        return Err(Error::Forbidden(Noun::Client));
    }
    caller.require_right(tx, right, id)?;
    Ok(row)
}

fn note(tx: &mut Tx<'_>, caller: &Caller, client_id: i64, verb: Verb) -> Result<()> {
    tx.touch(Subject::Client(client_id));
    match serial_number::find_of_client(tx, client_id)? {
        Some(_) => log::note_on_client(tx, client_id, verb, Some(caller.behind())),
        None => {
            let rid = resource::find(tx, client_id)?.map(|row| row.rid.to_string());
            log::note(tx, verb, Some(caller.behind()), rid.as_deref())
        }
    }
}
