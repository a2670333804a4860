//! What must always hold, on any copy of the rows: running, crashed or restored (the starred promises of THREATS section 1).
//! The blobs are checked by whoever has them.

use model::{Cik, Result, UnixSeconds};
use store::Tx;
use store::journal::Records;
use store::table::{audit, revocation, serial_range};

use crate::key;

/// Clients looked at in one step.
const STEP: i64 = 1_000;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The promise that is broken.
    pub promise: &'static str,
    /// What is wrong.
    pub what: String,
    /// The rows, the first few.
    pub rows: Vec<String>,
}

/// Checks every rule about rows. `wall` is the machine's time.
pub fn check(tx: &mut Tx<'_>, wall: UnixSeconds) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for rule in audit::RULES {
        let rows = rule.violations(tx)?;
        if !rows.is_empty() {
            violations.push(Violation { promise: rule.promise, what: rule.broken.to_owned(), rows });
        }
    }
    check_keys(tx, &mut violations)?;
    check_ranges(tx, &mut violations)?;
    let mark = audit::time_mark(tx)?;
    if mark > wall + 600 {
        let what = format!("the persisted time is {} seconds ahead of this machine's", mark - wall);
        violations.push(Violation { promise: "I6", what, rows: Vec::new() });
    }
    Ok(violations)
}

/// Every sealed key opens in its row, is the one that its hash recognizes, and carries its row.
fn check_keys(tx: &mut Tx<'_>, violations: &mut Vec<Violation>) -> Result<()> {
    let mut rows = Vec::new();
    let mut after = 0;
    loop {
        let clients = audit::keys(tx, after, STEP)?;
        let Some((last, ..)) = clients.last() else { break };
        after = *last;
        for (id, hash, sealed) in &clients {
            let sound = key::open::<Cik>(tx, *id, sealed)
                .is_ok_and(|cik| key::hash(tx, &cik).matches(hash) && key::locate(tx.keyring(), &cik) == *id);
            if !sound {
                rows.push(id.to_string());
            }
        }
    }
    if !rows.is_empty() {
        violations.push(Violation { promise: "I1", what: "a key that is not the one of its row".to_owned(), rows });
    }
    Ok(())
}

/// Nothing lives that the revocation journal knows to have ended, and the journal has all that the rows know. The journal was
/// read after the rows: what ended since then is not held against them.
pub fn check_revocations(tx: &mut Tx<'_>, journal: &Records) -> Result<Vec<Violation>> {
    let (mut violations, newest) = (Vec::new(), revocation::newest(tx)?);
    let mut alive = Vec::new();
    for record in journal.records.iter().filter(|record| record.is_final() && record.number <= newest) {
        if revocation::lives(tx, &record.revoked)? {
            alive.push(format!("line {}: {:?}", record.number, record.revoked));
        }
    }
    let mut note = |what: &str, rows: Vec<String>| {
        violations.push(Violation { promise: "I7", what: what.to_owned(), rows });
    };
    if !alive.is_empty() {
        note("a right that ended and lives", alive);
    }
    if !journal.damaged.is_empty() {
        let lines = journal.damaged.iter().map(|line| format!("line {line}")).collect();
        note("a damaged line of the revocation journal", lines);
    }
    // What is not in the journal yet is kept as rows.
    let journaled = journal.records.last().map_or(0, |record| record.number);
    if revocation::oldest(tx)?.unwrap_or(newest + 1) > journaled + 1 {
        note("a right that ended and is not in the revocation journal", vec![format!("after line {journaled}")]);
    }
    Ok(violations)
}

/// No serial number is in two ranges of a model.
fn check_ranges(tx: &mut Tx<'_>, violations: &mut Vec<Violation>) -> Result<()> {
    for model_id in audit::models(tx)? {
        let ranges = serial_range::list(tx, model_id)?;
        let mut overlapping = 0;
        for range in &ranges {
            let crossing = serial_range::list_crossing(tx, model_id, range)?;
            overlapping += crossing.iter().filter(|other| *other != range && other.overlaps(range)).count();
        }
        if overlapping > 0 {
            let rows = vec![format!("model {model_id}")];
            violations.push(Violation { promise: "I12", what: "ranges that overlap".to_owned(), rows });
        }
    }
    Ok(())
}
