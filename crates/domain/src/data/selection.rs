//! Reading a window of a series (contract, rpc.md `read`).

use model::{Error, Field, Limits, Result, UnixSeconds};
use store::Tx;
use store::table::point;

use super::read::from_stored;
use super::{Point, Series};

/// What of a series is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The first second of the window.
    pub start: UnixSeconds,
    /// The last second of the window.
    pub end: UnixSeconds,
    /// The order of the answer; of a selection of all also the end from which the limit counts.
    pub order: Order,
    /// How many points at most.
    pub limit: u64,
    /// Which of the window's points.
    pub selection: Selection,
}

/// The order of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Which of a window's points are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those that come first in the order.
    All,
    /// The first of each part, of `limit` equal parts of the window.
    GivenWindow,
    /// `limit` of them, spread evenly over all points of the window: the newest, and from a limit of 2 on the oldest too.
    AutoWindow,
}

/// Reads points. At most [`Limits::points_per_read`] may be asked for, and their texts may come to
/// [`Limits::read_bytes`]: beyond them it is `TooLarge`.
pub fn read(tx: &mut Tx<'_>, series: &Series, reading: &Reading, limits: &Limits) -> Result<Vec<Point>> {
    if reading.limit > limits.points_per_read as u64 {
        return Err(Error::TooLarge(Field("limit")));
    }
    let mut taken = Taken { series, bytes_left: limits.read_bytes, points: Vec::new() };
    if reading.limit == 0 || reading.start > reading.end {
        return Ok(taken.points);
    }
    match reading.selection {
        Selection::All => all(tx, reading, &mut taken)?,
        Selection::GivenWindow => of_equal_parts(tx, reading, &mut taken)?,
        Selection::AutoWindow => spread_evenly(tx, reading, &mut taken)?,
    }
    if reading.selection != Selection::All && reading.order == Order::Descending {
        taken.points.reverse();
    }
    Ok(taken.points)
}

/// The points of an answer, as far as they are read.
struct Taken<'s> {
    series: &'s Series,
    bytes_left: usize,
    points: Vec<Point>,
}

impl Taken<'_> {
    fn push(&mut self, stored: point::Point) -> Result<()> {
        self.bytes_left = self.bytes_left.checked_sub(stored.1.len()).ok_or(Error::TooLarge(Field("limit")))?;
        self.points.push(from_stored(self.series, stored)?);
        Ok(())
    }
}

impl Reading {
    fn window(&self) -> (UnixSeconds, UnixSeconds) {
        (self.start, self.end)
    }

    fn sql_limit(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX)
    }
}

fn all(tx: &mut Tx<'_>, reading: &Reading, taken: &mut Taken<'_>) -> Result<()> {
    let (id, window, limit) = (taken.series.id, reading.window(), reading.sql_limit());
    let each = |stored| taken.push(stored).map(|()| true);
    match reading.order {
        Order::Ascending => point::oldest_within(tx, id, window, limit, each),
        Order::Descending => point::newest_within(tx, id, window, limit, each),
    }
}

/// Jumps from a part that gave its point to the beginning of the next, and from there to the next point: empty parts cost
/// nothing.
fn of_equal_parts(tx: &mut Tx<'_>, reading: &Reading, taken: &mut Taken<'_>) -> Result<()> {
    let parts = i128::from(reading.limit);
    let width = i128::from(reading.end) - i128::from(reading.start) + 1;
    let mut from = reading.start;
    while let Some(stored) = point::first_within(tx, taken.series.id, (from, reading.end), 0)? {
        let offset = i128::from(stored.0) - i128::from(reading.start);
        let part = offset * parts / width;
        taken.push(stored)?;
        // The least offset that belongs to the next part.
        let next = i128::from(reading.start) + ((part + 1) * width + parts - 1) / parts;
        match i64::try_from(next) {
            Ok(next) if next <= reading.end => from = next,
            _ => break,
        }
    }
    Ok(())
}

/// Hops from one point to be taken to the next; those between are counted, not read.
fn spread_evenly(tx: &mut Tx<'_>, reading: &Reading, taken: &mut Taken<'_>) -> Result<()> {
    let (id, limit) = (taken.series.id, reading.sql_limit());
    let count = point::count_within(tx, id, reading.window())?;
    if count <= limit {
        let each = |stored| taken.push(stored).map(|()| true);
        return point::oldest_within(tx, id, reading.window(), limit, each);
    }
    let rank = |number: i64| match limit {
        1 => count - 1,
        _ => (i128::from(number) * i128::from(count - 1) / i128::from(limit - 1)) as i64,
    };
    let (mut from, mut passed) = (reading.start, 0);
    for number in 0..limit {
        let window = (from, reading.end);
        let Some(stored) = point::first_within(tx, id, window, rank(number) - passed)? else { break };
        passed = rank(number) + 1;
        from = stored.0.saturating_add(1);
        taken.push(stored)?;
    }
    Ok(())
}
