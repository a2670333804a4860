//! The rule of a datarule, read from its description (contract, rpc.md "Descriptions").

use std::cmp::Ordering;

use model::{Error, Field, Result, Seconds};
use serde_json::{Map, Value as Json};

/// What a datarule makes of the values that come to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// Whether the value compares.
    Simple(Condition, Repeat),
    /// Whether nothing has come for so long.
    Timeout(Seconds, Repeat),
    /// Whether the value compares, said again every so often while it does.
    Interval(Condition, Seconds, Repeat),
    /// Whether values have compared for so long.
    Duration(Condition, Seconds, Repeat),
    /// Whether so many values compared within so long.
    Count(Condition, i64, Seconds, Repeat),
    /// Kept, given back, and not run.
    Script,
}

/// A comparison with a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub constant: f64,
}

/// One of the six.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Above.
    Gt,
    /// Above or equal.
    Geq,
    /// Below.
    Lt,
    /// Below or equal.
    Leq,
    /// Equal.
    Eq,
    /// Not equal.
    Neq,
}

/// What becomes of an outcome that is the one stored last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It is stored again.
    Stored,
    /// It is not.
    LeftOut,
}

const RULE: Error = Error::Malformed(Field("rule"));
/// Longer than any rule waits: some thirty years.
const LONGEST_S: f64 = 1e9;

impl Rule {
    /// Reads the object behind `rule`: one kind, and what belongs to it.
    pub fn from_json(json: &Json) -> Result<Rule> {
        let object = json.as_object().filter(|object| object.len() == 1).ok_or(RULE)?;
        let (kind, said) = object.iter().next().ok_or(RULE)?;
        if kind == "script" {
            return said.is_string().then_some(Rule::Script).ok_or(RULE);
        }
        let said = said.as_object().ok_or(RULE)?;
        let repeat = repeat(said)?;
        Ok(match kind.as_str() {
            "simple" => Rule::Simple(condition(said)?, repeat),
            "timeout" => Rule::Timeout(timeout(said)?, repeat),
            "interval" => Rule::Interval(condition(said)?, timeout(said)?, repeat),
            "duration" => Rule::Duration(condition(said)?, timeout(said)?, repeat),
            "count" => Rule::Count(condition(said)?, count(said)?, timeout(said)?, repeat),
            _ => return Err(RULE),
        })
    }
}

impl Comparison {
    /// The comparison of that word.
    pub fn from_word(word: &str) -> Option<Comparison> {
        Some(match word {
            "gt" => Comparison::Gt,
            "geq" => Comparison::Geq,
            "lt" => Comparison::Lt,
            "leq" => Comparison::Leq,
            "eq" => Comparison::Eq,
            "neq" => Comparison::Neq,
            _ => return None,
        })
    }

    /// Whether it holds for two values that stand so to each other.
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Gt => order.is_gt(),
            Comparison::Geq => order.is_ge(),
            Comparison::Lt => order.is_lt(),
            Comparison::Leq => order.is_le(),
            Comparison::Eq => order.is_eq(),
            Comparison::Neq => order.is_ne(),
        }
    }
}

fn condition(said: &Map<String, Json>) -> Result<Condition> {
    let comparison = said.get("comparison").and_then(Json::as_str).and_then(Comparison::from_word).ok_or(RULE)?;
    let constant = said.get("constant").and_then(Json::as_f64).ok_or(RULE)?;
    Ok(Condition { comparison, constant })
}

/// Whole seconds; a part of one counts as one.
fn timeout(said: &Map<String, Json>) -> Result<Seconds> {
    let seconds = said.get("timeout").and_then(Json::as_f64).ok_or(RULE)?;
    (0.0..=LONGEST_S).contains(&seconds).then_some(seconds.ceil() as Seconds).ok_or(RULE)
}

fn count(said: &Map<String, Json>) -> Result<i64> {
    said.get("count").and_then(Json::as_i64).filter(|count| *count > 0).ok_or(RULE)
}

fn repeat(said: &Map<String, Json>) -> Result<Repeat> {
    match said.get("repeat") {
        None | Some(Json::Null | Json::Bool(false)) => Ok(Repeat::LeftOut),
        Some(Json::Bool(true)) => Ok(Repeat::Stored),
        Some(_) => Err(RULE),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_rule_is_read_with_what_belongs_to_it() {
        let warm = Condition { comparison: Comparison::Gt, constant: 20.5 };
        for (json, rule) in [
            (
                json!({"simple": {"comparison": "gt", "constant": 20.5, "repeat": true}}),
                Rule::Simple(warm, Repeat::Stored),
            ),
            (json!({"timeout": {"timeout": 60, "repeat": false}}), Rule::Timeout(60, Repeat::LeftOut)),
            (
                json!({"interval": {"comparison": "gt", "constant": 20.5, "timeout": 0.5}}),
                Rule::Interval(warm, 1, Repeat::LeftOut),
            ),
            (
                json!({"duration": {"comparison": "gt", "constant": 20.5, "timeout": 0}}),
                Rule::Duration(warm, 0, Repeat::LeftOut),
            ),
            (
                json!({"count": {"comparison": "gt", "constant": 20.5, "timeout": 10, "count": 3}}),
                Rule::Count(warm, 3, 10, Repeat::LeftOut),
            ),
            (json!({"script": "debug('hello')"}), Rule::Script),
        ] {
            assert_eq!(Rule::from_json(&json), Ok(rule), "{json}");
        }
    }

    #[test]
    fn a_rule_that_says_too_little_or_something_else_is_refused() {
        for json in [
            json!(null),
            json!({}),
            json!("simple"),
            json!({"simple": {}}),
            json!({"simple": {"comparison": "above", "constant": 1}}),
            json!({"simple": {"comparison": "gt", "constant": "1"}}),
            json!({"simple": {"comparison": "gt", "constant": 1, "repeat": 1}}),
            json!({"timeout": {"timeout": -1}}),
            json!({"timeout": {"timeout": 1e300}}),
            json!({"count": {"comparison": "gt", "constant": 1, "timeout": 1, "count": 0}}),
            json!({"script": 5}),
            json!({"other": {}}),
            json!({"timeout": {"timeout": 1}, "script": ""}),
        ] {
            assert_eq!(Rule::from_json(&json), Err(RULE), "{json}");
        }
    }
}
