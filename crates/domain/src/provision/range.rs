//! Ranges of serial numbers (contract, manage.md "A range"): compared as ranges, never expanded.

use model::{Clash, Error, Field, Range, Result};
use store::Tx;
use store::table::serial_range;

use crate::Settings;
use crate::caller::{ModelView, OwnedModel};

/// The ranges of a model.
pub fn list(tx: &mut Tx<'_>, model: &ModelView) -> Result<Vec<Range>> {
    serial_range::list(tx, model.id())
}

/// Adds ranges: all of them or, when one overlaps another of the model or of the request, none.
pub fn add(tx: &mut Tx<'_>, settings: &Settings, model: &OwnedModel, ranges: &[Range]) -> Result<()> {
    let there = serial_range::count(tx, model.id())?;
    if there as usize + ranges.len() > settings.limits.ranges_per_model {
        return Err(Error::TooLarge(Field("ranges")));
    }
    for range in ranges {
        if serial_range::list_crossing(tx, model.id(), range)?.iter().any(|other| other.overlaps(range)) {
            return Err(Error::Conflict(Clash::RangeOverlaps));
        }
        serial_range::insert(tx, model.id(), range)?;
    }
    Ok(())
}

/// Removes ranges; those that are not there are fine.
pub fn remove(tx: &mut Tx<'_>, model: &OwnedModel, ranges: &[Range]) -> Result<()> {
    for range in ranges {
        serial_range::delete(tx, model.id(), range)?;
    }
    Ok(())
}
