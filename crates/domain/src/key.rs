//! Making, recognizing and showing keys. A key is never kept: its keyed hash and its sealed copy are.

use model::{Cik, Error, Result, SecretKey, ShareCode, Token};
use store::{KeyHash, Keyring, Sealed, Tx};

/// What a kind of key is called in its hash and its seal, so that no key passes for one of another kind.
pub(crate) trait Purpose: SecretKey {
    const PURPOSE: &'static str;
}

impl Purpose for Cik {
    const PURPOSE: &'static str = "cik";
}

impl Purpose for Token {
    const PURPOSE: &'static str = "token";
}

impl Purpose for ShareCode {
    const PURPOSE: &'static str = "share code";
}

/// A new key and the two forms in which it is kept.
pub(crate) struct Issued<K> {
    pub(crate) key: K,
    pub(crate) hash: KeyHash,
    pub(crate) sealed: Sealed,
}

/// Makes a key that carries this row id.
pub(crate) fn issue<K: Purpose>(tx: &Tx<'_>, row: i64) -> Result<Issued<K>> {
    let keyring = tx.keyring();
    let key = K::from_bytes(keyring.issue(K::PURPOSE, row)?);
    let hash = hash(tx, &key);
    let sealed = keyring.seal(K::PURPOSE, row, key.expose_bytes())?;
    Ok(Issued { key, hash, sealed })
}

/// The row id that a key carries.
pub(crate) fn locate<K: Purpose>(keyring: &Keyring, key: &K) -> i64 {
    keyring.locate(K::PURPOSE, key.expose_bytes())
}

/// The keyed hash of a key.
pub(crate) fn hash<K: Purpose>(tx: &Tx<'_>, key: &K) -> KeyHash {
    tx.keyring().hash(K::PURPOSE, key.expose_bytes())
}

/// Opens the sealed copy of that row.
pub(crate) fn open<K: Purpose>(tx: &Tx<'_>, row: i64, sealed: &Sealed) -> Result<K> {
    let bytes = tx.keyring().open(K::PURPOSE, row, &sealed.0)?;
    let bytes: [u8; 20] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| Error::internal(format_args!("the key of row {row} has another length")))?;
    Ok(K::from_bytes(bytes))
}
