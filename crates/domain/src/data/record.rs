//! Recording values at seconds of the past (contract, data.md "Record"; rpc.md `record`).

use std::collections::HashMap;

use model::{Error, Field, Limits, Result, UnixSeconds};
use store::Tx;

use super::{Point, Target, Value, resolve, store_points};
use crate::caller::CallingClient;

/// Points for one alias, as they came.
#[derive(Clone, Debug)]
pub struct AliasRecord {
    /// The alias.
    pub alias: String,
    /// Seconds and texts of values; a negative second counts back from now.
    pub points: Vec<(UnixSeconds, String)>,
    /// What the alias pointed at lately, where that is known.
    pub target: Option<Target>,
}

/// A second, as it came, at which an alias was given more than one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The alias.
    pub alias: String,
    /// The second, of the first of the values.
    pub at: UnixSeconds,
}

/// Records points by alias. Unknown aliases are passed over. A value that does not parse, and nothing is written; seconds that
/// collide within one alias, and nothing is written: they are answered.
pub fn record_aliases(
    tx: &mut Tx<'_>,
    caller: &CallingClient,
    records: &[AliasRecord],
    limits: &Limits,
) -> Result<Vec<Collision>> {
    let mut accepted = Vec::new();
    let mut seen = HashMap::new();
    let mut collisions = Vec::new();
    for record in records {
        let Some(target) = resolve(tx, caller, &record.alias, record.target.as_ref())? else { continue };
        let mut points = Vec::with_capacity(record.points.len());
        for (given, text) in &record.points {
            let at = absolute_time(tx.now(), *given)?;
            points.push(Point { at, value: Value::parse(target.series().format, text, limits)? });
            let (first_given, told) = seen.entry((record.alias.as_str(), at)).or_insert((*given, None));
            match told {
                None => *told = Some(false),
                Some(true) => {}
                Some(told) => {
                    *told = true;
                    collisions.push(Collision { alias: record.alias.clone(), at: *first_given });
                }
            }
        }
        accepted.push((target, points));
    }
    if collisions.is_empty() {
        accepted.iter().try_for_each(|(target, points)| store_points(tx, target.series(), points))?;
    }
    Ok(collisions)
}

/// The last second that a date of four digits for its year can say, and that headers can show.
const LAST: UnixSeconds = 253_402_300_799;

/// The second that is meant: a negative one counts back from now. None is before 1970 or after 9999.
pub fn absolute_time(now: UnixSeconds, given: UnixSeconds) -> Result<UnixSeconds> {
    let at = if given < 0 { now.saturating_add(given) } else { given };
    if (0..=LAST).contains(&at) { Ok(at) } else { Err(Error::Malformed(Field("timestamp"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_of_this_age() {
        let now = 1_700_000_000;
        for (given, at) in [
            (0, Some(0)),
            (5, Some(5)),
            (-5, Some(now - 5)),
            (-now, Some(0)),
            (-now - 1, None),
            (i64::MIN, None),
            (LAST, Some(LAST)),
            (LAST + 1, None),
        ] {
            assert_eq!(absolute_time(now, given).ok(), at, "{given}");
        }
    }
}
