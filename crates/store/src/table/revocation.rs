//! Table `revocation`: rights that ended, until they are in the journal; the newest row stays, for its number.
//!
//! Written in the transaction that ends the right, so that neither a crash nor a full disk makes the journal miss one.

use model::Result;

use crate::journal::Record;
use crate::{KeyHash, Revoked, Tx, params};

/// Keeps a row.
pub(crate) const INSERT: &str = "INSERT INTO revocation (id, at, entry) VALUES ($1, $2, $3)";

/// Removes what is in the journal.
pub(crate) const FORGET: &str = "DELETE FROM revocation WHERE id < $1";

/// The rows after a number.
pub(crate) const LIST: &str = "SELECT id, at, entry FROM revocation WHERE id > $1 ORDER BY id";

/// The newest number.
pub(crate) const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM revocation";

/// The number of the newest right that this database knows to have ended.
pub fn newest(tx: &mut Tx<'_>) -> Result<i64> {
    tx.one(NEWEST, params![], |row| row.int(0))
}

const OLDEST: &str = "SELECT min(id) FROM revocation WHERE entry <> ''";

/// The number of the oldest line that is kept here, if one is.
pub fn oldest(tx: &mut Tx<'_>) -> Result<Option<i64>> {
    tx.one(OLDEST, params![], |row| row.int_or_null(0))
}

/// Takes the journal's number over: everything up to it is undone here, too.
pub fn catch_up(tx: &mut Tx<'_>, number: i64) -> Result<()> {
    let now = tx.now();
    tx.execute(INSERT, params![number, now, ""]).map(|_| ())
}

const LIVING_KEY: &str = "SELECT 1 FROM client WHERE id = $1 AND key_hash = $2 AND state <> 4";
const LIVING_TOKEN: &str = "SELECT 1 FROM vendor_token WHERE id = $1 AND key_hash = $2";
const LIVING_GRANT: &str = "SELECT 1 FROM grant_token WHERE id = $1 AND key_hash = $2";
const LIVING_CODE: &str = "SELECT 1 FROM share_code WHERE id = $1 AND key_hash = $2";
const LIVING_READING: &str = "
    SELECT 1
    FROM share_code s
    JOIN resource r ON r.id = s.activated_by
    WHERE s.id = $1 AND s.key_hash = $2 AND r.rid = $3";
const LIVING_SHARE: &str = "
    SELECT 1
    FROM model_share s
    JOIN resource r ON r.id = s.vendor_id
    WHERE s.model_id = $1 AND r.rid = $2";

/// Whether a right that has ended is here all the same. What may be given again by the same name (a share, what a code lets
/// a client read) is so of right where it was.
pub fn lives(tx: &mut Tx<'_>, revoked: &Revoked) -> Result<bool> {
    match revoked {
        Revoked::Key { client_id, hash } => tx.any(LIVING_KEY, params![*client_id, hash.as_bytes()]),
        Revoked::Token { id, hash } => tx.any(LIVING_TOKEN, params![*id, hash.as_bytes()]),
        Revoked::Grant { id, hash } => tx.any(LIVING_GRANT, params![*id, hash.as_bytes()]),
        Revoked::ShareCode { id, hash } => tx.any(LIVING_CODE, params![*id, hash.as_bytes()]),
        Revoked::Reading { code_id, hash, client } => {
            tx.any(LIVING_READING, params![*code_id, hash.as_bytes(), client.as_bytes()])
        }
        Revoked::ModelShare { model_id, partner } => tx.any(LIVING_SHARE, params![*model_id, partner.as_bytes()]),
    }
}

impl Record {
    /// Whether what ended can never be given again, so that it must not live anywhere.
    pub fn is_final(&self) -> bool {
        !matches!(self.revoked, Revoked::Reading { .. } | Revoked::ModelShare { .. })
    }
}

const DYING_KEY: &str = "SELECT key_hash FROM client WHERE id = $1 AND state <> 4";

/// The hash of a client's key, if it is not dead.
pub(super) fn dying_key(tx: &mut Tx<'_>, client_id: i64) -> Result<Option<Revoked>> {
    tx.find(DYING_KEY, params![client_id], |row| {
        Ok(Revoked::Key { client_id, hash: KeyHash::from_bytes(row.array(0)?) })
    })
}
