//! Passwords: which are refused, how they are kept, and what it takes to have proved one (threat T35).

use argon2::{Algorithm, Argon2, Params, Version};
use model::{AccountName, Error, Result};
use store::{Keyring, Sealed};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A password has at least so many characters.
pub const LEAST_CHARACTERS: usize = 12;
/// And at most so many bytes.
pub const MOST_BYTES: usize = 1024;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
pub(crate) const PURPOSE: &str = "password";
/// Those that people take when they have to take twelve characters, one a line, without case.
const COMMON: &str = include_str!("common_passwords.txt");

/// A text that somebody typed as a password. It has no `Debug`, no `Display` and no `==`.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Fewer than [`LEAST_CHARACTERS`].
    TooShort,
    /// More than [`MOST_BYTES`].
    TooLong,
    /// One of the most common, or one character again and again.
    Common,
    /// It is little more than the name of the account or of this software.
    LikeName,
}

/// A password as it is kept: salt and hash.
#[derive(Clone)]
pub struct Hashed {
    /// Whose it is; nobody's where there is no such account.
    account_id: Option<i64>,
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

/// Somebody has typed the password of that account. Only [`Hashed::verify`] makes it.
#[derive(Clone)]
pub struct Proof {
    account_id: i64,
    hash: [u8; HASH_BYTES],
}

impl Password {
    /// What was typed, whatever it is worth.
    pub fn typed(text: &str) -> Password {
        Password(Zeroizing::new(text.to_owned()))
    }

    /// Says why it is not good enough for an account of that name.
    pub fn weakness(&self, name: &AccountName) -> Option<Weakness> {
        let text = self.0.as_str();
        if text.chars().count() < LEAST_CHARACTERS {
            return Some(Weakness::TooShort);
        }
        if text.len() > MOST_BYTES {
            return Some(Weakness::TooLong);
        }
        let folded = text.to_lowercase();
        let letters: String = folded.chars().filter(|c| c.is_alphanumeric()).collect();
        let mut different: Vec<char> = folded.chars().collect();
        different.sort_unstable();
        different.dedup();
        if different.len() < 5 || COMMON.lines().any(|common| common == folded || common == letters) {
            return Some(Weakness::Common);
        }
        let name = name.folded();
        let person = name.split('@').next().unwrap_or_default();
        let left = [name.as_str(), person, "cikada", "password"]
            .into_iter()
            .filter(|part| part.len() >= 4)
            .fold(folded, |left, part| left.replace(part, ""));
        (left.chars().count() < LEAST_CHARACTERS / 2).then_some(Weakness::LikeName)
    }

    /// Hashes it for an account. Takes its time: never on a thread that others wait for.
    pub fn hash(&self, keyring: &Keyring, account_id: i64) -> Result<Hashed> {
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&keyring.secret()?[..SALT_BYTES]);
        Ok(Hashed { account_id: Some(account_id), salt, hash: self.stretch(&salt)? })
    }

    fn stretch(&self, salt: &[u8; SALT_BYTES]) -> Result<[u8; HASH_BYTES]> {
        let params = Params::new(MEMORY_KIB, PASSES, 1, Some(HASH_BYTES)).map_err(Error::internal)?;
        let mut hash = [0; HASH_BYTES];
        // More than this no account can have, and nobody is to make us hash a book.
        let text = &self.0.as_bytes()[..self.0.len().min(MOST_BYTES)];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(text, salt, &mut hash).map_err(Error::internal)?;
        Ok(hash)
    }
}

impl Hashed {
    /// What takes as long to verify as any other, and never is the right one.
    pub fn nobodys() -> Hashed {
        Hashed { account_id: None, salt: [0x5a; SALT_BYTES], hash: [0; HASH_BYTES] }
    }

    /// Whether this is the password. Takes its time, known account or not.
    pub fn verify(&self, typed: &Password) -> Result<Option<Proof>> {
        let hash = typed.stretch(&self.salt)?;
        let is_right = bool::from(hash.ct_eq(&self.hash));
        Ok(self.account_id.filter(|_| is_right).map(|account_id| Proof { account_id, hash }))
    }

    /// Whose it is.
    pub(crate) fn account_id(&self) -> Option<i64> {
        self.account_id
    }

    /// Seals it for its row.
    pub(crate) fn seal(&self, keyring: &Keyring, account_id: i64) -> Result<Sealed> {
        keyring.seal(PURPOSE, account_id, &[&self.salt[..], &self.hash].concat())
    }

    /// Opens what was sealed for a row.
    pub(crate) fn open(keyring: &Keyring, account_id: i64, sealed: &Sealed) -> Result<Hashed> {
        let bytes = keyring.open(PURPOSE, account_id, &sealed.0)?;
        let damaged = || Error::internal("a stored password has another length");
        let (salt, hash) = bytes.split_at_checked(SALT_BYTES).ok_or_else(damaged)?;
        Ok(Hashed {
            account_id: Some(account_id),
            salt: salt.try_into().map_err(|_| damaged())?,
            hash: hash.try_into().map_err(|_| damaged())?,
        })
    }
}

impl Proof {
    /// Whose password it was.
    pub(crate) fn account_id(&self) -> i64 {
        self.account_id
    }

    /// Whether it still is.
    pub(crate) fn is_of(&self, present: &Hashed) -> bool {
        self.hash.ct_eq(&present.hash).into()
    }
}

#[cfg(test)]
mod tests {
    use model::Limits;

    use super::*;

    #[test]
    fn what_everybody_takes_is_refused() {
        let name = AccountName::parse("adalovelace@example.org", &Limits::default()).unwrap();
        for (text, weakness) in [
            ("", Some(Weakness::TooShort)),
            ("elevenchars", Some(Weakness::TooShort)),
            ("ééééééééééé", Some(Weakness::TooShort)),
            ("Password1234", Some(Weakness::Common)),
            ("123456789012", Some(Weakness::Common)),
            ("qwertyuiop[]", Some(Weakness::Common)),
            ("aaaaaaaaaaaaaaaaaaaa", Some(Weakness::Common)),
            ("adalovelace1", Some(Weakness::LikeName)),
            ("AdaLovelace@example.org", Some(Weakness::LikeName)),
            ("cikadacikada99", Some(Weakness::LikeName)),
            ("plum gravel nine tide", None),
            ("k7#vQ2!mZp0x", None),
        ] {
            assert_eq!(Password::typed(text).weakness(&name), weakness, "{text}");
        }
        assert_eq!(Password::typed(&"ab cde".repeat(200)).weakness(&name), Some(Weakness::TooLong));
    }

    #[test]
    fn only_the_password_of_an_account_proves_anything() {
        let keyring = Keyring::new(&[7; 32]);
        let (right, wrong) = (Password::typed("plum gravel nine tide"), Password::typed("plum gravel nine tidf"));
        let hashed = right.hash(&keyring, 5).unwrap();
        let kept = Hashed::open(&keyring, 5, &hashed.seal(&keyring, 5).unwrap()).unwrap();
        assert_eq!(kept.verify(&right).unwrap().map(|proof| proof.account_id()), Some(5));
        assert!(kept.verify(&wrong).unwrap().is_none());
        assert!(Hashed::nobodys().verify(&right).unwrap().is_none());
        assert!(Hashed::open(&keyring, 6, &hashed.seal(&keyring, 5).unwrap()).is_err(), "moved to another row");
    }
}
