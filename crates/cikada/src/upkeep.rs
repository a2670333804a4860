//! What a server does on the side: removing what deletions left behind, rows and blobs, and values that need not be kept;
//! timers of rules, and messages of dispatches.

use std::sync::Arc;
use std::time::Duration;

use api::common::app::App;
use api::outgoing;
use domain::account;
use domain::caller::Lifetimes;
use domain::data::retention::{self, Round};
use domain::{processing, sweep};
use model::{Error, Result};
use store::table::content;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::config::Portal;

/// Pause after a look that found nothing to remove.
const ROWS_EVERY: Duration = Duration::from_secs(5);
/// Pause after a step, so that the writer serves others in between.
const BETWEEN_STEPS: Duration = Duration::from_millis(20);
/// Pause between two rounds over the series that do not keep everything.
const VALUES_EVERY: Duration = Duration::from_secs(1);
/// Pause between two looks at the timers of rules, which go by the second.
const TIMERS_EVERY: Duration = Duration::from_millis(500);
/// Pause between two looks at sessions and links that are over.
const SESSIONS_EVERY: Duration = Duration::from_secs(600);
const SESSIONS_AT_ONCE: i64 = 500;
/// Pause between two looks at the blobs.
const BLOBS_EVERY: Duration = Duration::from_secs(3600);
/// A blob without a row may belong to an upload that is not answered yet.
const BLOB_AGE: Duration = Duration::from_secs(24 * 3600);

/// The tasks of one server.
pub struct Upkeep {
    tasks: [JoinHandle<()>; 6],
}

impl Upkeep {
    pub fn start(app: &Arc<App>, portal: &Portal, outgoing: outgoing::Options) -> Upkeep {
        let rows = tokio::spawn(sweep_rows(app.clone()));
        let blobs = tokio::spawn(sweep_blobs(app.clone()));
        let values = tokio::spawn(trim_values(app.clone()));
        let timers = tokio::spawn(elapse_timers(app.clone()));
        let messages = tokio::spawn(outgoing::send_all(app.clone(), outgoing));
        let lifetimes = portal.options().unwrap_or_default().lifetimes;
        let sessions = tokio::spawn(sweep_sessions(app.clone(), lifetimes));
        Upkeep { tasks: [sessions, rows, blobs, values, timers, messages] }
    }

    /// Ends the tasks. A step that is under way ends by itself.
    pub async fn stop(self) {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
    }
}

async fn sweep_rows(app: Arc<App>) {
    loop {
        // It is run again by the writer when there is something to remove.
        let pause = match app.store.read(sweep::step).await {
            Ok(true) => BETWEEN_STEPS,
            Ok(false) => ROWS_EVERY,
            Err(error) => {
                tracing::warn!(%error, "cannot remove what deletions left behind");
                ROWS_EVERY
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn sweep_sessions(app: Arc<App>, lifetimes: Lifetimes) {
    loop {
        let pause = match app.store.write(move |tx| account::sweep(tx, lifetimes, SESSIONS_AT_ONCE)).await {
            Ok(true) => BETWEEN_STEPS,
            Ok(false) => SESSIONS_EVERY,
            Err(error) => {
                tracing::warn!(%error, "cannot remove sessions that are over");
                SESSIONS_EVERY
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn elapse_timers(app: Arc<App>) {
    loop {
        // It is run again by the writer when one has elapsed.
        let pause = match app.store.read(processing::elapse).await {
            Ok(true) => BETWEEN_STEPS,
            Ok(false) => TIMERS_EVERY,
            Err(error) => {
                tracing::warn!(%error, "cannot let timers elapse");
                ROWS_EVERY
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn trim_values(app: Arc<App>) {
    let mut round = Round::default();
    loop {
        match trim_some(&app, round).await {
            Ok(next) => round = next,
            Err(error) => {
                tracing::warn!(%error, "cannot remove values that need not be kept");
                tokio::time::sleep(ROWS_EVERY).await;
            }
        }
        tokio::time::sleep(if round.is_new() { VALUES_EVERY } else { BETWEEN_STEPS }).await;
    }
}

/// Looks at some series, and removes what is too much in them.
async fn trim_some(app: &App, round: Round) -> Result<Round> {
    let (found, next) = app.store.read(move |tx| retention::look(tx, round)).await?;
    for surplus in found {
        while app.store.write(move |tx| retention::trim(tx, surplus)).await? {
            tokio::time::sleep(BETWEEN_STEPS).await;
        }
    }
    Ok(next)
}

async fn sweep_blobs(app: Arc<App>) {
    loop {
        let (asked, runtime) = (app.clone(), Handle::current());
        let is_named = move |digest: &blob::Digest| -> Result<bool> {
            let digest = *digest.as_bytes();
            runtime.block_on(asked.store.read(move |tx| content::names_blob(tx, &digest)))
        };
        match app.blobs.sweep(is_named, BLOB_AGE).await {
            Ok(swept) if swept.blobs > 0 => {
                tracing::info!(blobs = swept.blobs, bytes = swept.bytes, "removed content that no model has any more");
            }
            Ok(_) => {}
            Err(Error::Unavailable) => {}
            Err(error) => tracing::warn!(%error, "cannot remove content that no model has any more"),
        }
        tokio::time::sleep(BLOBS_EVERY).await;
    }
}
