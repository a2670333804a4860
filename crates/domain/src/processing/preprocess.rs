//! What is done to a value before it is stored (contract, rpc.md "Processing").

use model::{Error, Field, Result};
use store::Tx;
use store::table::alias;
use store::table::resource::{self, Resource};

use super::number::Number;
use super::{Comparison, Operand, Operation};
use crate::data::{self, Series, Value};
use crate::resource::{Description, Named};

const UNFIT: Error = Error::Malformed(Field("value"));

/// Does the steps of a resource's description, one on the outcome of the other.
pub(super) fn preprocess(tx: &mut Tx<'_>, row: &Resource, value: Value) -> Result<Value> {
    let mut value = value;
    for step in Description::stored(row)?.steps()? {
        let operand = match &step.operand {
            Operand::Number(number) => Value::from(Number::of_json(number)?),
            Operand::Series(named) => current(tx, row, named)?,
        };
        value = operate(&value, step.operation, operand)?;
    }
    Ok(value)
}

fn operate(value: &Value, operation: Operation, operand: Value) -> Result<Value> {
    match (operation, Number::of(value), Number::of(&operand)) {
        (Operation::Value, _, _) => Ok(operand),
        (operation, Ok(one), Ok(other)) => one.operate(operation, other).map(Value::from),
        // Words can be the same or not, and nothing else.
        (Operation::Compare(comparison @ (Comparison::Eq | Comparison::Neq)), _, _) => {
            let is_equal = value.text() == operand.text();
            Ok(Value::Integer(i64::from(is_equal == (comparison == Comparison::Eq))))
        }
        _ => Err(UNFIT),
    }
}

/// The current value of a series of the same client.
fn current(tx: &mut Tx<'_>, row: &Resource, named: &Named) -> Result<Value> {
    let owner_id = row.owner_id.ok_or(UNFIT)?;
    let operand = match named {
        Named::Itself => None,
        Named::Rid(rid) => resource::find_by_rid(tx, *rid)?,
        Named::Alias(name) => match alias::find(tx, owner_id, name.as_str())? {
            Some(id) => resource::find(tx, id)?,
            None => None,
        },
    };
    let operand = operand.filter(|operand| operand.owner_id == Some(owner_id)).ok_or(UNFIT)?;
    let series = Series::of(&operand).ok_or(UNFIT)?;
    Ok(data::latest(tx, &series)?.ok_or(UNFIT)?.value)
}
