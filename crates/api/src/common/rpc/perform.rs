//! One call, done: the rule that belongs to it, and what its result looks like (contract, rpc.md "Procedures").

use std::collections::BTreeMap;

use domain::Settings;
use domain::caller::{Caller, Right};
use domain::data::{self, Order, Point, Reading, Series};
use domain::resource::{self, Named, Which};
use model::{Error, Field, Limits, Result, SecretKey};
use serde_json::{Map, Value as Json, json};
use store::Tx;
use wire::rpc::Outcome;

use super::call::{Call, Deactivated, Key, Listed, Selection, Window};
use super::info;
use super::options::seconds;

/// Does a call in a transaction.
pub(super) fn perform(tx: &mut Tx<'_>, settings: &Settings, caller: &Caller, call: &Call) -> Result<Outcome> {
    let limits = &settings.limits;
    match call {
        Call::Read(named, window) => {
            let readable = caller.readable(tx, Right::Read, named)?;
            let points = data::read(tx, readable.series(), &reading(tx, window), limits)?;
            Ok(Outcome::Result(Json::Array(points.iter().map(point).collect())))
        }
        Call::Write(named, json) => {
            let series = caller.writable(tx, Right::Write, named)?.into_series();
            let value = data::Value::from_json(series.input_format(), json, limits)?;
            data::write(tx, &series, value).map(|_| Outcome::Done)
        }
        Call::WriteGroup(writes) => {
            let mut values = Vec::with_capacity(writes.len());
            for (named, json) in writes {
                let series = caller.writable(tx, Right::WriteGroup, named)?.into_series();
                let value = data::Value::from_json(series.input_format(), json, limits)?;
                values.push((series, value));
            }
            data::write_group(tx, values).map(|_| Outcome::Done)
        }
        Call::Record(named, points) => {
            let series = caller.writable(tx, Right::Record, named)?.into_series();
            let read = points.iter().map(|(at, json)| past(tx, &series, *at, json, limits));
            let points = read.collect::<Result<Vec<_>>>()?;
            data::store_points(tx, &series, &points).map(|()| Outcome::Done)
        }
        Call::RecordBatch(named, points) => {
            let series = caller.writable(tx, Right::RecordBatch, named)?.into_series();
            record_batch(tx, &series, points, limits)
        }
        Call::Flush(named, ends) => {
            let series = caller.writable(tx, Right::Flush, named)?.into_series();
            data::flush(tx, &series, ends.newer_than, ends.older_than).map(|_| Outcome::Done)
        }
        // What waits does so outside of a transaction (see `waiting`).
        Call::Wait(..) => Err(Error::internal("a wait in a transaction")),
        Call::Create(owner, kind, given) => {
            let owner = caller.client_within(tx, Right::Create, owner)?;
            let rid = resource::create(tx, limits, caller, &owner, *kind, given.clone())?;
            Ok(Outcome::Result(json!(rid.to_string())))
        }
        Call::Clone(owner, original, copying) => {
            let owner = caller.client_within(tx, Right::Create, owner)?;
            let rid = resource::clone_for(tx, caller, &owner, original, *copying)?;
            Ok(Outcome::Result(json!(rid.to_string())))
        }
        Call::Update(named, given) => {
            let updated = caller.controlled(tx, Right::Update, named)?;
            resource::update(tx, limits, caller, &updated, given.clone()).map(|()| Outcome::Done)
        }
        Call::Info(named, parts) => {
            let seen = caller.seen(tx, Right::Info, named)?;
            let facts = resource::info(tx, settings, caller, &seen, parts)?;
            Ok(Outcome::Result(Json::Object(facts.into_iter().map(info::entry).collect())))
        }
        Call::Listing(client, kinds, listed) => listing(tx, caller, client, kinds, *listed),
        Call::Drop(named) => {
            let dropped = caller.controlled(tx, Right::Drop, named)?;
            resource::drop(tx, caller, &dropped).map(|()| Outcome::Done)
        }
        Call::Move(named, destination, names) => {
            let moved = caller.controlled(tx, Right::Move, named)?;
            let destination = caller.client_within(tx, Right::Move, destination)?;
            resource::relocate(tx, &moved, &destination, *names).map(|()| Outcome::Done)
        }
        Call::Usage(client, metric, start, end) => {
            let client = caller.client_within(tx, Right::Usage, client)?;
            Ok(Outcome::Result(json!(resource::usage(tx, &client, *metric, *start, *end)?)))
        }
        Call::Map(client, named, name) => {
            let client = caller.client_within(tx, Right::Map, client)?;
            let target = caller.controlled(tx, Right::Map, named)?;
            resource::map(tx, &client, &target, name).map(|()| Outcome::Done)
        }
        Call::Unmap(client, name) => {
            let client = caller.client_within(tx, Right::Unmap, client)?;
            resource::unmap(tx, &client, name).map(|()| Outcome::Done)
        }
        Call::Lookup(client, sought) => {
            let client = caller.client_within(tx, Right::Lookup, client)?;
            let rid = resource::lookup(tx, caller, &client, sought)?;
            Ok(Outcome::Result(json!(rid.to_string())))
        }
        Call::Share(named, meta) => {
            let shared = caller.controlled(tx, Right::Share, named)?;
            let code = resource::share(tx, &shared, meta)?;
            Ok(Outcome::Result(json!(code.expose_hex())))
        }
        Call::DescribeShare(named, code, meta) => {
            let shared = caller.controlled(tx, Right::Share, named)?;
            resource::describe_share(tx, &shared, code, meta)?;
            Ok(Outcome::Result(json!(code.expose_hex())))
        }
        Call::Activate(client, key) => {
            let client = caller.client_within(tx, Right::Activate, client)?;
            match key {
                Key::Client(cik) => resource::activate_key(tx, caller, cik)?,
                Key::Share(code) => resource::activate_share(tx, &client, code)?,
            }
            Ok(Outcome::Done)
        }
        Call::Deactivate(client, deactivated) => {
            let client = caller.client_within(tx, Right::Deactivate, client)?;
            match deactivated {
                Deactivated::Client(cik) => resource::expire_key(tx, caller, cik)?,
                Deactivated::Share(given_up) => resource::deactivate_share(tx, &client, given_up)?,
            }
            Ok(Outcome::Done)
        }
        Call::Revoke(Key::Client(cik)) => {
            resource::replace_key(tx, caller, settings.default_timeout_s, cik).map(|()| Outcome::Done)
        }
        Call::Revoke(Key::Share(code)) => resource::revoke_share(tx, caller, code).map(|()| Outcome::Done),
        Call::Grant(client, rights, ttl_s) => {
            let client = caller.client_within(tx, Right::Grant, client)?;
            let token = resource::lend(tx, caller, &client, rights, *ttl_s)?;
            Ok(Outcome::Result(json!(token.expose_hex())))
        }
        Call::Comment(named, visibility, text) => {
            let commented = caller.controlled(tx, Right::Comment, named)?;
            resource::add_comment(tx, limits, &commented, *visibility, text).map(|()| Outcome::Done)
        }
    }
}

