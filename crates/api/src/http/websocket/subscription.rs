//! `subscribe` and `unsubscribe` (contract, rpc.md "Over WebSocket"): every new value of a series as a frame of its own, for as
//! long as the caller may read it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::caller::Right;
use domain::data::{self, Order, Reading, Selection, Series};
use domain::resource::Named;
use model::{Error, Limits, Result, Rid, UnixSeconds};
use serde_json::Value as Json;
use store::{Heard, Subject, Tx};
use tokio::time::{Instant, sleep_until};
use wire::rpc::{Auth, CallError, Invocation, Outcome, Status};

use crate::common::app::App;
use crate::common::codes;
use crate::common::rpc;

/// Values that may come while a subscription was woken and did not run yet.
const INBOX: u32 = 64;
/// Points of the past that are read at once.
const PAGE: u64 = 1_000;
/// A value that is in the store may be heard a moment later.
const ECHO: Duration = Duration::from_secs(5);

/// What a call that exists only here asks for.
pub(super) enum Asked {
    /// To hear of values.
    Subscribe(Subscription),
    /// Not to hear of them any more.
    Unsubscribe {
        /// Of which resource; of any where it is not given.
        named: Option<Named>,
        /// Under which id; under any where it is not given.
        subs_id: Option<Json>,
    },
}

/// One that is wished for.
#[derive(Clone)]
pub(super) struct Subscription {
    pub(super) named: Named,
    /// What its frames are matched by.
    pub(super) subs_id: Json,
    since: Option<UnixSeconds>,
    timeout: Option<Duration>,
}

/// Reads such a call; None where it is an ordinary one.
pub(super) fn read(
    id: Option<&Json>,
    invocation: &Invocation,
    limits: &Limits,
) -> Option<std::result::Result<Asked, Outcome>> {
    match invocation.procedure.as_str() {
        "subscribe" => Some(subscribe(id, &invocation.arguments, limits)),
        "unsubscribe" => Some(unsubscribe(&invocation.arguments, limits)),
        _ => None,
    }
}

const SHAPE: Outcome = Outcome::Error(CallError::Arguments);
const INVALID: Outcome = Outcome::Failed(Status::Invalid);

fn subscribe(id: Option<&Json>, arguments: &[Json], limits: &Limits) -> std::result::Result<Asked, Outcome> {
    let (resource, options) = match arguments {
        [resource] => (resource, None),
        [resource, Json::Object(options)] => (resource, Some(options)),
        _ => return Err(SHAPE),
    };
    let option = |name: &str| options.and_then(|options| options.get(name)).filter(|value| !value.is_null());
    let number = |name: &str| option(name).map(|value| value.as_i64().ok_or(INVALID)).transpose();
    let timeout = number("timeout")?.map(|ms| u64::try_from(ms).map_err(|_| INVALID)).transpose()?;
    Ok(Asked::Subscribe(Subscription {
        named: named(resource, limits)?,
        subs_id: option("subs_id").or(id).cloned().ok_or(INVALID)?,
        since: number("since")?,
        timeout: timeout.map(Duration::from_millis),
    }))
}

fn unsubscribe(arguments: &[Json], limits: &Limits) -> std::result::Result<Asked, Outcome> {
    let (resource, options) = match arguments {
        [resource] => (resource, None),
        [resource, Json::Object(options)] => (resource, Some(options)),
        _ => return Err(SHAPE),
    };
    let named = match resource {
        Json::Null => None,
        resource => Some(named(resource, limits)?),
    };
    let subs_id = options.and_then(|options| options.get("subs_id")).filter(|id| !id.is_null()).cloned();
    if named.is_none() && subs_id.is_none() {
        return Err(INVALID);
    }
    Ok(Asked::Unsubscribe { named, subs_id })
}

fn named(json: &Json, limits: &Limits) -> std::result::Result<Named, Outcome> {
    Named::from_json(json, limits).ok_or(SHAPE)?.map_err(|_| INVALID)
}

/// A subscription that is allowed: what it hears of, and until when.
pub(super) struct Found {
    series: Series,
    rid: Rid,
    subjects: Vec<Subject>,
}

impl Found {
    /// The resource.
    pub(super) fn rid(&self) -> Rid {
        self.rid
    }
}

