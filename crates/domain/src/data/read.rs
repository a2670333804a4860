//! Reading by alias, and the newest and the next value of a series (contract, data.md "Read" and "Long polling").

use model::{Result, UnixSeconds};
use store::Tx;
use store::table::point;

use super::{Point, Series, Target, Value, resolve};
use crate::caller::CallingClient;

/// What an alias that exists holds.
#[derive(Clone, Debug)]
pub struct AliasRead {
    /// What it points at.
    pub target: Target,
    /// The text of its newest value, if it holds one.
    pub latest: Option<String>,
}

/// The newest values of aliases, in the order of the names; None for an alias that does not exist.
pub fn read_aliases<'n>(
    tx: &mut Tx<'_>,
    caller: &CallingClient,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<Vec<Option<AliasRead>>> {
    let mut found = Vec::new();
    for name in names {
        let target = resolve(tx, caller, name, None)?;
        found.push(match target {
            Some(target) => {
                let latest = point::latest(tx, target.series().id)?.map(|(_, text)| text);
                Some(AliasRead { target, latest })
            }
            None => None,
        });
    }
    Ok(found)
}

/// The newest point of a series.
pub fn latest(tx: &mut Tx<'_>, series: &Series) -> Result<Option<Point>> {
    point::latest(tx, series.id)?.map(|stored| from_stored(series, stored)).transpose()
}

/// The first point of a series that stands after a second.
pub fn first_after(tx: &mut Tx<'_>, series: &Series, after: UnixSeconds) -> Result<Option<Point>> {
    point::first_after(tx, series.id, after)?.map(|stored| from_stored(series, stored)).transpose()
}

pub(super) fn from_stored(series: &Series, (at, text): point::Point) -> Result<Point> {
    Ok(Point { at, value: Value::from_stored(series.format, text)? })
}
