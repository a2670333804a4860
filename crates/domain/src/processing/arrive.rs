//! The way of a value: through preprocessing into its series, and from there to those that subscribe to it (contract, rpc.md
//! "Processing").

use std::collections::{HashSet, VecDeque};

use model::{Error, Noun, Result, UnixSeconds};
use store::Tx;
use store::table::resource::{self, Kind, Resource};
use store::table::{rule_timer, share_code};

use super::number::fit;
use super::preprocess::preprocess;
use super::{dispatch, evaluate};
use crate::data::{Point, Series, Value, store_points};
use crate::resource::Description;

/// Resources that one value reaches at most.
const FARTHEST: usize = 1_000;
/// Timers that elapse in one step.
const STEP: i64 = 100;

/// A value comes to a series. What cannot be made of it there is the caller's to hear of; what others cannot make of it is
/// theirs.
pub(crate) fn arrive(tx: &mut Tx<'_>, series: &Series, at: UnixSeconds, value: Value) -> Result<()> {
    let stored = match (series.kind, series.preprocessed) {
        (Kind::Dataport, false) => Some(value),
        _ => {
            let row = resource::find(tx, series.id)?.ok_or(Error::Absent(Noun::Resource))?;
            make(tx, &row, series, value)?
        }
    };
    match stored {
        Some(value) => keep_and_publish(tx, series, at, value),
        None => Ok(()),
    }
}

/// A value that is made already comes into a series: the outcome of a dispatch, or of a timer.
pub(super) fn keep_and_publish(tx: &mut Tx<'_>, series: &Series, at: UnixSeconds, value: Value) -> Result<()> {
    store_points(tx, series, &[Point { at, value: value.clone() }])?;
    publish(tx, series, at, value)
}

/// Lets some of the timers elapse whose time is over; false when there are none.
pub fn elapse(tx: &mut Tx<'_>) -> Result<bool> {
    let due = rule_timer::list_due(tx, STEP)?;
    if due.is_empty() {
        return Ok(false);
    }
    tx.require_writing()?;
    for timer in &due {
        let id = timer.resource_id;
        let outcome = tx.attempt(|tx| {
            let row = resource::find(tx, id)?.filter(|row| row.kind == Kind::Datarule);
            let (Some(row), now) = (row, tx.now()) else { return rule_timer::delete(tx, id) };
            let series = Series::of(&row).ok_or(Error::Absent(Noun::Resource))?;
            match evaluate::on_time(tx, &series, &Description::stored(&row)?.rule()?)? {
                Some(value) => keep_and_publish(tx, &series, now, value),
                None => Ok(()),
            }
        });
        match outcome {
            Err(error @ (Error::ReadOnly | Error::Unavailable)) => return Err(error),
            // One that cannot be run does not stand in the way of the others.
            Err(error) => {
                tracing::error!(%error, "a rule could not be run");
                rule_timer::delete(tx, id)?;
            }
            Ok(()) => {}
        }
    }
    Ok(true)
}

/// What a resource stores of a value that comes to it, if anything.
fn make(tx: &mut Tx<'_>, row: &Resource, series: &Series, value: Value) -> Result<Option<Value>> {
    let value = match row.excerpt.preprocessed {
        true => preprocess(tx, row, value)?,
        false => value,
    };
    match row.kind {
        Kind::Client => Err(Error::Forbidden(Noun::Resource)),
        Kind::Dataport => fit(value, series.format).map(Some),
        Kind::Datarule => evaluate::on_value(tx, series, &Description::stored(row)?.rule()?, &value),
        Kind::Dispatch => dispatch::queue(tx, row, &value),
    }
}

/// Brings a value to all that subscribe to a series, to those that subscribe to them, and so on, each once: a cycle ends where
/// it began.
fn publish(tx: &mut Tx<'_>, series: &Series, at: UnixSeconds, value: Value) -> Result<()> {
    let mut reached = HashSet::from([series.id]);
    let mut published = VecDeque::from([(series.id, value)]);
    while let Some((publisher_id, value)) = published.pop_front() {
        for subscriber in resource::subscribers(tx, publisher_id, FARTHEST as i64)? {
            if reached.len() > FARTHEST || !reached.insert(subscriber.id) || !may_hear(tx, &subscriber)? {
                continue;
            }
            let Some(series) = Series::of(&subscriber) else { continue };
            let made = tx.attempt(|tx| {
                let made = make(tx, &subscriber, &series, value.clone())?;
                if let Some(made) = &made {
                    store_points(tx, &series, &[Point { at, value: made.clone() }])?;
                }
                Ok(made)
            });
            match made {
                Ok(Some(made)) => published.push_back((subscriber.id, made)),
                Ok(None) => {}
                Err(error @ (Error::ReadOnly | Error::Unavailable | Error::Internal(_))) => return Err(error),
                // It can make nothing of this value.
                Err(_) => {}
            }
        }
    }
    Ok(())
}

/// Whether a resource still may hear of what it subscribes to: with the rights of the client that made it subscribe.
fn may_hear(tx: &mut Tx<'_>, subscriber: &Resource) -> Result<bool> {
    let Some(edge) = subscriber.excerpt.subscription else { return Ok(false) };
    let Some(publisher) = resource::find(tx, edge.publisher_id)? else { return Ok(false) };
    if publisher.owner_id == subscriber.owner_id || publisher.excerpt.public {
        return Ok(true);
    }
    if !resource::is_within(tx, subscriber.id, edge.by)? {
        return Ok(false);
    }
    Ok(resource::is_within(tx, publisher.id, edge.by)? || share_code::is_activated(tx, edge.by, publisher.id)?)
}
