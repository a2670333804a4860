//! The steps of `preprocess`, read from a description (contract, rpc.md "Processing").

use model::{Error, Field, Limits, Result};
use serde_json::{Number, Value as Json};

use super::Comparison;
use crate::resource::Named;

/// One thing that is done to a value before it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What.
    pub operation: Operation,
    /// With what.
    pub operand: Operand,
}

/// What can be done to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient.
    Div,
    /// Remainder.
    Mod,
    /// 1 where it holds, else 0.
    Compare(Comparison),
    /// The operand instead.
    Value,
}

/// The other side of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A constant.
    Number(Number),
    /// The current value of a series of the same client.
    Series(Named),
}

const STEPS: Error = Error::Malformed(Field("preprocess"));
/// Steps of one description.
const MOST: usize = 32;

impl Step {
    /// Reads the list behind `preprocess`.
    pub fn list_from_json(json: &Json, limits: &Limits) -> Result<Vec<Step>> {
        let steps = json.as_array().filter(|steps| steps.len() <= MOST).ok_or(STEPS)?;
        steps.iter().map(|step| Step::from_json(step, limits)).collect()
    }

    fn from_json(json: &Json, limits: &Limits) -> Result<Step> {
        let Some([Json::String(word), operand]) = json.as_array().map(Vec::as_slice) else { return Err(STEPS) };
        let operation = Operation::from_word(word).ok_or(STEPS)?;
        let operand = match operand {
            Json::Number(number) => Operand::Number(number.clone()),
            other => Operand::Series(Named::require(other, limits, STEPS)?),
        };
        Ok(Step { operation, operand })
    }
}

impl Operation {
    fn from_word(word: &str) -> Option<Operation> {
        Some(match word {
            "add" => Operation::Add,
            "sub" => Operation::Sub,
            "mul" => Operation::Mul,
            "div" => Operation::Div,
            "mod" => Operation::Mod,
            "value" => Operation::Value,
            _ => Operation::Compare(Comparison::from_word(word)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_are_pairs_of_an_operation_and_a_number_or_a_resource() {
        let rid = "0123456789abcdef0123456789abcdef01234567";
        let read = |json: Json| Step::list_from_json(&json, &Limits::default());
        let steps = read(json!([["add", 1], ["gt", 2.5], ["value", rid], ["mod", {"alias": "x"}]])).unwrap();
        assert_eq!(steps.len(), 4);
        assert_eq!(steps[1].operation, Operation::Compare(Comparison::Gt));
        assert_eq!(steps[1].operand, Operand::Number(Number::from_f64(2.5).unwrap()));
        assert!(matches!(&steps[2].operand, Operand::Series(Named::Rid(_))));
        for wrong in [
            json!(null),
            json!({}),
            json!([["add"]]),
            json!([["add", 1, 2]]),
            json!([["pow", 2]]),
            json!([["add", "1"]]),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
        let steps = |count: usize| read(Json::Array(vec![json!(["add", 1]); count]));
        assert!(steps(32).is_ok() && steps(33).is_err());
    }
}
