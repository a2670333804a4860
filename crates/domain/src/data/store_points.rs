//! The one way into a series: every value that is stored, whoever sent it, passes here.

use model::{Result, UnixSeconds};
use store::Tx;
use store::table::point;

use super::{Series, Value};

/// A value and the second at which it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub at: UnixSeconds,
    /// What.
    pub value: Value,
}

/// Stores points in the order in which they are given; of two in one second the later stays. The values must be of the
/// series' format. Who waits for a value hears it once the transaction has committed, before anything is answered.
///
/// What is written is processed around this (contract, rpc.md "Processing"): preprocessed before it, published after it. What is
/// recorded of the past is not.
pub fn store_points(tx: &mut Tx<'_>, series: &Series, points: &[Point]) -> Result<()> {
    for Point { at, value } in points {
        let text = value.text();
        point::put(tx, series.id, *at, &text)?;
        tx.signal(series.id, *at, &text);
    }
    Ok(())
}
