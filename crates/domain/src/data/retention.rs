//! Keeping to what descriptions say of how much and for how long (contract, rpc.md "Descriptions", `retention`).
//!
//! What is too much is looked for on a reader, round after round over the series that do not keep everything; what a look
//! finds is removed by the writer in small steps. A series whose values have not changed since the round before is not
//! counted again.

use model::{Result, UnixSeconds};
use store::table::{point, resource};
use store::{Stamp, Subject, Tx};

/// Points that one step removes: about a millisecond of the writer.
const STEP: i64 = 500;
/// Series that one look takes in.
const SERIES: i64 = 256;
/// Points that one look counts, after which it ends early.
const COUNTED: i64 = 200_000;

/// Where a round stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    after_id: i64,
    began: Option<Stamp>,
    before: Option<Stamp>,
}

/// Points that need not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surplus {
    resource_id: i64,
    /// The newest of them.
    until: UnixSeconds,
}

/// Looks at the next series of a round; answers what is too much in them, and the round as it goes on.
pub fn look(tx: &mut Tx<'_>, round: Round) -> Result<(Vec<Surplus>, Round)> {
    let mut next = Round { began: round.began.or(Some(tx.stamp())), ..round };
    let (mut found, mut counted, mut seen) = (Vec::new(), 0, 0);
    for kept in resource::list_kept(tx, round.after_id, SERIES)? {
        if counted > COUNTED {
            return Ok((found, next));
        }
        let too_old = match kept.seconds {
            Some(seconds) => oldest_before(tx, kept.id, tx.now().saturating_sub(seconds))?,
            None => None,
        };
        let changed = round.before.is_none_or(|before| !tx.seems_unchanged(Subject::Series(kept.id), before));
        let too_many = match kept.count.filter(|_| changed) {
            Some(count) => {
                counted = counted.saturating_add(count);
                point::newest_beyond(tx, kept.id, count)?
            }
            None => None,
        };
        found.extend(too_old.max(too_many).map(|until| Surplus { resource_id: kept.id, until }));
        (next.after_id, seen) = (kept.id, seen + 1);
    }
    if seen < SERIES {
        next = Round { after_id: 0, began: None, before: next.began };
    }
    Ok((found, next))
}

/// Removes some of what is too much, the oldest first; false when that was all.
pub fn trim(tx: &mut Tx<'_>, surplus: Surplus) -> Result<bool> {
    tx.require_writing()?;
    Ok(point::delete_some(tx, surplus.resource_id, surplus.until, STEP)? == STEP as u64)
}

/// The last second before `begin`, if any point stands there or earlier.
fn oldest_before(tx: &mut Tx<'_>, resource_id: i64, begin: UnixSeconds) -> Result<Option<UnixSeconds>> {
    let oldest = point::first_within(tx, resource_id, (i64::MIN, i64::MAX), 0)?;
    Ok(oldest.filter(|(at, _)| *at < begin).map(|_| begin - 1))
}

impl Round {
    /// Whether the next look begins a round.
    pub fn is_new(&self) -> bool {
        self.after_id == 0
    }
}