impl Subscription {
    /// What it is to hear of, if the caller may.
    pub(super) async fn find(&self, app: &App, auth: &Arc<Auth>) -> Result<Found> {
        let (auth, named) = (Arc::clone(auth), self.named.clone());
        app.store
            .peek(move |tx| {
                let caller = rpc::authenticate(tx, &auth)?;
                let readable = caller.readable(tx, Right::Subscribe, &named)?;
                let mut subjects = caller.dependencies(tx, &readable)?;
                let rid = readable.rid();
                let series = readable.into_series();
                subjects.push(Subject::Series(series.id));
                Ok(Found { series, rid, subjects })
            })
            .await
    }

    /// Gives every new value to `tell`, until it may not, or its time is over.
    pub(super) async fn run(
        self,
        app: Arc<App>,
        auth: Arc<Auth>,
        mut found: Found,
        tell: impl Fn(Outcome) + Send + Sync,
    ) {
        let end = self.timeout.map(|timeout| Instant::now() + timeout);
        let over = async {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            () = over => Outcome::Failed(Status::Expire),
            Err(error) = self.follow(&app, &auth, &mut found, &tell) => codes::rpc(&error),
        };
        tell(ended);
    }

    async fn follow(
        &self,
        app: &App,
        auth: &Arc<Auth>,
        found: &mut Found,
        tell: &(impl Fn(Outcome) + Send + Sync),
    ) -> Result<std::convert::Infallible> {
        let mut listener = app.store.listen(&found.subjects, INBOX);
        // What is read from the store may be heard as well.
        let (mut read, mut echoes_until) = (HashSet::new(), Instant::now());
        let mut newest = self.since;
        let mut missed = self.since.is_some();
        loop {
            if missed {
                let after = newest.unwrap_or(app.store.clock().now() - 1);
                for (at, text) in self.past(app, auth, found, after).await? {
                    newest = newest.max(Some(at));
                    tell(value(&found.series, at, &text)?);
                    read.insert((at, text));
                }
                (missed, echoes_until) = (false, Instant::now() + ECHO);
            }
            match listener.next().await {
                Heard::Value(stored) => {
                    if Instant::now() > echoes_until {
                        read = HashSet::new();
                    }
                    if !read.contains(&(stored.at, stored.value.to_string())) {
                        newest = newest.max(Some(stored.at));
                        tell(value(&found.series, stored.at, &stored.value)?);
                    }
                }
                Heard::Missed => missed = true,
                Heard::Changed => {
                    let again = self.find(app, auth).await?;
                    if again.subjects != found.subjects {
                        // It stands elsewhere now: what is committed from here on is heard.
                        (*found, missed) = (again, newest.is_some());
                        listener = app.store.listen(&found.subjects, INBOX);
                    }
                }
            }
        }
    }

    /// The points after a second, some of them after the other.
    async fn past(
        &self,
        app: &App,
        auth: &Arc<Auth>,
        found: &Found,
        after: UnixSeconds,
    ) -> Result<Vec<(UnixSeconds, String)>> {
        let mut all = Vec::new();
        let mut start = after.saturating_add(1);
        loop {
            let (auth, named, limits) = (Arc::clone(auth), self.named.clone(), app.limits().clone());
            let id = found.series.id;
            let page = app
                .store
                .read(move |tx: &mut Tx<'_>| {
                    let caller = rpc::authenticate(tx, &auth)?;
                    let series = caller.readable(tx, Right::Subscribe, &named)?.into_series();
                    let order = Order::Ascending;
                    let reading = Reading { start, end: i64::MAX, order, limit: PAGE, selection: Selection::All };
                    match series.id == id {
                        true => data::read(tx, &series, &reading, &limits),
                        false => Err(Error::Forbidden(model::Noun::Resource)),
                    }
                })
                .await?;
            let is_last = (page.len() as u64) < PAGE;
            if let Some(last) = page.last() {
                start = last.at.saturating_add(1);
            }
            all.extend(page.into_iter().map(|point| (point.at, point.value.text().into_owned())));
            if is_last || all.len() >= app.limits().points_per_read {
                return Ok(all);
            }
        }
    }
}

fn value(series: &Series, at: UnixSeconds, text: &str) -> Result<Outcome> {
    let value = data::Value::from_stored(series.format, text.to_owned())?;
    Ok(Outcome::Result(Json::Array(vec![rpc::point(&data::Point { at, value })])))
}
