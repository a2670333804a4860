//! Waiting for a value (contract, data.md "Long polling"; rpc.md `wait`), without a thread, and without losing one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::data::{self, Series, Target};
use model::{Result, UnixSeconds};
use store::{Heard, Store, Subject, Tx};
use tokio::time::{Instant, sleep_until};

/// Values that may come while a waiting request was woken and did not run yet.
const INBOX: u32 = 4;

/// What a request waits for.
pub struct Watched {
    /// The series whose value it waits for.
    pub series: Series,
    /// What its right to do so depends on, beside the series.
    pub subjects: Vec<Subject>,
}

/// How waiting ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// With a value: its second and its text.
    Value(UnixSeconds, String),
    /// Without one: the time is over, or nobody waits any more.
    Expired,
    /// What was waited for is not there, or not any more.
    Gone,
}

/// Waits for a value: with `since`, for the first that stands after that second, which may be there already; without, for one
/// that is written from now on. `find` says what is waited for, and refuses who may not: it is asked again whenever
/// something changes that it depends on, so that a right that was revoked ends the wait. So does `last_call`.
pub async fn wait<F>(
    store: &Store,
    find: F,
    since: Option<UnixSeconds>,
    timeout: Duration,
    last_call: impl Future<Output = ()>,
) -> Result<Waited>
where
    F: Fn(&mut Tx<'_>) -> Result<Option<Watched>> + Send + Sync + 'static,
{
    let began = store.clock().now();
    let mut over = std::pin::pin!(async {
        tokio::select! {
            () = sleep_until(Instant::now() + timeout) => {}
            () = last_call => {}
        }
    });
    let find = Arc::new(find);
    let Some(mut watched) = look(store, &find, None).await?.0 else { return Ok(Waited::Gone) };
    loop {
        // Listen first, look after that: what is committed from here on is heard.
        let subjects = [&watched.subjects[..], &[Subject::Series(watched.series.id)]].concat();
        let mut listener = store.listen(&subjects, INBOX);
        let mut after = since;
        let mut heard = None;
        loop {
            let (found, stored) = look(store, &find, after).await?;
            let Some(found) = found else { return Ok(Waited::Gone) };
            if found.series.id != watched.series.id || found.subjects != watched.subjects {
                watched = found;
                break;
            }
            if let Some((at, text)) = heard.take().or(stored) {
                return Ok(Waited::Value(at, text));
            }
            after = since;
            let news = loop {
                let news = tokio::select! {
                    biased;
                    news = listener.next() => news,
                    () = &mut over => return Ok(Waited::Expired),
                };
                match &news {
                    Heard::Value(stored) if !is_awaited(stored, since, began) => {}
                    _ => break news,
                }
            };
            match news {
                // Which value is the first after a second, only the store knows: several may have come at once.
                Heard::Value(stored) if since.is_none() => heard = Some((stored.at, stored.value.to_string())),
                Heard::Value(_) | Heard::Changed => {}
                Heard::Missed => after = since.or(Some(began - 1)),
            }
        }
    }
}

fn is_awaited(stored: &store::Stored, since: Option<UnixSeconds>, began: UnixSeconds) -> bool {
    match since {
        Some(since) => stored.at > since,
        // A commit that began a second earlier still is a write from now on.
        None => stored.is_current || stored.at >= began,
    }
}

type Look = (Option<Watched>, Option<(UnixSeconds, String)>);

async fn look<F>(store: &Store, find: &Arc<F>, after: Option<UnixSeconds>) -> Result<Look>
where
    F: Fn(&mut Tx<'_>) -> Result<Option<Watched>> + Send + Sync + 'static,
{
    let find = Arc::clone(find);
    store
        .peek(move |tx| {
            let Some(watched) = find(tx)? else { return Ok((None, None)) };
            let point = match after {
                Some(after) => data::first_after(tx, &watched.series, after)?,
                None => None,
            };
            Ok((Some(watched), point.map(|point| (point.at, point.value.text().into_owned()))))
        })
        .await
}

impl From<Target> for Watched {
    fn from(target: Target) -> Watched {
        Watched { series: target.series().clone(), subjects: target.subjects().to_vec() }
    }
}
