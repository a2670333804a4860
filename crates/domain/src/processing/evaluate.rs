//! What a datarule makes of the values that come to it, and of the time that passes (contract, rpc.md "Processing").

use model::{Result, Seconds};
use store::Tx;
use store::table::resource::Format;
use store::table::rule_timer::{self, RuleTimer};

use super::number::{Number, fit};
use super::{Condition, Repeat, Rule};
use crate::data::{self, Series, Value};

/// Starts what a rule starts by itself: the time in which a value has to come.
pub(crate) fn arm(tx: &mut Tx<'_>, id: i64, rule: &Rule) -> Result<()> {
    rule_timer::delete(tx, id)?;
    match rule {
        Rule::Timeout(timeout_s, _) => start(tx, id, *timeout_s, 0),
        _ => Ok(()),
    }
}

/// A value came. What is stored of it, if anything is.
pub(super) fn on_value(tx: &mut Tx<'_>, series: &Series, rule: &Rule, value: &Value) -> Result<Option<Value>> {
    let id = series.id;
    let number = match rule {
        // Nothing here runs a script: what is written to it by hand is kept.
        Rule::Script => return fit(value.clone(), series.format).map(Some),
        _ => Number::of(value)?,
    };
    match rule {
        Rule::Script => Ok(None),
        Rule::Simple(condition, repeat) => say(tx, series, holds(condition, number)?, *repeat),
        Rule::Timeout(timeout_s, repeat) => {
            start(tx, id, *timeout_s, 0)?;
            say(tx, series, false, *repeat)
        }
        Rule::Interval(condition, timeout_s, repeat) => {
            let holds = holds(condition, number)?;
            rule_timer::delete(tx, id)?;
            if holds {
                start(tx, id, *timeout_s, 0)?;
            }
            say(tx, series, holds, *repeat)
        }
        Rule::Duration(condition, timeout_s, repeat) => match holds(condition, number)? {
            true if *timeout_s == 0 => say(tx, series, true, *repeat),
            true => {
                if rule_timer::find(tx, id)?.is_none() {
                    start(tx, id, *timeout_s, 0)?;
                }
                Ok(None)
            }
            false => {
                rule_timer::delete(tx, id)?;
                say(tx, series, false, *repeat)
            }
        },
        Rule::Count(condition, wanted, timeout_s, repeat) => {
            if !holds(condition, number)? {
                return Ok(None);
            }
            let timer = rule_timer::find(tx, id)?.filter(|timer| timer.due_at > tx.now());
            let counted = timer.map_or(0, |timer| timer.count) + 1;
            if counted < *wanted {
                match timer {
                    Some(timer) => rule_timer::put(tx, &RuleTimer { count: counted, ..timer })?,
                    None => start(tx, id, *timeout_s, counted)?,
                }
                return Ok(None);
            }
            start(tx, id, *timeout_s, 0)?;
            say(tx, series, true, *repeat)
        }
    }
}

/// The time of a rule is over. What is stored of that, if anything is.
pub(super) fn on_time(tx: &mut Tx<'_>, series: &Series, rule: &Rule) -> Result<Option<Value>> {
    let id = series.id;
    rule_timer::delete(tx, id)?;
    match rule {
        // Where the same again is left out, it is not worth waiting for.
        Rule::Timeout(timeout_s, repeat) | Rule::Interval(_, timeout_s, repeat) => {
            if *repeat == Repeat::Stored {
                start(tx, id, *timeout_s, 0)?;
            }
            say(tx, series, true, *repeat)
        }
        Rule::Duration(_, _, repeat) => say(tx, series, true, *repeat),
        Rule::Count(_, _, _, repeat) => say(tx, series, false, *repeat),
        Rule::Simple(..) | Rule::Script => Ok(None),
    }
}

fn holds(condition: &Condition, number: Number) -> Result<bool> {
    Ok(condition.comparison.holds(number.order(Number::Real(condition.constant))?))
}

/// A time of nothing never comes.
fn start(tx: &mut Tx<'_>, id: i64, timeout_s: Seconds, count: i64) -> Result<()> {
    if timeout_s == 0 {
        return rule_timer::delete(tx, id);
    }
    let due_at = tx.now() + timeout_s;
    rule_timer::put(tx, &RuleTimer { resource_id: id, due_at, count })
}

/// 1 or 0, unless it is what was said last and is not to be said again.
fn say(tx: &mut Tx<'_>, series: &Series, holds: bool, repeat: Repeat) -> Result<Option<Value>> {
    let value = match (series.format, holds) {
        (Format::Integer, _) => Value::Integer(i64::from(holds)),
        (Format::Float, _) => Value::Float(f64::from(u8::from(holds))),
        (Format::String, true) => Value::String("1".to_owned()),
        (Format::String, false) => Value::String("0".to_owned()),
    };
    if repeat == Repeat::LeftOut && data::latest(tx, series)?.is_some_and(|latest| latest.value == value) {
        return Ok(None);
    }
    Ok(Some(value))
}