/// `[ts, value]`.
pub(crate) fn point(point: &Point) -> Json {
    json!([point.at, point.value.to_json()])
}

fn reading(tx: &Tx<'_>, window: &Window) -> Reading {
    Reading {
        start: window.start,
        end: window.end.unwrap_or(tx.now()),
        order: if window.descending { Order::Descending } else { Order::Ascending },
        limit: window.limit,
        selection: match window.selection {
            Selection::All => data::Selection::All,
            Selection::GivenWindow => data::Selection::GivenWindow,
            Selection::AutoWindow => data::Selection::AutoWindow,
        },
    }
}

/// A point of the past; a negative second counts back from now.
fn past(tx: &Tx<'_>, series: &Series, at: i64, json: &Json, limits: &Limits) -> Result<Point> {
    let value = data::Value::from_json(series.format, json, limits)?;
    Ok(Point { at: data::absolute_time(tx.now(), at)?, value })
}

/// Stores the good points, and names the seconds of the others as they came.
fn record_batch(tx: &mut Tx<'_>, series: &Series, points: &[(Json, Json)], limits: &Limits) -> Result<Outcome> {
    let mut good = Vec::with_capacity(points.len());
    let mut bad = Vec::new();
    for (at, json) in points {
        // Without a second there is nothing to name it by.
        let at = seconds(at).map_err(|_| Error::Malformed(Field("timestamp")))?;
        match past(tx, series, at, json, limits) {
            Ok(point) => good.push(point),
            Err(_) => bad.push(at),
        }
    }
    data::store_points(tx, series, &good)?;
    Ok(if bad.is_empty() { Outcome::Done } else { Outcome::BadPoints(bad) })
}

fn listing(
    tx: &mut Tx<'_>,
    caller: &Caller,
    client: &Named,
    kinds: &[store::table::resource::Kind],
    listed: Listed,
) -> Result<Outcome> {
    let client = caller.client_within(tx, Right::Listing, client)?;
    let which = match listed {
        Listed::ByKind(which) => which,
        Listed::InOrder => Which { owned: true, ..Which::default() },
    };
    let mut lists = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let rids = resource::listing(tx, &client, *kind, which)?;
        lists.push(Json::Array(rids.into_iter().map(|rid| Json::from(rid.to_string())).collect()));
    }
    Ok(Outcome::Result(match listed {
        Listed::InOrder => Json::Array(lists),
        Listed::ByKind(_) => {
            let by_kind: BTreeMap<&str, Json> = kinds.iter().map(|kind| kind.word()).zip(lists).collect();
            Json::Object(by_kind.into_iter().map(|(word, list)| (word.to_owned(), list)).collect::<Map<_, _>>())
        }
    }))
}
