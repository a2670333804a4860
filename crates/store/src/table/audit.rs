//! Questions about whole tables, for `cikada fsck`: each lists rows that must not exist (the starred promises of THREATS
//! section 1).

mod log;
mod provision;
mod tree;

use model::Result;

use crate::{KeyHash, Sealed, Tx, params};

/// A rule that the rows must keep, and the statement that lists those which break it, by a row id or a name.
pub struct Rule {
    /// The promise that it belongs to.
    pub promise: &'static str,
    /// What must not be.
    pub broken: &'static str,
    sql: &'static str,
}

/// Rows named at most for each rule.
pub const NAMED: usize = 20;

/// Every rule that one statement can check. The first group is about the tree itself: while one of those is broken, walking the
/// tree means nothing.
pub const RULES: [&[Rule]; 3] = [tree::RULES, provision::RULES, log::RULES];

impl Rule {
    /// The rows that break the rule, the first few.
    pub fn violations(&self, tx: &mut Tx<'_>) -> Result<Vec<String>> {
        tx.list(self.sql, params![NAMED as i64], |row| row.text(0))
    }
}

/// A kind of row that keeps a key in two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTable {
    /// CIKs.
    Client,
    /// Vendor tokens.
    VendorToken,
    /// Share codes.
    ShareCode,
}

const CLIENT_KEYS: &str = "SELECT id, key_hash, key_sealed FROM client WHERE id > $1 ORDER BY id LIMIT $2";
const TOKENS: &str = "SELECT id, key_hash, key_sealed FROM vendor_token WHERE id > $1 ORDER BY id LIMIT $2";
const SHARE_CODES: &str = "SELECT id, key_hash, key_sealed FROM share_code WHERE id > $1 ORDER BY id LIMIT $2";

/// The next keys by row id after `after`, in both forms.
pub fn keys(tx: &mut Tx<'_>, table: KeyTable, after: i64, limit: i64) -> Result<Vec<(i64, KeyHash, Sealed)>> {
    let sql = match table {
        KeyTable::Client => CLIENT_KEYS,
        KeyTable::VendorToken => TOKENS,
        KeyTable::ShareCode => SHARE_CODES,
    };
    tx.list(sql, params![after, limit], |row| {
        Ok((row.int(0)?, KeyHash::from_bytes(row.array(1)?), Sealed(row.bytes(2)?)))
    })
}

const RIDS: &str = "SELECT id, rid FROM resource WHERE id > $1 ORDER BY id LIMIT $2";

/// The next public names by row id after `after`.
pub fn rids(tx: &mut Tx<'_>, after: i64, limit: i64) -> Result<Vec<(i64, [u8; 20])>> {
    tx.list(RIDS, params![after, limit], |row| Ok((row.int(0)?, row.array(1)?)))
}

const MODELS: &str = "SELECT id FROM model ORDER BY id";

/// Every model, by row id.
pub fn models(tx: &mut Tx<'_>) -> Result<Vec<i64>> {
    tx.list(MODELS, params![], |row| row.int(0))
}

const ALLOTTED: &str = "
    SELECT client_id, client_used, dataport_used, datarule_used, dispatch_used, share_used
    FROM allotment
    WHERE client_id > $1
    ORDER BY client_id
    LIMIT $2";

/// The next clients that have limits, by row id after `after`, and what each is said to hold.
pub fn allotted(tx: &mut Tx<'_>, after: i64, limit: i64) -> Result<Vec<(i64, super::allotment::Amounts<i64>)>> {
    tx.list(ALLOTTED, params![after, limit], |row| {
        let held = super::allotment::Amounts {
            clients: row.int(1)?,
            dataports: row.int(2)?,
            datarules: row.int(3)?,
            dispatches: row.int(4)?,
            shares: row.int(5)?,
        };
        Ok((row.int(0)?, held))
    })
}

const UPLOADED: &str = "SELECT detail FROM event WHERE verb = 27 AND detail IS NOT NULL";

/// What was written down of every upload.
pub fn uploads(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    tx.list(UPLOADED, params![], |row| row.text(0))
}

const FILLED: &str = "SELECT model_id, id, digest FROM content WHERE digest IS NOT NULL ORDER BY model_id, id";

/// Every content that has a blob: model, id, digest.
pub fn filled_contents(tx: &mut Tx<'_>) -> Result<Vec<(i64, String, [u8; 32])>> {
    tx.list(FILLED, params![], |row| Ok((row.int(0)?, row.text(1)?, row.array(2)?)))
}

const COUNTS: &str = "
    SELECT (SELECT count(*) FROM resource), (SELECT count(*) FROM client), (SELECT count(*) FROM serial_number),
        (SELECT count(*) FROM serial_range), (SELECT count(*) FROM event)";

/// How much there is to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Resources of all kinds.
    pub resources: i64,
    /// Clients among them.
    pub clients: i64,
    /// Registered numbers.
    pub serial_numbers: i64,
    /// Ranges.
    pub ranges: i64,
    /// Events.
    pub events: i64,
}

/// Counts the rows.
pub fn extent(tx: &mut Tx<'_>) -> Result<Extent> {
    tx.one(COUNTS, params![], |row| {
        Ok(Extent {
            resources: row.int(0)?,
            clients: row.int(1)?,
            serial_numbers: row.int(2)?,
            ranges: row.int(3)?,
            events: row.int(4)?,
        })
    })
}

const TIME_MARK: &str = "SELECT number FROM setting WHERE name = 'time mark'";

/// The persisted mark of the service clock, if there is one.
pub fn time_mark(tx: &mut Tx<'_>) -> Result<Option<i64>> {
    Ok(tx.find(TIME_MARK, params![], |row| row.int_or_null(0))?.flatten())
}
