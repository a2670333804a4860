//! Removing what deletions left behind, and tokens whose time is over, a small step at a time, so that no writer waits long for it.

use model::Result;
use store::Tx;
use store::table::sweep::{self, Leftover};
use store::table::{grant, point, serial_number};

const STEP: i64 = 500;

/// Does one step; false when nothing is left to do.
pub fn step(tx: &mut Tx<'_>) -> Result<bool> {
    let leftover = sweep::first(tx)?;
    if leftover.is_none() && !grant::has_expired(tx)? {
        return Ok(false);
    }
    tx.require_writing()?;
    let Some(leftover) = leftover else { return Ok(grant::delete_expired(tx, STEP)? > 0) };
    let removed = match leftover {
        Leftover::SerialNumbers { model_id } => serial_number::delete_some(tx, model_id, STEP)?,
        Leftover::Points { resource_id } => point::delete_some(tx, resource_id, i64::MAX, STEP)?,
    };
    if removed < STEP as u64 {
        sweep::delete(tx, leftover)?;
    }
    Ok(true)
}
