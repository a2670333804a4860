//! Secrets at rest, and the keys that make and find them.
//!
//! The master key lives outside the database. It wraps the data key, which the database keeps; hashes and locators are derived
//! from that by HKDF-SHA-256, for ever, because issued keys carry them. A secret is kept twice: as a keyed hash to recognize it,
//! and sealed (XChaCha20-Poly1305, bound to its row) because some calls must show it again. The key that seals is another
//! one after every rotation; until all that it sealed is sealed anew, the one before opens, too.
//!
//! A key of 160 bits carries its row: 48 bits are a keyed permutation of the row id, 112 are random. Finding its row costs no
//! index on a random value, and to anyone without the data key all 160 bits look random.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use model::{Error, Result};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const NONCE_BYTES: usize = 24;
const LOCATOR_BITS: u32 = 48;
const HALF_MASK: u32 = (1 << (LOCATOR_BITS / 2)) - 1;

/// The operator's key; it never enters the database.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

/// The keyed hash of a secret. Compared in constant time only.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

/// A secret that only its own row can open: nonce, then ciphertext and tag.
pub struct Sealed(pub Vec<u8>);

/// The keys derived from the data key.
pub struct Keyring {
    hashing: Hmac<Sha256>,
    locating: Hmac<Sha256>,
    seals: RwLock<Seals>,
}

/// The keys that seal and open.
#[derive(Clone)]
pub(crate) struct Seals {
    /// What is sealed now is sealed with this.
    pub(crate) present: XChaCha20Poly1305,
    /// What has not been sealed anew since the last rotation opens with this.
    pub(crate) before: Option<XChaCha20Poly1305>,
}

impl MasterKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> MasterKey {
        MasterKey(bytes)
    }

    /// A new random one.
    pub fn generate() -> Result<MasterKey> {
        let mut bytes = [0; 32];
        random(&mut bytes)?;
        Ok(MasterKey(bytes))
    }

    /// Its bytes, to be written to the operator's key file.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Wraps a key of the database; `what` keeps the keys apart.
    pub(crate) fn wrap(&self, what: &str, key: &[u8; 32]) -> Result<Sealed> {
        seal(&self.cipher(), key, format!("cikada {what}").as_bytes())
    }

    pub(crate) fn unwrap(&self, what: &str, wrapped: &Sealed) -> Result<Zeroizing<[u8; 32]>> {
        let bytes = open(&self.cipher(), &wrapped.0, format!("cikada {what}").as_bytes())
            .ok_or_else(|| Error::internal("the master key does not open this database"))?;
        let bytes: [u8; 32] =
            bytes.as_slice().try_into().map_err(|_| Error::internal("the wrapped data key is damaged"))?;
        Ok(Zeroizing::new(bytes))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &self.0).expand(b"cikada wrap v1", key.as_mut()).expect("32 bytes can be derived");
        XChaCha20Poly1305::new(&Key::from(*key))
    }
}

impl KeyHash {
    /// The hash as a row keeps it.
    pub fn from_bytes(bytes: [u8; 32]) -> KeyHash {
        KeyHash(bytes)
    }

    /// Its bytes, to be kept in a row.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &KeyHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Keyring {
    /// Derives the working keys, for a database whose keys were never rotated.
    pub fn new(data_key: &[u8; 32]) -> Keyring {
        Keyring::with(data_key, Seals { present: cipher(&first_seal_key(data_key)), before: None })
    }

