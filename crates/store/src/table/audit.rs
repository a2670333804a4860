//! Questions about whole tables, for `cikada fsck`: each lists rows that must not exist.

use model::Result;

use crate::{Tx, params};

/// A rule that the rows must keep, and the statement that lists those which break it: a row id or a name, and what is
/// wrong with it.
pub struct Rule {
    /// The promise that it belongs to (THREATS section 1).
    pub promise: &'static str,
    /// What must not be.
    pub broken: &'static str,
    sql: &'static str,
}

/// Rows named at most for each rule.
const NAMED: i64 = 20;

const CLIENT_WITHOUT_KEY: &str = "
    SELECT CAST(r.id AS TEXT) FROM resource r LEFT JOIN client c ON c.id = r.id
    WHERE r.kind = 1 AND c.id IS NULL LIMIT $1";
const KEY_WITHOUT_CLIENT: &str = "
    SELECT CAST(c.id AS TEXT) FROM client c LEFT JOIN resource r ON r.id = c.id AND r.kind = 1
    WHERE r.id IS NULL LIMIT $1";
const OWNER_MISSING: &str = "
    SELECT CAST(r.id AS TEXT) FROM resource r LEFT JOIN resource o ON o.id = r.owner_id AND o.kind = 1
    WHERE r.owner_id IS NOT NULL AND o.id IS NULL LIMIT $1";
const SECOND_ROOT: &str = "
    SELECT CAST(id AS TEXT) FROM resource
    WHERE owner_id IS NULL AND id <> (SELECT min(id) FROM resource WHERE owner_id IS NULL) LIMIT $1";
const ALIAS_TARGET_MISSING: &str = "
    SELECT a.name FROM alias a LEFT JOIN resource r ON r.id = a.resource_id
    WHERE r.id IS NULL OR r.owner_id IS NULL OR r.owner_id <> a.client_id LIMIT $1";
const NUMBER_CLIENT_MISSING: &str = "
    SELECT s.sn FROM serial_number s LEFT JOIN client c ON c.id = s.client_id
    WHERE s.client_id IS NOT NULL AND c.id IS NULL LIMIT $1";
const NUMBER_MODEL_MISSING: &str = "
    SELECT s.sn FROM serial_number s
    LEFT JOIN model m ON m.id = s.model_id
    LEFT JOIN sweep w ON w.kind = 1 AND w.subject_id = s.model_id
    WHERE m.id IS NULL AND w.subject_id IS NULL LIMIT $1";
const WAITING_WITHOUT_WINDOW: &str = "
    SELECT CAST(id AS TEXT) FROM client WHERE state = 1 AND expires_at IS NULL LIMIT $1";
const ANSWERED_WITHOUT_EVENT: &str = "
    SELECT CAST(c.id AS TEXT) FROM client c LEFT JOIN event e ON e.id = c.answer_id
    WHERE (c.state = 2 OR (c.state = 3 AND c.answer_id IS NOT NULL))
        AND (e.id IS NULL OR e.verb <> 1) AND c.event_count < 1500 LIMIT $1";
const ANSWERED_TOO_LATE: &str = "
    SELECT CAST(c.id AS TEXT) FROM client c JOIN event e ON e.id = c.answer_id
    WHERE c.state IN (2, 3) AND e.at >= c.expires_at LIMIT $1";
const LOG_HEAD_MISSING: &str = "
    SELECT CAST(c.id AS TEXT) FROM client c LEFT JOIN event e ON e.id = c.event_id
    WHERE c.event_id IS NOT NULL AND e.id IS NULL LIMIT $1";
const DEVICE_WITHOUT_LOG: &str = "
    SELECT s.sn FROM serial_number s JOIN client c ON c.id = s.client_id
    WHERE c.event_id IS NULL LIMIT $1";
const VENDOR_CLIENT_MISSING: &str = "
    SELECT v.name FROM vendor v LEFT JOIN client c ON c.id = v.client_id
    WHERE c.id IS NULL LIMIT $1";
