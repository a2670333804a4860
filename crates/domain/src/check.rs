//! What must always hold, on any copy of the rows: running, crashed or restored (the starred promises of THREATS section 1).
//! The blobs are checked by whoever has them.

use std::collections::HashSet;

use model::{Cik, Result, ShareCode, Token, UnixSeconds};
use store::Tx;
use store::journal::Records;
use store::table::audit::{self, Extent, KeyTable};
use store::table::{resource, revocation, serial_range};

use crate::key::{self, Purpose};
use crate::resource::amounts_below;

/// Rows looked at in one step.
const STEP: i64 = 1_000;
/// How far the persisted time may be ahead of the machine that looks at it.
const BELIEVABLE_S: i64 = 600;

const FALSE_CIK: Finding = Finding { promise: "I1", broken: "a CIK that is not the one of its row" };
const FALSE_TOKEN: Finding = Finding { promise: "I1", broken: "a token that is not the one of its row" };
const FALSE_SHARE_CODE: Finding = Finding { promise: "I1", broken: "a share code that is not the one of its row" };
const FALSE_RID: Finding = Finding { promise: "I3", broken: "a RID that is not the one of its row" };
const MISCOUNTED: Finding = Finding { promise: "I3", broken: "an allotment that counts other than what is there" };
const OVERLAPPING: Finding = Finding { promise: "I12", broken: "ranges that overlap" };
const UPLOAD_UNNOTED: Finding = Finding { promise: "I11", broken: "a blob without the event of its upload" };
const NO_TIME_MARK: Finding = Finding { promise: "I6", broken: "no persisted time" };
const TIME_AHEAD: Finding = Finding { promise: "I6", broken: "a persisted time that is ahead of this machine's" };

const ENDED_AND_LIVES: Finding = Finding { promise: "I7", broken: "a right that ended and lives" };
const DAMAGED_LINE: Finding = Finding { promise: "I7", broken: "a damaged line of the revocation journal" };
const NOT_IN_JOURNAL: Finding =
    Finding { promise: "I7", broken: "a right that ended and is not in the revocation journal" };

/// Something that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The promise that it would break.
    pub promise: &'static str,
    /// What must not be.
    pub broken: &'static str,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What it is.
    pub finding: Finding,
    /// The rows, the first few.
    pub rows: Vec<String>,
}

/// What was found, and in how much.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What must not be.
    pub violations: Vec<Violation>,
    /// How much was looked at.
    pub extent: Extent,
}

/// Everything that [`check`] and [`check_revocations`] look for.
pub fn findings() -> Vec<Finding> {
    let of_rules = audit::RULES.iter().copied().flatten();
    let mut all: Vec<_> = of_rules.map(|rule| Finding { promise: rule.promise, broken: rule.broken }).collect();
    all.extend([
        FALSE_CIK,
        FALSE_TOKEN,
        FALSE_SHARE_CODE,
        FALSE_RID,
        MISCOUNTED,
        OVERLAPPING,
        UPLOAD_UNNOTED,
        NO_TIME_MARK,
        TIME_AHEAD,
        ENDED_AND_LIVES,
        DAMAGED_LINE,
        NOT_IN_JOURNAL,
    ]);
    all
}

/// Checks every rule about rows. `wall` is the machine's time.
pub fn check(tx: &mut Tx<'_>, wall: UnixSeconds) -> Result<Report> {
    let mut report = Report { violations: Vec::new(), extent: audit::extent(tx)? };
    let [tree, others @ ..] = audit::RULES;
    check_rules(tx, tree, &mut report)?;
    // Walking up and down means something only in a tree.
    if report.violations.is_empty() {
        check_allotments(tx, &mut report)?;
    }
    for rules in others {
        check_rules(tx, rules, &mut report)?;
    }
    check_keys::<Cik>(tx, KeyTable::Client, FALSE_CIK, &mut report)?;
    check_keys::<Token>(tx, KeyTable::VendorToken, FALSE_TOKEN, &mut report)?;
    check_keys::<ShareCode>(tx, KeyTable::ShareCode, FALSE_SHARE_CODE, &mut report)?;
    check_names(tx, &mut report)?;
    check_ranges(tx, &mut report)?;
    check_uploads(tx, &mut report)?;
    check_time(tx, wall, &mut report)?;
    Ok(report)
}

impl Report {
    /// Adds a finding if there are rows for it.
    pub fn add(&mut self, finding: Finding, mut rows: Vec<String>) {
        if !rows.is_empty() {
            rows.truncate(audit::NAMED);
            self.violations.push(Violation { finding, rows });
        }
    }
}

fn check_rules(tx: &mut Tx<'_>, rules: &[audit::Rule], report: &mut Report) -> Result<()> {
    for rule in rules {
        let rows = rule.violations(tx)?;
        report.add(Finding { promise: rule.promise, broken: rule.broken }, rows);
    }
    Ok(())
}

