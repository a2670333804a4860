//! SQLite: the one thread that writes, and the one that folds the log into the database beside it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::{Error, Result, UnixSeconds};

use super::job::Job;
use super::journaling::{self, Ended};
use super::{Shared, spawn};
use crate::connection::Connection;
use crate::driver::sqlite::{self, Access, Severity};
use crate::effects::Effects;
use crate::journal::{self, Journal};
use crate::table::revocation;
use crate::{Tx, schema};

const MARK_EVERY: Duration = Duration::from_secs(1);
/// How long an idle writer sleeps before it looks whether the log wants folding.
const IDLE: Duration = Duration::from_millis(200);

pub(super) fn start(
    connection: sqlite::Connection,
    file: &Path,
    shared: Arc<Shared>,
    jobs: Receiver<Box<dyn Job>>,
    journal: Option<Journal>,
    newest: i64,
    fatal: fn(&str),
) -> Result<Vec<JoinHandle<()>>> {
    let (wake_checkpointer, woken) = sync_channel::<()>(1);
    let beside = sqlite::Connection::open(file, Access::Write, 1024)?;
    let checkpointer = spawn("store-fold", move || fold_beside(beside, &woken))?;
    let mut threads = Vec::new();
    let mut to_journal = None;
    if let Some(journal) = journal {
        let (sender, ended) = sync_channel(shared.options.queue);
        let of_thread = Arc::clone(&shared);
        threads.push(spawn("store-journal", move || journaling::serve(journal, &of_thread, &ended, fatal))?);
        to_journal = Some(sender);
    }
    let mut writer = Writer {
        connection,
        shared,
        fatal,
        wake_checkpointer,
        marked: None,
        log_pages: 0,
        effects: Effects::default(),
        revoking: Vec::new(),
        newest,
        lines: String::new(),
        to_journal,
    };
    let writer = spawn("store-write", move || {
        // Whatever goes wrong here outside a rule leaves the store without a writer: the process must not live on.
        if catch_unwind(AssertUnwindSafe(|| writer.serve(&jobs))).is_err() {
            writer.shared.healthy.store(false, Ordering::SeqCst);
            (writer.fatal)("the writer panicked");
        }
    })?;
    // The journal's thread ends when the writer does.
    threads.splice(0..0, [writer, checkpointer]);
    Ok(threads)
}

struct Writer {
    connection: sqlite::Connection,
    shared: Arc<Shared>,
    fatal: fn(&str),
    wake_checkpointer: SyncSender<()>,
    marked: Option<Instant>,
    log_pages: i64,
    /// Of the transaction that is running.
    effects: Effects,
    /// The jobs of the batch that ended a right, by their places.
    revoking: Vec<usize>,
    /// The number of the newest right that ended.
    newest: i64,
    /// What this commit ended, as lines of the journal.
    lines: String,
    /// Where there is a journal.
    to_journal: Option<SyncSender<Ended>>,
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
        self.shared.tally.taken.add(batch.len() as u64);
        let began = Instant::now();
        let committed = self.run(batch);
        self.shared.tally.commit_times.took(began.elapsed());
        self.shared.tally.commit_jobs.observe(batch.len() as u64);
        if committed.is_err() {
            self.shared.tally.failed_commits.one();
        }
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
        let revoking = std::mem::take(&mut self.revoking);
        let ended = committed.is_ok() && !self.lines.is_empty();
        let mut waiting = Vec::with_capacity(revoking.len());
        for (place, job) in batch.drain(..).enumerate() {
            match ended && revoking.binary_search(&place).is_ok() {
                true => waiting.push(job),
                false => job.answer(answer.clone()),
            }
        }
        if ended && let Some(journal) = &self.to_journal {
            // Dropped jobs, where the thread has died, are "unavailable" to those who wait.
            let _ = journal.send(Ended { lines: std::mem::take(&mut self.lines), last: self.newest, jobs: waiting });
        }
        self.lines.clear();
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
        self.revoking.clear();
        for (place, job) in batch.iter_mut().enumerate() {
            self.control("SAVEPOINT job")?;
            let ended_before = self.effects.revoked.len();
            let mark = self.effects.mark();
            let effects = Some(&mut self.effects);
            let mut tx =
                Tx::new(Connection::Sqlite(&mut self.connection), self.shared.of_every_tx(), stamp, now, effects);
            let keep = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))).unwrap_or_else(|_| {
                job.panicked();
                false
            });
            if !keep {
                self.effects.go_back_to(mark);
                self.control("ROLLBACK TO job")?;
            }
            self.control("RELEASE job")?;
            if self.effects.revoked.len() > ended_before {
                self.revoking.push(place);
            }
        }
        let newest = self.keep_ended(now)?;
        self.control("COMMIT")?;
        self.newest = newest;
        Ok(())
    }

    /// Keeps what this transaction ended for the journal, in the same transaction, and forgets what is in it. Answers the
    /// newest number.
    fn keep_ended(&mut self, now: UnixSeconds) -> std::result::Result<i64, rusqlite::Error> {
        let mut newest = self.newest;
        if self.to_journal.is_none() || self.effects.revoked.is_empty() {
            return Ok(newest);
        }
        let mut insert = self.connection.inner().prepare_cached(revocation::INSERT)?;
        for revoked in &self.effects.revoked {
            newest += 1;
            let entry = revoked.text();
            insert.execute(rusqlite::params![newest, now, entry])?;
            self.lines.push_str(&journal::line(&self.shared.keyring, newest, now, &entry));
        }
        let journaled = self.shared.journaled.load(Ordering::Acquire);
        self.connection.inner().prepare_cached(revocation::FORGET)?.execute([journaled.min(newest)])?;
        Ok(newest)
    }

    /// After a failed commit: a passing fault is undone, any other ends the process.
    fn recover(&mut self, cause: &rusqlite::Error) {
        let undone = self.connection.is_idle() || self.connection.control("ROLLBACK").is_ok();
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
        self.connection.inner().prepare_cached(schema::KEEP_TIME_MARK)?.execute([mark]).map(|_| ())
    }

    fn control(&mut self, sql: &'static str) -> std::result::Result<(), rusqlite::Error> {
        self.connection.control(sql)
    }

    /// Wakes the checkpointer when the log has grown, and folds the rest in by itself when that has left little: a log that
    /// is folded to its last page starts again from its beginning instead of growing for ever.
    fn count_log(&mut self) {
        let pages = self.connection.log_pages();
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
        if self.connection.log_pages() == 0 {
            return;
        }
        if let Err(cause) = self.connection.checkpoint()
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
