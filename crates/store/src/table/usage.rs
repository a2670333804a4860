//! Table `usage`: what is gone and was used up, so that it can still be added up for a time in the past.
//!
//! Of resources that left a client it keeps steps: up at the second at which they came, down at the second at which they left.
//! Those that are there still have no rows. What is used up has a row at the second at which it was.

use model::{Result, UnixSeconds};

use super::resource::Kind;
use crate::{Tx, params};

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Resources of a kind, by the second.
    Entity(Kind),
    /// Share codes made.
    Shares,
    /// Mails sent.
    Emails,
    /// HTTP requests sent.
    Https,
    /// Short messages sent.
    Smses,
    /// XMPP messages sent.
    Xmpps,
}

const ADD: &str = "
    INSERT INTO usage (client_id, metric, at, amount)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (client_id, metric, at) DO UPDATE SET amount = usage.amount + excluded.amount";

/// Adds to what a client used, or to its steps, at a second.
pub fn add(tx: &mut Tx<'_>, client_id: i64, metric: Metric, at: UnixSeconds, amount: i64) -> Result<()> {
    tx.execute(ADD, params![client_id, metric.code(), at, amount]).map(|_| ())
}

const LEAVING: &str = "
    WITH RECURSIVE below (id, kind, since) AS (
        SELECT id, kind, owned_at FROM resource WHERE id = $1
        UNION ALL
        SELECT child.id, child.kind,
            CASE WHEN child.owned_at > below.since THEN child.owned_at ELSE below.since END
        FROM resource child JOIN below ON child.owner_id = below.id
    )
    SELECT kind, since, count(*)
    FROM below
    GROUP BY kind, since";

/// A resource and all below it, by kind and by when they came to where its owner is: (kind, since, how many).
pub fn list_leaving(tx: &mut Tx<'_>, id: i64) -> Result<Vec<(Kind, UnixSeconds, i64)>> {
    tx.list(LEAVING, params![id], |row| Ok((Kind::from_code(row.int(0)?)?, row.int(1)?, row.int(2)?)))
}

const HAND_UP: &str = "
    WITH RECURSIVE below (id, kind, since) AS (
        SELECT id, kind, owned_at FROM resource WHERE id = $1
        UNION ALL
        SELECT child.id, child.kind,
            CASE WHEN child.owned_at > below.since THEN child.owned_at ELSE below.since END
        FROM resource child JOIN below ON child.owner_id = below.id
        WHERE child.kind = 1
    )
    INSERT INTO usage (client_id, metric, at, amount)
    SELECT $2, used.metric,
        CASE WHEN used.metric <= 4 AND used.at < below.since THEN below.since ELSE used.at END AS counted_at, sum(used.amount)
    FROM usage used
    JOIN below ON below.id = used.client_id
    WHERE below.kind = 1
    GROUP BY used.metric, counted_at
    ON CONFLICT (client_id, metric, at) DO UPDATE SET amount = usage.amount + excluded.amount";

/// Gives what a client and those below it used to another one, before they go.
pub fn hand_up(tx: &mut Tx<'_>, client_id: i64, heir_id: i64) -> Result<()> {
    tx.execute(HAND_UP, params![client_id, heir_id]).map(|_| ())
}

const DELETE_OF: &str = "DELETE FROM usage WHERE client_id = $1";

/// Removes what a client used.
pub fn delete_of(tx: &mut Tx<'_>, client_id: i64) -> Result<()> {
    tx.execute(DELETE_OF, params![client_id]).map(|_| ())
}

const PRESENT: &str = "
    WITH RECURSIVE below (id, kind, since) AS (
        SELECT id, kind, owned_at FROM resource WHERE owner_id = $1
        UNION ALL
        SELECT child.id, child.kind,
            CASE WHEN child.owned_at > below.since THEN child.owned_at ELSE below.since END
        FROM resource child JOIN below ON child.owner_id = below.id
    )
    SELECT CAST(coalesce(sum($2 - CASE WHEN since > $3 THEN since ELSE $3 END), 0) AS BIGINT)
    FROM below
    WHERE kind = $4 AND since < $2";

const PAST: &str = "
    WITH RECURSIVE below (id, kind, since) AS (
        SELECT id, kind, CAST(0 AS BIGINT) FROM resource WHERE id = $1
        UNION ALL
        SELECT child.id, child.kind,
            CASE WHEN child.owned_at > below.since THEN child.owned_at ELSE below.since END
        FROM resource child JOIN below ON child.owner_id = below.id
        WHERE child.kind = 1
    ),
    step (at, amount) AS (
        SELECT CASE WHEN used.at < below.since THEN below.since ELSE used.at END, used.amount
        FROM usage used JOIN below ON below.id = used.client_id
        WHERE used.metric = $2 AND below.kind = 1
    )
    SELECT CAST(coalesce(sum(amount * ($3 - CASE WHEN at > $4 THEN at ELSE $4 END)), 0) AS BIGINT)
    FROM step
    WHERE at < $3";

/// Resources of a kind below a client, each times the seconds that it was there from `start` until `end`.
pub fn entity_seconds(
    tx: &mut Tx<'_>,
    client_id: i64,
    kind: Kind,
    start: UnixSeconds,
    end: UnixSeconds,
) -> Result<i64> {
    let present = tx.one(PRESENT, params![client_id, end, start, kind.code()], |row| row.int(0))?;
    let past = tx.one(PAST, params![client_id, Metric::Entity(kind).code(), end, start], |row| row.int(0))?;
    Ok(present + past)
}

const USED: &str = "
    WITH RECURSIVE below (id) AS (
        SELECT id FROM resource WHERE id = $1
        UNION ALL
        SELECT child.id FROM resource child JOIN below ON child.owner_id = below.id
        WHERE child.kind = 1
    )
    SELECT CAST(coalesce(sum(amount), 0) AS BIGINT)
    FROM usage
    WHERE client_id IN (SELECT id FROM below) AND metric = $2 AND at >= $3 AND at <= $4";

/// How much a client and all below it used up from one second to another.
pub fn used(tx: &mut Tx<'_>, client_id: i64, metric: Metric, start: UnixSeconds, end: UnixSeconds) -> Result<i64> {
    tx.one(USED, params![client_id, metric.code(), start, end], |row| row.int(0))
}

const USED_BY: &str = "
    SELECT CAST(coalesce(sum(amount), 0) AS BIGINT)
    FROM usage
    WHERE client_id = $1 AND metric = $2 AND at >= $3 AND at <= $4";

/// How much a client itself used up from one second to another.
pub fn used_by(tx: &mut Tx<'_>, client_id: i64, metric: Metric, start: UnixSeconds, end: UnixSeconds) -> Result<i64> {
    tx.one(USED_BY, params![client_id, metric.code(), start, end], |row| row.int(0))
}

impl Metric {
    fn code(self) -> i64 {
        match self {
            Metric::Entity(kind) => kind.code(),
            Metric::Shares => 5,
            Metric::Emails => 6,
            Metric::Https => 7,
            Metric::Smses => 8,
            Metric::Xmpps => 9,
        }
    }

    /// The metric of that word.
    pub fn from_word(word: &str) -> Option<Metric> {
        match word {
            "share" => Some(Metric::Shares),
            "email" => Some(Metric::Emails),
            "http" => Some(Metric::Https),
            "sms" => Some(Metric::Smses),
            "xmpp" => Some(Metric::Xmpps),
            kind => Kind::from_word(kind).map(Metric::Entity),
        }
    }
}
