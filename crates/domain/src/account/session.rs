//! Sessions of people: a new key at every sign-in, kept as a keyed hash, ended at will (threat T36).

use model::{Error, Noun, Result, SessionKey};
use store::table::account_session::{self as sessions, Session};
use store::table::event::Verb;
use store::{KeyHash, Tx};

use super::sign_in::Where;
use crate::caller::{Lifetimes, SignedIn};
use crate::provision::log;

/// Sessions of one account; the oldest goes when there are more.
const MOST: usize = 50;

/// The keyed hash of a session's key.
pub(crate) fn hash(tx: &Tx<'_>, key: &SessionKey) -> KeyHash {
    tx.keyring().hash("session", key.expose_bytes())
}

/// Begins a session.
pub(crate) fn begin(tx: &mut Tx<'_>, account_id: i64, is_whole: bool, place: &Where) -> Result<SessionKey> {
    let key = SessionKey::from_bytes(tx.keyring().secret()?);
    let (id, now, hash) = (tx.next_id()?, tx.now(), hash(tx, &key));
    let session = Session {
        id,
        account_id,
        is_whole,
        acting_id: None,
        created_at: now,
        used_at: now,
        address: place.address.clone(),
        agent: place.agent.chars().take(200).collect(),
    };
    for old in sessions::list(tx, account_id)?.iter().skip(MOST - 1) {
        sessions::delete(tx, old.id, account_id)?;
    }
    sessions::insert(tx, &session, &hash)?;
    Ok(key)
}

/// The sessions of the person, the one used last first.
pub fn sessions(tx: &mut Tx<'_>, person: &SignedIn) -> Result<Vec<Session>> {
    sessions::list(tx, person.id())
}

/// Ends one of the person's sessions.
pub fn end(tx: &mut Tx<'_>, person: &SignedIn, id: i64) -> Result<()> {
    if !sessions::delete(tx, id, person.id())? {
        return Err(Error::Absent(Noun::Session));
    }
    note(tx, person, "one session")
}

/// Ends all of the person's sessions but this one.
pub fn end_others(tx: &mut Tx<'_>, person: &SignedIn) -> Result<()> {
    sessions::delete_others(tx, person.id(), person.session().id)?;
    note(tx, person, "all other sessions")
}

/// Signs out.
pub fn sign_out(tx: &mut Tx<'_>, person: &SignedIn) -> Result<()> {
    sessions::delete(tx, person.session().id, person.id())?;
    note(tx, person, "signed out")
}

/// Removes some sessions and links that are over; true when there may be more.
pub fn sweep(tx: &mut Tx<'_>, lifetimes: Lifetimes, limit: i64) -> Result<bool> {
    let since = tx.now() - lifetimes.idle_s.min(lifetimes.absolute_s);
    let gone = sessions::delete_unused(tx, since, limit)? + store::table::invitation::delete_expired(tx, limit)?;
    Ok(gone >= limit as u64)
}

fn note(tx: &mut Tx<'_>, person: &SignedIn, what: &str) -> Result<()> {
    let detail = format!("account {}: {what}", person.id());
    log::note(tx, Verb::SessionEnded, Some(person.account().client_id), Some(&detail))
}
