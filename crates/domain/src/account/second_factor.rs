//! The second factor: one-time codes of an authenticator app, each good once, and recovery codes for the day the phone is lost
//! (threat T36).

use model::{Result, SecretKey as _, Token};
use store::table::event::Verb;
use store::table::{account, recovery_code};
use store::{KeyHash, Tx};

use super::password::Proof;
use super::{sign_in, totp};
use crate::caller::SignedIn;
use crate::provision::log;

pub(crate) const PURPOSE: &str = "totp";
const RECOVERY_CODES: usize = 10;

/// A secret that is shown once, to be confirmed with a first code.
pub struct Enrolment {
    /// As a person types it.
    pub secret: String,
    /// As a camera reads it.
    pub url: String,
}

/// Makes a new secret and shows it. It counts from [`confirm`] on.
pub fn begin(tx: &mut Tx<'_>, person: &SignedIn) -> Result<()> {
    let secret = tx.keyring().secret()?;
    let sealed = tx.keyring().seal(PURPOSE, person.id(), &secret[..totp::SECRET_BYTES])?;
    let (present, _) = account::sealed_totp(tx, person.id())?;
    account::set_totp(tx, person.id(), present.as_ref(), Some(&sealed))
}

/// The secret that waits to be confirmed, if there is one.
pub fn pending(tx: &mut Tx<'_>, person: &SignedIn) -> Result<Option<Enrolment>> {
    let (_, Some(sealed)) = account::sealed_totp(tx, person.id())? else { return Ok(None) };
    let secret = totp::base32(&tx.keyring().open(PURPOSE, person.id(), &sealed.0)?);
    let url = format!("otpauth://totp/cikada:{}?secret={secret}&issuer=cikada", escaped(person.name().as_str()));
    Ok(Some(Enrolment { secret, url }))
}

/// Takes the first code of the new secret: from now on one is asked for. Answers the recovery codes, which are shown once;
/// `None` when the code is wrong.
pub fn confirm(tx: &mut Tx<'_>, person: &SignedIn, code: &str) -> Result<Option<Vec<String>>> {
    let (_, Some(sealed)) = account::sealed_totp(tx, person.id())? else { return Ok(None) };
    let secret = tx.keyring().open(PURPOSE, person.id(), &sealed.0)?;
    let Some(step) = totp::step_of(&secret, tx.now(), code) else { return Ok(None) };
    account::set_totp(tx, person.id(), Some(&sealed), None)?;
    account::use_step(tx, person.id(), step)?;
    recovery_code::delete_all(tx, person.id())?;
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let digits: String = Token::from_bytes(first_20(tx.keyring().secret()?)).expose_hex()[..16].to_owned();
        let code = [&digits[..4], &digits[4..8], &digits[8..12], &digits[12..]].join("-");
        let hash = recovery_hash(tx, person.id(), &code);
        recovery_code::insert(tx, person.id(), &hash)?;
        codes.push(code);
    }
    note(tx, person, "set up")?;
    Ok(Some(codes))
}

/// Gives the second factor up; the password is proved.
pub fn give_up(tx: &mut Tx<'_>, person: &SignedIn, proof: &Proof) -> Result<()> {
    if proof.account_id() != person.id() {
        return Err(model::Error::Unauthorized);
    }
    sign_in::require_present(tx, proof)?;
    account::set_totp(tx, person.id(), None, None)?;
    recovery_code::delete_all(tx, person.id())?;
    note(tx, person, "given up")
}

/// How many recovery codes are left.
pub fn codes_left(tx: &mut Tx<'_>, person: &SignedIn) -> Result<i64> {
    recovery_code::count(tx, person.id())
}

/// Whether this is a code that was not used before; it is used up.
pub(super) fn accept(tx: &mut Tx<'_>, person: &SignedIn, code: &str) -> Result<bool> {
    if let (Some(sealed), _) = account::sealed_totp(tx, person.id())? {
        let secret = tx.keyring().open(PURPOSE, person.id(), &sealed.0)?;
        if let Some(step) = totp::step_of(&secret, tx.now(), code) {
            return account::use_step(tx, person.id(), step);
        }
    }
    let hash = recovery_hash(tx, person.id(), &code.trim().to_ascii_lowercase());
    recovery_code::delete(tx, person.id(), &hash)
}

fn recovery_hash(tx: &Tx<'_>, account_id: i64, code: &str) -> KeyHash {
    tx.keyring().hash("recovery code", format!("{account_id} {code}").as_bytes())
}

fn first_20(bytes: [u8; 32]) -> [u8; 20] {
    let mut first = [0; 20];
    first.copy_from_slice(&bytes[..20]);
    first
}

/// A name is visible ASCII: only what has a meaning in a URL is escaped.
fn escaped(name: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || "-._~@".contains(c);
    name.chars().map(|c| if keep(c) { c.to_string() } else { format!("%{:02X}", c as u32) }).collect()
}

fn note(tx: &mut Tx<'_>, person: &SignedIn, what: &str) -> Result<()> {
    let detail = format!("account {}: {what}", person.id());
    log::note(tx, Verb::SecondFactorChanged, Some(person.account().client_id), Some(&detail))
}
