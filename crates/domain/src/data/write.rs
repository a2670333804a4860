//! Writing values at the present second (contract, data.md "Write"; rpc.md `write`, `writegroup`).

use model::{Limits, Result, UnixSeconds};
use store::Tx;

use super::{Series, Target, Value, resolve};
use crate::caller::CallingClient;
use crate::processing::arrive;

/// A value for an alias, as it came.
#[derive(Clone, Debug)]
pub struct AliasWrite {
    /// The alias.
    pub alias: String,
    /// The value's text.
    pub text: String,
    /// What the alias pointed at lately, where that is known.
    pub target: Option<Target>,
}

/// Writes values by alias, all at the same second. Unknown aliases are passed over; one value that does not parse in its
/// format, and nothing is written.
pub fn write_aliases(tx: &mut Tx<'_>, caller: &CallingClient, writes: &[AliasWrite], limits: &Limits) -> Result<()> {
    let mut values = Vec::with_capacity(writes.len());
    for write in writes {
        if let Some(target) = resolve(tx, caller, &write.alias, write.target.as_ref())? {
            let value = Value::parse(target.series().input_format(), &write.text, limits)?;
            values.push((target, value));
        }
    }
    let at = tx.now();
    values.into_iter().try_for_each(|(target, value)| arrive(tx, target.series(), at, value))
}

/// Writes one value; answers the second at which it stands.
pub fn write(tx: &mut Tx<'_>, series: &Series, value: Value) -> Result<UnixSeconds> {
    let at = tx.now();
    arrive(tx, series, at, value)?;
    Ok(at)
}

/// Writes values to several series at the same second, which it answers.
pub fn write_group(tx: &mut Tx<'_>, values: impl IntoIterator<Item = (Series, Value)>) -> Result<UnixSeconds> {
    let at = tx.now();
    values.into_iter().try_for_each(|(series, value)| arrive(tx, &series, at, value))?;
    Ok(at)
}