    /// Derives the working keys but those that seal.
    pub(crate) fn with(data_key: &[u8; 32], seals: Seals) -> Keyring {
        let mac = |key: Zeroizing<[u8; 32]>| {
            <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_ref()).expect("HMAC takes a key of any length")
        };
        Keyring {
            hashing: mac(derive(data_key, b"cikada hash v1")),
            locating: mac(derive(data_key, b"cikada locate v1")),
            seals: RwLock::new(seals),
        }
    }

    /// Takes other keys for sealing up. Called where no rule runs that has sealed and not yet committed.
    pub(crate) fn take_up(&self, seals: Seals) {
        *self.seals.write().unwrap_or_else(PoisonError::into_inner) = seals;
    }

    /// Opens nothing with the key before any more.
    pub(crate) fn forget_before(&self) {
        self.seals.write().unwrap_or_else(PoisonError::into_inner).before = None;
    }

    /// Whether something may be sealed with the key before the present one.
    pub fn is_resealing(&self) -> bool {
        self.seals().before.is_some()
    }

    fn seals(&self) -> RwLockReadGuard<'_, Seals> {
        self.seals.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same secret sealed with the present key; `None` where it is already.
    pub fn seal_anew(&self, purpose: &str, row: i64, sealed: &[u8]) -> Result<Option<Sealed>> {
        let (seals, bound) = (self.seals(), bound(purpose, row));
        let Some(before) = &seals.before else { return Ok(None) };
        match open(before, sealed, &bound) {
            Some(secret) => seal(&seals.present, &secret, &bound).map(Some),
            None => Ok(None),
        }
    }

    /// The keyed hash by which a secret is recognized. `purpose` keeps the hashes of different kinds of secret apart.
    pub fn hash(&self, purpose: &str, secret: &[u8]) -> KeyHash {
        let mut mac = self.hashing.clone();
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(secret);
        KeyHash(mac.finalize().into_bytes().into())
    }

    /// Seals a secret for one row; `purpose` and `row` must be given again to open it.
    pub fn seal(&self, purpose: &str, row: i64, secret: &[u8]) -> Result<Sealed> {
        seal(&self.seals().present, secret, &bound(purpose, row))
    }

    /// Opens what was sealed for that row; anything else is a damaged or moved row.
    pub fn open(&self, purpose: &str, row: i64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let (seals, bound) = (self.seals(), bound(purpose, row));
        open(&seals.present, sealed, &bound)
            .or_else(|| open(seals.before.as_ref()?, sealed, &bound))
            .ok_or_else(|| Error::internal(format_args!("the sealed {purpose} of row {row} does not open")))
    }

    /// A new key of 160 bits that carries a row id below 2^48. Each purpose has a permutation of its own, so that the
    /// public RID of a row says nothing about its secret key.
    pub fn issue(&self, purpose: &str, row: i64) -> Result<[u8; 20]> {
        let mut key = [0; 20];
        random(&mut key[6..])?;
        key[..6].copy_from_slice(&self.permute(purpose, row as u64).to_be_bytes()[2..]);
        Ok(key)
    }

    /// 32 random bytes: a session, the link of an invitation, a salt.
    pub fn secret(&self) -> Result<[u8; 32]> {
        let mut bytes = [0; 32];
        random(&mut bytes)?;
        Ok(bytes)
    }

    /// The row id that a key carries; for a made-up key some row that will not recognize it.
    pub fn locate(&self, purpose: &str, key: &[u8; 20]) -> i64 {
        let mut block = [0; 8];
        block[2..].copy_from_slice(&key[..6]);
        self.unpermute(purpose, u64::from_be_bytes(block)) as i64
    }

    /// A Feistel network over two halves of 24 bits; four rounds of a pseudorandom function make a strong permutation.
    fn permute(&self, purpose: &str, value: u64) -> u64 {
        let (mut left, mut right) = halves(value);
        for round in 0..4 {
            (left, right) = (right, left ^ self.round(purpose, round, right));
        }
        u64::from(left) << (LOCATOR_BITS / 2) | u64::from(right)
    }

    fn unpermute(&self, purpose: &str, value: u64) -> u64 {
        let (mut left, mut right) = halves(value);
        for round in (0..4).rev() {
            (left, right) = (right ^ self.round(purpose, round, left), left);
        }
        u64::from(left) << (LOCATOR_BITS / 2) | u64::from(right)
    }

    fn round(&self, purpose: &str, round: u8, half: u32) -> u32 {
        let mut mac = self.locating.clone();
        mac.update(purpose.as_bytes());
        mac.update(&[0, round]);
        mac.update(&half.to_be_bytes());
        let out = mac.finalize().into_bytes();
        u32::from_be_bytes([0, out[0], out[1], out[2]])
    }
}

