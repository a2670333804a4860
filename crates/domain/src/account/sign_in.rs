//! Signing in, in one step or two, and choosing another password (threats T35, T36).

use model::{AccountName, Error, Result, SessionKey};
use store::Tx;
use store::table::account;
use store::table::account_session as sessions;
use store::table::event::Verb;

use super::password::{Hashed, Proof};
use super::{begin_session, second_factor};
use crate::caller::{Lifetimes, SignedIn};
use crate::provision::log;

/// Where somebody signs in from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Where {
    /// The peer address.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
}

/// What a right password leads to.
pub enum SignIn {
    /// The person is signed in.
    Whole(SessionKey),
    /// A one-time code is asked for.
    Half(SessionKey),
}

/// What a one-time code leads to.
pub enum Answered {
    /// The person is signed in, with a new key.
    Whole(SessionKey),
    /// It was wrong, or was used before.
    Wrong,
}

/// What has to be verified before [`sign_in`]: where there is no such account, something that never is right.
pub fn credentials(tx: &mut Tx<'_>, name: Option<&AccountName>) -> Result<Hashed> {
    let Some(name) = name else { return Ok(Hashed::nobodys()) };
    let Some(row) = account::find_by_name(tx, name)? else { return Ok(Hashed::nobodys()) };
    present(tx, row.id).map(|hashed| hashed.unwrap_or_else(Hashed::nobodys))
}

/// Signs in whoever proved a password, unless it was changed since.
pub fn sign_in(tx: &mut Tx<'_>, proof: &Proof, place: &Where) -> Result<SignIn> {
    let row = account::find(tx, proof.account_id())?.ok_or(Error::Unauthorized)?;
    require_present(tx, proof)?;
    if row.has_second_factor {
        return Ok(SignIn::Half(begin_session(tx, row.id, false, place)?));
    }
    whole(tx, row.id, row.client_id, place).map(SignIn::Whole)
}

/// Takes the one-time or recovery code of a person whose password was right. A wrong one leaves the session as it is.
pub fn second_step(tx: &mut Tx<'_>, key: &SessionKey, code: &str, place: &Where) -> Result<Answered> {
    tx.require_writing()?;
    let person = crate::caller::any_session(tx, key, Lifetimes::default())?;
    if person.session().is_whole || !second_factor::accept(tx, &person, code)? {
        return Ok(Answered::Wrong);
    }
    sessions::delete(tx, person.session().id, person.id())?;
    whole(tx, person.id(), person.account().client_id, place).map(Answered::Whole)
}

/// Writes down that a sign-in was refused. The name is one that exists: anything else is nobody's business.
pub fn refused(tx: &mut Tx<'_>, name: &AccountName, place: &Where) -> Result<()> {
    let Some(row) = account::find_by_name(tx, name)? else { return Ok(()) };
    let detail = format!("account {} from {}", row.id, place.address);
    log::note(tx, Verb::SignInRefused, Some(row.client_id), Some(&detail))
}

/// Chooses another password: the old one is proved, the new one hashed. Every other session ends.
pub fn change_password(tx: &mut Tx<'_>, person: &SignedIn, old: &Proof, new: &Hashed) -> Result<()> {
    if old.account_id() != person.id() || new.account_id() != Some(person.id()) {
        return Err(Error::Unauthorized);
    }
    require_present(tx, old)?;
    set_password(tx, person.id(), person.account().client_id, new)?;
    sessions::delete_others(tx, person.id(), person.session().id).map(|_| ())
}

/// Keeps a password.
pub(super) fn set_password(tx: &mut Tx<'_>, account_id: i64, client_id: i64, new: &Hashed) -> Result<()> {
    let sealed = new.seal(tx.keyring(), account_id)?;
    account::set_password(tx, account_id, &sealed)?;
    log::note(tx, Verb::PasswordChosen, Some(client_id), Some(&format!("account {account_id}")))
}

/// Begins a session of somebody who has shown all there is to show.
pub(super) fn whole(tx: &mut Tx<'_>, account_id: i64, client_id: i64, place: &Where) -> Result<SessionKey> {
    let key = begin_session(tx, account_id, true, place)?;
    account::note_sign_in(tx, account_id)?;
    let detail = format!("account {account_id} from {}", place.address);
    log::note(tx, Verb::SignedIn, Some(client_id), Some(&detail))?;
    Ok(key)
}

/// The proved password still is the account's.
pub(super) fn require_present(tx: &mut Tx<'_>, proof: &Proof) -> Result<()> {
    match present(tx, proof.account_id())? {
        Some(hashed) if proof.is_of(&hashed) => Ok(()),
        _ => Err(Error::Unauthorized),
    }
}

fn present(tx: &mut Tx<'_>, account_id: i64) -> Result<Option<Hashed>> {
    let sealed = account::sealed_password(tx, account_id)?;
    sealed.map(|sealed| Hashed::open(tx.keyring(), account_id, &sealed)).transpose()
}
