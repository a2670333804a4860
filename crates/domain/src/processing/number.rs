//! Values as numbers, for preprocessing and rules: exact as long as both sides are whole.

use std::cmp::Ordering;

use model::{Error, Field, Result};
use serde_json::Number as JsonNumber;
use store::table::resource::Format;

use super::{Comparison, Operation};
use crate::data::Value;

const UNFIT: Error = Error::Malformed(Field("value"));

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    Real(f64),
}

impl Number {
    /// The number that a value is, or that its text says.
    pub(super) fn of(value: &Value) -> Result<Number> {
        match value {
            Value::Integer(whole) => Ok(Number::Whole(*whole)),
            Value::Float(real) => Ok(Number::Real(*real)),
            Value::String(text) => match text.parse() {
                Ok(whole) => Ok(Number::Whole(whole)),
                Err(_) => text.parse().map_err(|_| UNFIT).and_then(Number::real),
            },
        }
    }

    /// The number of a description.
    pub(super) fn of_json(json: &JsonNumber) -> Result<Number> {
        match json.as_i64() {
            Some(whole) => Ok(Number::Whole(whole)),
            None => json.as_f64().ok_or(UNFIT).and_then(Number::real),
        }
    }

    pub(super) fn as_f64(self) -> f64 {
        match self {
            Number::Whole(whole) => whole as f64,
            Number::Real(real) => real,
        }
    }

    /// How it stands to another.
    pub(super) fn order(self, other: Number) -> Result<Ordering> {
        match (self, other) {
            (Number::Whole(one), Number::Whole(other)) => Ok(one.cmp(&other)),
            _ => self.as_f64().partial_cmp(&other.as_f64()).ok_or(UNFIT),
        }
    }

    /// The outcome of an operation; what has none (a quotient by zero, a sum out of range) is refused.
    pub(super) fn operate(self, operation: Operation, other: Number) -> Result<Number> {
        use Number::{Real, Whole};
        let reals = |operate: fn(f64, f64) -> f64| Number::real(operate(self.as_f64(), other.as_f64()));
        match (operation, self, other) {
            (Operation::Value, _, _) => Ok(other),
            (Operation::Compare(comparison), _, _) => self.compare(comparison, other),
            (Operation::Div | Operation::Mod, _, _) if other.as_f64() == 0.0 => Err(UNFIT),
            (Operation::Add, Whole(one), Whole(other)) => one.checked_add(other).map(Whole).ok_or(UNFIT),
            (Operation::Sub, Whole(one), Whole(other)) => one.checked_sub(other).map(Whole).ok_or(UNFIT),
            (Operation::Mul, Whole(one), Whole(other)) => one.checked_mul(other).map(Whole).ok_or(UNFIT),
            (Operation::Mod, Whole(one), Whole(other)) => one.checked_rem(other).map(Whole).ok_or(UNFIT),
            (Operation::Div, Whole(one), Whole(other)) if one.checked_rem(other) == Some(0) => {
                one.checked_div(other).map(Whole).ok_or(UNFIT)
            }
            (Operation::Add, _, _) => reals(|one, other| one + other),
            (Operation::Sub, _, _) => reals(|one, other| one - other),
            (Operation::Mul, _, _) => reals(|one, other| one * other),
            (Operation::Div, _, Real(_) | Whole(_)) => reals(|one, other| one / other),
            (Operation::Mod, _, _) => reals(|one, other| one % other),
        }
    }

    fn compare(self, comparison: Comparison, other: Number) -> Result<Number> {
        Ok(Number::Whole(i64::from(comparison.holds(self.order(other)?))))
    }

    fn real(real: f64) -> Result<Number> {
        real.is_finite().then_some(Number::Real(real)).ok_or(UNFIT)
    }
}

/// A value in the format of a series. What an integer has no room for behind its point is left out.
pub(super) fn fit(value: Value, format: Format) -> Result<Value> {
    match (format, value) {
        (Format::Integer, value @ Value::Integer(_))
        | (Format::Float, value @ Value::Float(_))
        | (Format::String, value @ Value::String(_)) => Ok(value),
        (Format::String, value) => Ok(Value::String(value.text().into_owned())),
        (Format::Float, value) => Value::finite(Number::of(&value)?.as_f64()).ok_or(UNFIT),
        (Format::Integer, value) => match Number::of(&value)? {
            Number::Whole(whole) => Ok(Value::Integer(whole)),
            Number::Real(real) if (-9.2e18..9.2e18).contains(&real) => Ok(Value::Integer(real.trunc() as i64)),
            Number::Real(_) => Err(UNFIT),
        },
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        match number {
            Number::Whole(whole) => Value::Integer(whole),
            Number::Real(real) => Value::Float(real),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_exact_and_what_has_no_outcome_is_refused() {
        use Number::{Real, Whole};
        for (one, operation, other, outcome) in [
            (Whole(1 << 60), Operation::Add, Whole(1), Some(Whole((1 << 60) + 1))),
            (Whole(7), Operation::Div, Whole(2), Some(Real(3.5))),
            (Whole(8), Operation::Div, Whole(2), Some(Whole(4))),
            (Whole(-7), Operation::Mod, Whole(3), Some(Whole(-1))),
            (Real(0.5), Operation::Mul, Whole(4), Some(Real(2.0))),
            (Whole(5), Operation::Compare(Comparison::Geq), Real(5.0), Some(Whole(1))),
            (Whole(5), Operation::Value, Whole(9), Some(Whole(9))),
            (Whole(1), Operation::Div, Whole(0), None),
            (Real(1.0), Operation::Mod, Real(0.0), None),
            (Whole(i64::MAX), Operation::Add, Whole(1), None),
            (Whole(i64::MIN), Operation::Div, Whole(-1), Some(Real(9_223_372_036_854_775_808.0))),
            (Real(1e308), Operation::Mul, Real(10.0), None),
        ] {
            assert_eq!(one.operate(operation, other).ok(), outcome, "{one:?} {operation:?} {other:?}");
        }
    }

    #[test]
    fn a_value_is_fitted_to_the_format_of_its_series() {
        for (value, format, fitted) in [
            (Value::Float(2.9), Format::Integer, Some(Value::Integer(2))),
            (Value::Float(-2.9), Format::Integer, Some(Value::Integer(-2))),
            (Value::Float(1e300), Format::Integer, None),
            (Value::Integer(2), Format::Float, Some(Value::Float(2.0))),
            (Value::Integer(2), Format::String, Some(Value::String("2".into()))),
            (Value::String("2.5".into()), Format::Float, Some(Value::Float(2.5))),
            (Value::String("warm".into()), Format::Float, None),
            (Value::String("inf".into()), Format::Float, None),
        ] {
            assert_eq!(fit(value.clone(), format).ok(), fitted, "{value:?}");
        }
    }
}