/// Every sealed key opens in its row, is the one that its hash recognizes, and carries its row. So no two rows have one key.
fn check_keys<K: Purpose>(tx: &mut Tx<'_>, table: KeyTable, finding: Finding, report: &mut Report) -> Result<()> {
    let (mut rows, mut after) = (Vec::new(), 0);
    loop {
        let keys = audit::keys(tx, table, after, STEP)?;
        let Some((last, ..)) = keys.last() else { break };
        after = *last;
        for (id, hash, sealed) in &keys {
            let sound = key::open::<K>(tx, *id, sealed)
                .is_ok_and(|key| key::hash(tx, &key).matches(hash) && key::locate(tx.keyring(), &key) == *id);
            if !sound {
                rows.push(id.to_string());
            }
        }
    }
    report.add(finding, rows);
    Ok(())
}

/// Nothing lives that the revocation journal knows to have ended, and the journal has all that the rows know. The journal was
/// read after the rows: what ended since then is not held against them.
pub fn check_revocations(tx: &mut Tx<'_>, journal: &Records, report: &mut Report) -> Result<()> {
    let newest = revocation::newest(tx)?;
    let mut alive = Vec::new();
    for record in journal.records.iter().filter(|record| record.is_final() && record.number <= newest) {
        if revocation::lives(tx, &record.revoked)? {
            alive.push(format!("line {}: {:?}", record.number, record.revoked));
        }
    }
    report.add(ENDED_AND_LIVES, alive);
    report.add(DAMAGED_LINE, journal.damaged.iter().map(|line| format!("line {line}")).collect());
    // What is not in the journal yet is kept as rows.
    let journaled = journal.records.last().map_or(0, |record| record.number);
    if revocation::oldest(tx)?.unwrap_or(newest + 1) > journaled + 1 {
        report.add(NOT_IN_JOURNAL, vec![format!("after line {journaled}")]);
    }
    Ok(())
}

/// Every RID leads to its row.
fn check_names(tx: &mut Tx<'_>, report: &mut Report) -> Result<()> {
    let (mut rows, mut after) = (Vec::new(), 0);
    loop {
        let names = audit::rids(tx, after, STEP)?;
        let Some((last, _)) = names.last() else { break };
        after = *last;
        let wrong = names.iter().filter(|(id, rid)| tx.keyring().locate(resource::RID, rid) != *id);
        rows.extend(wrong.map(|(id, _)| id.to_string()));
    }
    report.add(FALSE_RID, rows);
    Ok(())
}

/// What a client is said to hold is what is below it.
fn check_allotments(tx: &mut Tx<'_>, report: &mut Report) -> Result<()> {
    let (mut rows, mut after) = (Vec::new(), 0);
    loop {
        let allotted = audit::allotted(tx, after, STEP)?;
        let Some((last, _)) = allotted.last() else { break };
        after = *last;
        for (client_id, said) in allotted {
            let there = amounts_below(tx, client_id)?;
            if said != there {
                rows.push(format!("{client_id}: {said:?}, and there are {there:?}"));
            }
        }
    }
    report.add(MISCOUNTED, rows);
    Ok(())
}

/// No serial number is in two ranges of a model. What is no range cannot be compared.
fn check_ranges(tx: &mut Tx<'_>, report: &mut Report) -> Result<()> {
    if report.violations.iter().any(|violation| violation.finding.promise == OVERLAPPING.promise) {
        return Ok(());
    }
    let mut rows = Vec::new();
    for model_id in audit::models(tx)? {
        let ranges = serial_range::list(tx, model_id)?;
        let mut overlapping = false;
        for range in &ranges {
            let crossing = serial_range::list_crossing(tx, model_id, range)?;
            // It is in the list itself.
            overlapping |= crossing.iter().filter(|other| other.overlaps(range)).count() > 1;
        }
        if overlapping {
            rows.push(format!("model {model_id}"));
        }
    }
    report.add(OVERLAPPING, rows);
    Ok(())
}

/// Who put a blob where it is was written down with it.
fn check_uploads(tx: &mut Tx<'_>, report: &mut Report) -> Result<()> {
    let noted: HashSet<String> = audit::uploads(tx)?.iter().filter_map(|detail| without_the_old(detail)).collect();
    let mut rows = Vec::new();
    for (model_id, id, digest) in audit::filled_contents(tx)? {
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if !noted.contains(&format!("model {model_id} content {id}: {digest}")) {
            rows.push(format!("model {model_id} content {id}"));
        }
    }
    report.add(UPLOAD_UNNOTED, rows);
    Ok(())
}

/// `model 5 content fw: none -> 12ab (3 bytes)` without what was there before and the length.
fn without_the_old(detail: &str) -> Option<String> {
    let (content, digests) = detail.rsplit_once(": ")?;
    let (_, new) = digests.split_once(" -> ")?;
    Some(format!("{content}: {}", new.split(' ').next()?))
}

fn check_time(tx: &mut Tx<'_>, wall: UnixSeconds, report: &mut Report) -> Result<()> {
    match audit::time_mark(tx)? {
        None => report.add(NO_TIME_MARK, vec!["time mark".to_owned()]),
        Some(mark) if mark > wall + BELIEVABLE_S => report.add(TIME_AHEAD, vec![format!("{} s", mark - wall)]),
        Some(_) => {}
    }
    Ok(())
}
