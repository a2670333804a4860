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
use store::{MasterKey, rotation};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::config::Portal;
use crate::failure::Outcome;

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
/// Pause before it is asked again whether another server does this for all.
const KEEPER_EVERY: Duration = Duration::from_secs(1);
/// Pause between two looks at the blobs.
const BLOBS_EVERY: Duration = Duration::from_secs(3600);
/// A blob without a row may belong to an upload that is not answered yet.
const BLOB_AGE: Duration = Duration::from_secs(24 * 3600);

/// Pause between two looks whether the keys have been turned over.
const KEYS_EVERY: Duration = Duration::from_secs(1);

/// Reads the file of the master key.
pub type ReadMasterKey = Box<dyn Fn() -> Outcome<MasterKey> + Send>;

/// The tasks of one server.
pub struct Upkeep {
    tasks: [JoinHandle<()>; 7],
}

impl Upkeep {
    pub fn start(app: &Arc<App>, portal: &Portal, outgoing: outgoing::Options, master_key: ReadMasterKey) -> Upkeep {
        let rows = tokio::spawn(sweep_rows(app.clone()));
        let blobs = tokio::spawn(sweep_blobs(app.clone()));
        let values = tokio::spawn(trim_values(app.clone()));
        let timers = tokio::spawn(elapse_timers(app.clone()));
        let messages = tokio::spawn(outgoing::send_all(app.clone(), outgoing));
        let lifetimes = portal.options().unwrap_or_default().lifetimes;
        let sessions = tokio::spawn(sweep_sessions(app.clone(), lifetimes));
        let keys = tokio::spawn(turn_keys_over(app.clone(), master_key));
        Upkeep { tasks: [sessions, rows, blobs, values, timers, messages, keys] }
    }

    /// Ends the tasks. A step that is under way ends by itself.
    pub async fn stop(self) {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
    }
}

/// Ready when it is this server that does what one does for all that share the rows.
async fn my_turn(app: &App) {
    while !app.store.is_keeper() {
        tokio::time::sleep(KEEPER_EVERY).await;
    }
}

async fn sweep_rows(app: Arc<App>) {
    loop {
        my_turn(&app).await;
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
        my_turn(&app).await;
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
        my_turn(&app).await;
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
        my_turn(&app).await;
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

/// Takes up what `cikada rotate-master-key` has done, and seals anew what was sealed before.
async fn turn_keys_over(app: Arc<App>, master_key: ReadMasterKey) {
    let mut known = app.store.read(rotation::present).await.ok();
    loop {
        if app.store.keyring().is_resealing() {
            match seal_anew(&app).await {
                Ok(sealed) => tracing::info!(sealed, "every stored key is sealed anew"),
                Err(error) => tracing::warn!(%error, "cannot seal stored keys anew"),
            }
        }
        tokio::time::sleep(KEYS_EVERY).await;
        let present = app.store.read(rotation::present).await.ok();
        if present == known || present.is_none() {
            continue;
        }
        // The file gets its name a moment after the rows.
        match master_key()
            .map_err(|failure| failure.to_string())
            .and_then(|master| app.store.take_up_keys(&master).map_err(|error| error.to_string()))
        {
            Ok(()) => {
                known = present;
                tracing::info!("took up the new master key");
            }
            Err(cause) => {
                tracing::warn!(cause, "the master key has been replaced, and the new one cannot be taken up yet")
            }
        }
    }
}

async fn seal_anew(app: &App) -> Result<u64> {
    let mut progress = domain::rotation::Progress::default();
    loop {
        let here = progress;
        match app.store.write(move |tx| domain::rotation::step(tx, here)).await? {
            Some(next) => progress = next,
            None => break,
        }
        tokio::time::sleep(BETWEEN_STEPS).await;
    }
    app.store.forget_seal_before();
    Ok(progress.sealed)
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