const TOKEN_VENDOR_MISSING: &str = "
    SELECT t.name FROM vendor_token t LEFT JOIN vendor v ON v.client_id = t.vendor_id
    WHERE v.client_id IS NULL LIMIT $1";
const MODEL_VENDOR_MISSING: &str = "
    SELECT m.name FROM model m LEFT JOIN vendor v ON v.client_id = m.vendor_id
    WHERE v.client_id IS NULL LIMIT $1";
const MEMBER_GROUP_MISSING: &str = "
    SELECT m.group_id FROM membership m
    LEFT JOIN member_group g ON g.model_id = m.model_id AND g.id = m.group_id
    WHERE g.id IS NULL LIMIT $1";

/// Every rule about rows.
pub const RULES: &[Rule] = &[
    Rule { promise: "I1", broken: "a client without a key", sql: CLIENT_WITHOUT_KEY },
    Rule { promise: "I1", broken: "a key without a client", sql: KEY_WITHOUT_CLIENT },
    Rule { promise: "I3", broken: "a resource whose owner is missing", sql: OWNER_MISSING },
    Rule { promise: "I3", broken: "a second root", sql: SECOND_ROOT },
    Rule {
        promise: "I3",
        broken: "an alias that points elsewhere than at a resource of its client",
        sql: ALIAS_TARGET_MISSING,
    },
    Rule { promise: "I3", broken: "a serial number whose client is missing", sql: NUMBER_CLIENT_MISSING },
    Rule { promise: "I3", broken: "a serial number whose model is missing", sql: NUMBER_MODEL_MISSING },
    Rule { promise: "I3", broken: "a vendor whose client is missing", sql: VENDOR_CLIENT_MISSING },
    Rule { promise: "I3", broken: "a token whose vendor is missing", sql: TOKEN_VENDOR_MISSING },
    Rule { promise: "I3", broken: "a model whose vendor is missing", sql: MODEL_VENDOR_MISSING },
    Rule { promise: "I3", broken: "a membership of a group that is missing", sql: MEMBER_GROUP_MISSING },
    Rule { promise: "I6", broken: "a client that waits without a window", sql: WAITING_WITHOUT_WINDOW },
    Rule { promise: "I6", broken: "an activation at or after the end of its window", sql: ANSWERED_TOO_LATE },
    Rule {
        promise: "I11",
        broken: "an activated client without the event of its activation",
        sql: ANSWERED_WITHOUT_EVENT,
    },
    Rule { promise: "I11", broken: "a log whose newest event is missing", sql: LOG_HEAD_MISSING },
    Rule { promise: "I11", broken: "a device without a log", sql: DEVICE_WITHOUT_LOG },
];

impl Rule {
    /// The rows that break the rule, the first few.
    pub fn violations(&self, tx: &mut Tx<'_>) -> Result<Vec<String>> {
        tx.list(self.sql, params![NAMED], |row| row.text(0))
    }
}

const KEYS: &str = "SELECT id, key_hash, key_sealed FROM client WHERE id > $1 ORDER BY id LIMIT $2";

/// The next clients by row id after `after`, with both forms of their keys.
pub fn keys(tx: &mut Tx<'_>, after: i64, limit: i64) -> Result<Vec<(i64, crate::KeyHash, crate::Sealed)>> {
    tx.list(KEYS, params![after, limit], |row| {
        Ok((row.int(0)?, crate::KeyHash::from_bytes(row.array(1)?), crate::Sealed(row.bytes(2)?)))
    })
}

const MODELS: &str = "SELECT id FROM model ORDER BY id";

/// Every model, by row id.
pub fn models(tx: &mut Tx<'_>) -> Result<Vec<i64>> {
    tx.list(MODELS, params![], |row| row.int(0))
}

const TIME_MARK: &str = "SELECT number FROM setting WHERE name = 'time mark'";

/// The persisted mark of the service clock.
pub fn time_mark(tx: &mut Tx<'_>) -> Result<i64> {
    tx.one(TIME_MARK, params![], |row| row.int(0))
}
