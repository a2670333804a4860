//! Looking through the serial numbers of a model by their beginning and their status, a bounded step at a time, and counting them.

use model::{Result, SerialNumber, Status};
use store::Tx;
use store::table::serial_number;

use super::number::{Listed, listed};
use crate::caller::NumbersView;

/// Rows that one search looks at.
const LOOKED_AT: i64 = 4_000;
/// After every text that begins so.
const LAST: char = '\u{10ffff}';

/// What is sought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// How the numbers begin.
    pub prefix: String,
    /// Where they stand.
    pub status: Option<Status>,
    /// Numbers after this one.
    pub after: String,
    /// So many at most.
    pub limit: usize,
}

/// A page of what was found.
pub struct Found {
    /// The numbers.
    pub numbers: Vec<Listed>,
    /// From where to search on; `None` where everything was looked at.
    pub next: Option<String>,
}

/// How many numbers stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Without a client.
    pub unused: i64,
    /// In an open window.
    pub waiting: i64,
    /// With a key that works.
    pub activated: i64,
    /// With a dead key, or a closed window.
    pub expired: i64,
}

/// Searches on.
pub fn search(tx: &mut Tx<'_>, numbers: &NumbersView, search: &Search) -> Result<Found> {
    let end = format!("{}{LAST}", search.prefix);
    let (now, wanted) = (tx.now(), search.limit);
    let at_once = if search.status.is_some() { LOOKED_AT } else { wanted as i64 + 1 };
    let rows = serial_number::list_between(tx, numbers.model().id, (&search.after, &search.prefix, &end), at_once)?;
    let was_cut = rows.len() as i64 == at_once;
    let (mut found, mut last) = (Vec::new(), None);
    for row in rows {
        let row = listed(row, numbers, now);
        let fits = search.status.is_none_or(|status| status == row.status);
        if found.len() == wanted && fits {
            return Ok(Found { next: last, numbers: found });
        }
        last = Some(row.serial_number.to_string());
        if fits {
            found.push(row);
        }
    }
    Ok(Found { numbers: found, next: last.filter(|_| was_cut) })
}

/// Counts the next numbers after one, at most so many rows; answers with the last one that was counted, `None` at the end.
pub fn count(
    tx: &mut Tx<'_>,
    numbers: &NumbersView,
    after: &str,
    limit: i64,
    counts: &mut Counts,
) -> Result<Option<String>> {
    let (now, mut rows, mut last) = (tx.now(), 0, String::new());
    serial_number::each_state(tx, numbers.model().id, after, limit, |sn, client| {
        rows += 1;
        *match client.map_or(Status::Unused, |client| client.status(now)) {
            Status::Unused => &mut counts.unused,
            Status::NotActivated => &mut counts.waiting,
            Status::Activated => &mut counts.activated,
            Status::Expired => &mut counts.expired,
        } += 1;
        last = sn;
    })?;
    Ok((rows == limit).then_some(last))
}

impl Counts {
    /// All of them.
    pub fn all(&self) -> i64 {
        self.unused + self.waiting + self.activated + self.expired
    }
}

/// Which of these numbers could be registered, and why not: what is said of each row of a file before anything is done.
pub fn known(tx: &mut Tx<'_>, numbers: &NumbersView, sought: &[SerialNumber]) -> Result<Vec<bool>> {
    let mut answers = Vec::with_capacity(sought.len());
    for sn in sought {
        answers.push(serial_number::find(tx, numbers.model().id, sn)?.is_some());
    }
    Ok(answers)
}
