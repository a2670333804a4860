//! The one thread that writes, and the one that folds the log into the database beside it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::{Error, Result};
use tokio::sync::oneshot;

use super::{Shared, spawn};
use crate::connection::Connection;
use crate::driver::sqlite::{self, Access, Severity};
use crate::effects::Effects;
use crate::{Tx, schema};

const MARK_EVERY: Duration = Duration::from_secs(1);
/// How long an idle writer sleeps before it looks whether the log wants folding.
const IDLE: Duration = Duration::from_millis(200);

/// A rule on its way through the writer.
pub(super) trait Job: Send {
    /// Runs the rule; true when its work is to be kept.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// The rule panicked, and its work is undone.
    fn panicked(&mut self);
    /// Gives the outcome, or why it could not be committed.
    fn answer(self: Box<Self>, committed: Result<()>);
}

struct Pending<F, T> {
    rule: F,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

pub(super) fn job<T, F>(rule: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T>>)
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Pending { rule, outcome: None, reply }), answer)
}

impl<T, F> Job for Pending<F, T>
where
    T: Send,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let outcome = (self.rule)(tx);
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn panicked(&mut self) {
        self.outcome = Some(Err(Error::internal("a rule panicked")));
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let outcome = match (committed, self.outcome) {
            // A refusal wrote nothing, so it stands whether or not the others could be committed.
            (_, Some(Err(refusal))) => Err(refusal),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), None) => Err(Error::internal("a job was answered before it ran")),
            (Err(cause), _) => Err(cause),
        };
        let _ = self.reply.send(outcome);
    }
}

pub(super) fn start(
    connection: sqlite::Connection,
    shared: Arc<Shared>,
    jobs: Receiver<Box<dyn Job>>,
    fatal: fn(&str),
) -> Result<Vec<JoinHandle<()>>> {
    let (wake_checkpointer, woken) = sync_channel::<()>(1);
    let beside = sqlite::Connection::open(&shared.options.file, Access::Write, 1024)?;
    let checkpointer = spawn("store-fold", move || fold_beside(beside, &woken))?;
    let mut writer = Writer {
        connection: Connection::Sqlite(connection),
        shared,
        fatal,
        wake_checkpointer,
        marked: None,
        log_pages: 0,
        effects: Effects::default(),
    };
    let writer = spawn("store-write", move || {
        // Whatever goes wrong here outside a rule leaves the store without a writer: the process must not live on.
        if catch_unwind(AssertUnwindSafe(|| writer.serve(&jobs))).is_err() {
            writer.shared.healthy.store(false, Ordering::SeqCst);
            (writer.fatal)("the writer panicked");
        }
    })?;
    Ok(vec![writer, checkpointer])
}

struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    fatal: fn(&str),
    wake_checkpointer: SyncSender<()>,
    marked: Option<Instant>,
    log_pages: i64,
    /// Of the transaction that is running.
    effects: Effects,
}

impl Writer {
    fn serve(&mut self, jobs: &Receiver<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(self.shared.options.batch);
        loop {
            match jobs.recv_timeout(IDLE) {
                Ok(job) => batch.push(job),
                Err(RecvTimeoutError::Timeout) => {
                    self.fold();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while batch.len() < self.shared.options.batch {
                match jobs.try_recv() {
                    Ok(job) => batch.push(job),
                    Err(_) => break,
                }
            }
            self.commit(&mut batch);
        }
        self.fold();
    }

    /// Runs all jobs of a batch in one transaction and answers them.
    fn commit(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        let committed = self.run(batch);
        // Also after a failed commit: what it left on disk is not known for certain.
        self.shared.changes.note(self.effects.subjects());
        if committed.is_ok() {
            self.shared.bus.publish(&self.effects);
        }
        self.effects.clear();
        let answer = match &committed {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::Unavailable),
        };
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        self.shared.committed_jobs.fetch_add(batch.len() as u64, Ordering::Relaxed);
        for job in batch.drain(..) {
            job.answer(answer.clone());
        }
        match committed {
            Ok(()) => self.count_log(),
            Err(cause) => self.recover(&cause),
        }
    }

    fn run(&mut self, batch: &mut [Box<dyn Job>]) -> std::result::Result<(), rusqlite::Error> {
        let now = self.shared.clock.now();
        let stamp = self.shared.changes.now();
        self.control("BEGIN IMMEDIATE")?;
        self.persist_mark()?;
        for job in batch {
            self.control("SAVEPOINT job")?;
            let mark = self.effects.mark();
            let effects = Some(&mut self.effects);
            let mut tx = Tx::new(&mut self.connection, self.shared.of_every_tx(), stamp, now, effects);
            let keep = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))).unwrap_or_else(|_| {
                job.panicked();
                false
            });
            if !keep {
                self.effects.go_back_to(mark);
                self.control("ROLLBACK TO job")?;
            }
            self.control("RELEASE job")?;
        }
        self.control("COMMIT")
    }

    /// After a failed commit: a passing fault is undone, any other ends the process.
    fn recover(&mut self, cause: &rusqlite::Error) {
        let Connection::Sqlite(connection) = &mut self.connection;
        let undone = connection.is_idle() || connection.control("ROLLBACK").is_ok();
        if undone && sqlite::severity(cause) == Some(Severity::Passing) {
            tracing::warn!(%cause, "a commit was refused; nothing of it was kept");
            return;
        }
        self.shared.healthy.store(false, Ordering::SeqCst);
        tracing::error!(%cause, "a commit failed; the process ends, because what is on disk is unknown");
        (self.fatal)("a commit failed");
    }

    fn persist_mark(&mut self) -> std::result::Result<(), rusqlite::Error> {
        if self.marked.is_some_and(|at| at.elapsed() < MARK_EVERY) {
            return Ok(());
        }
        self.marked = Some(Instant::now());
        let Some(mark) = self.shared.clock.mark() else { return Ok(()) };
        let Connection::Sqlite(connection) = &mut self.connection;
        connection.inner().prepare_cached(schema::KEEP_TIME_MARK)?.execute([mark]).map(|_| ())
    }

    fn control(&mut self, sql: &'static str) -> std::result::Result<(), rusqlite::Error> {
        let Connection::Sqlite(connection) = &mut self.connection;
        connection.control(sql)
    }

    /// Wakes the checkpointer when the log has grown, and folds the rest in by itself when that has left little: a log that
    /// is folded to its last page starts again from its beginning instead of growing for ever.
    fn count_log(&mut self) {
        let Connection::Sqlite(connection) = &mut self.connection;
        let pages = connection.log_pages();
        let threshold = self.shared.options.checkpoint_pages;
        if pages - self.log_pages >= threshold {
            self.log_pages = pages;
            let _ = self.wake_checkpointer.try_send(());
        }
        if pages >= 4 * threshold {
            self.fold();
        }
    }

    fn fold(&mut self) {
        let Connection::Sqlite(connection) = &mut self.connection;
        if connection.log_pages() == 0 {
            return;
        }
        if let Err(cause) = connection.checkpoint()
            && sqlite::severity(&cause) != Some(Severity::Passing)
        {
            self.recover(&cause);
        }
        self.log_pages = 0;
    }
}

/// Copies the log into the database while the writer goes on appending to it.
fn fold_beside(mut connection: sqlite::Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        if let Err(cause) = connection.checkpoint() {
            tracing::warn!(%cause, "folding the log beside the writer failed; the writer will try");
        }
    }
}