/// The key that seals until the first rotation.
pub(crate) fn first_seal_key(data_key: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    derive(data_key, b"cikada seal v1")
}

pub(crate) fn cipher(seal_key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*seal_key))
}

fn derive(data_key: &[u8; 32], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0u8; 32]);
    Hkdf::<Sha256>::new(None, data_key).expand(info, key.as_mut()).expect("32 bytes can be derived");
    key
}

/// Fills with randomness of the system; without it nothing can be issued.
pub(crate) fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|cause| Error::internal(format_args!("no randomness: {cause}")))
}

fn halves(value: u64) -> (u32, u32) {
    ((value >> (LOCATOR_BITS / 2)) as u32 & HALF_MASK, value as u32 & HALF_MASK)
}

fn bound(purpose: &str, row: i64) -> Vec<u8> {
    let mut data = purpose.as_bytes().to_vec();
    data.push(0);
    data.extend_from_slice(&row.to_be_bytes());
    data
}

fn seal(cipher: &XChaCha20Poly1305, secret: &[u8], bound_to: &[u8]) -> Result<Sealed> {
    let mut nonce = [0; NONCE_BYTES];
    random(&mut nonce)?;
    let payload = Payload { msg: secret, aad: bound_to };
    let text = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Error::internal("sealing failed"))?;
    let mut sealed = nonce.to_vec();
    sealed.extend_from_slice(&text);
    Ok(Sealed(sealed))
}

fn open(cipher: &XChaCha20Poly1305, sealed: &[u8], bound_to: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: text, aad: bound_to };
    cipher.decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_carries_its_row(row in 0i64..1 << 48) {
            let keyring = Keyring::new(&[7; 32]);
            let key = keyring.issue("cik", row).unwrap();
            prop_assert_eq!(keyring.locate("cik", &key), row);
        }
    }

    #[test]
    fn a_sealed_secret_opens_in_its_own_row_only() {
        let keyring = Keyring::new(&[7; 32]);
        let sealed = keyring.seal("cik", 5, b"secret").unwrap();
        assert_eq!(keyring.open("cik", 5, &sealed.0).unwrap().as_slice(), b"secret");
        assert!(keyring.open("cik", 6, &sealed.0).is_err());
        assert!(keyring.open("token", 5, &sealed.0).is_err());
        assert!(Keyring::new(&[8; 32]).open("cik", 5, &sealed.0).is_err());
        assert!(keyring.open("cik", 5, &sealed.0[..10]).is_err());
    }

    #[test]
    fn another_master_key_does_not_unwrap() {
        let wrapped = MasterKey::from_bytes([1; 32]).wrap("data key", &[9; 32]).unwrap();
        assert_eq!(*MasterKey::from_bytes([1; 32]).unwrap("data key", &wrapped).unwrap(), [9; 32]);
        assert!(MasterKey::from_bytes([2; 32]).unwrap("data key", &wrapped).is_err());
        assert!(MasterKey::from_bytes([1; 32]).unwrap("seal key", &wrapped).is_err());
    }

    #[test]
    fn neighbouring_rows_have_unlike_keys() {
        let keyring = Keyring::new(&[7; 32]);
        let first = keyring.issue("cik", 1).unwrap();
        let second = keyring.issue("cik", 2).unwrap();
        let same = first[..6].iter().zip(&second[..6]).filter(|(a, b)| a == b).count();
        assert!(same < 4);
    }

    #[test]
    fn the_public_name_of_a_row_says_nothing_about_its_key() {
        let keyring = Keyring::new(&[7; 32]);
        let (rid, cik) = (keyring.issue("rid", 1).unwrap(), keyring.issue("cik", 1).unwrap());
        assert_ne!(rid[..6], cik[..6]);
    }
}
