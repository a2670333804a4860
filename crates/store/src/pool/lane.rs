//! PostgreSQL: a thread that writes. It takes the jobs that wait into one transaction, as the writer of SQLite does, and answers
//! after the COMMIT.
//!
//! Jobs run without a savepoint at first: most leave nothing to undo. When one does, the whole batch is undone and run
//! again with a savepoint for each; when others were in the way, one by one.
//!
//! One lane of all nodes runs alone: its transactions hold a lock of the database that no other writes under, so that a rule finds
//! the rows as it would on SQLite. The other lanes share that lock: their rules guard every change they make.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use model::Error;

use super::Shared;
use super::follower::Wish;
use super::job::Job;
use crate::connection::Connection;
use crate::driver::postgres::{self, Fault, Purpose, Status};
use crate::effects::Effects;
use crate::tx::Beside;
use crate::{Tx, params};

const LOCK_ALONE: &str = "SELECT pg_advisory_xact_lock(7233173, 2)";
const LOCK_BESIDE: &str = "SELECT pg_advisory_xact_lock_shared(7233173, 2)";

const INSERT_CHANGE: &str = "
    INSERT INTO change (node, number, xid, at, effects)
    VALUES ($1, $2, pg_current_xact_id()::text::bigint, extract(epoch FROM clock_timestamp())::bigint, $3)";

const FIND_CHANGE: &str = "SELECT 1 FROM change WHERE node = $1 AND number = $2";

/// How often a rule that ran into another one is run again at once.
const TRIES: u32 = 5;
/// Pause between two tries to find out what became of a COMMIT.
const PAUSE: Duration = Duration::from_millis(100);

/// How carefully a batch is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Care {
    /// Nothing is expected to be undone.
    Trusting,
    /// Each job can be undone by itself.
    Savepoints,
    /// Each job has a transaction of its own.
    OneByOne,
}

/// How a run ended.
enum Ran {
    Committed,
    /// Nothing of it was kept; it can be run again.
    Again(Care),
    /// Nothing of it was kept.
    Failed,
    /// The connection was lost while COMMIT was under way.
    Unknown {
        number: i64,
    },
}

/// A thread that writes.
pub(super) struct Lane {
    shared: Arc<Shared>,
    others: Beside,
    connection: Option<postgres::Connection>,
    follower: Sender<Wish>,
    /// Of the transaction that is running.
    effects: Effects,
}

impl Lane {
    pub(super) fn new(shared: Arc<Shared>, others: Beside, follower: Sender<Wish>) -> Lane {
        Lane { shared, others, connection: None, follower, effects: Effects::default() }
    }

    /// Serves until nothing can come any more.
    pub(super) fn serve(&mut self, jobs: &Receiver<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(self.shared.options.batch);
        while let Ok(job) = jobs.recv() {
            batch.push(job);
            while batch.len() < self.shared.options.batch {
                match jobs.try_recv() {
                    Ok(job) => batch.push(job),
                    Err(_) => break,
                }
            }
            self.shared.tally.taken.add(batch.len() as u64);
            self.refuse_overdue(&mut batch);
            // All lanes come to the same rows in the same order.
            batch.sort_by_key(|job| job.order());
            self.commit(&mut batch);
        }
    }

    /// Those that have waited too long are not served any more: whoever asked has given up, or soon will.
    fn refuse_overdue(&self, batch: &mut Vec<Box<dyn Job>>) {
        let limit = self.shared.options.timeout;
        for job in batch.extract_if(.., |job| job.asked_at().elapsed() > limit) {
            job.answer(Err(Error::Unavailable));
        }
    }

    /// Runs all jobs of a batch and answers them.
    fn commit(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        if batch.is_empty() {
            return;
        }
        let began = Instant::now();
        let deadline = began + self.shared.options.timeout;
        let mut care = Care::Trusting;
        let committed = loop {
            match self.run(batch, care) {
                Ran::Committed => break Ok(()),
                Ran::Failed => break Err(Error::Unavailable),
                Ran::Again(Care::OneByOne) if batch.len() > 1 => {
                    for job in batch.drain(..) {
                        match Instant::now() < deadline {
                            true => self.commit(&mut vec![job]),
                            false => job.answer(Err(Error::Unavailable)),
                        }
                    }
                    return;
                }
                Ran::Again(more) => care = care.max(more),
                Ran::Unknown { number } => {
                    match self.find_out(number, Instant::now() + self.shared.options.timeout / 2) {
                        Some(true) => break Ok(()),
                        Some(false) => {}
                        None => break Err(Error::Unavailable),
                    }
                }
            }
            if Instant::now() >= deadline {
                break Err(Error::Unavailable);
            }
        };
        self.shared.tally.commit_times.took(began.elapsed());
        self.shared.tally.commit_jobs.observe(batch.len() as u64);
        if committed.is_err() {
            self.shared.tally.failed_commits.one();
        }
        // Also where it is not known what became of it.
        self.shared.changes.note(self.effects.subjects());
        if committed.is_ok() && !self.effects.is_empty() {
            self.shared.bus.publish(&self.effects);
            let _ = self.follower.send(Wish::Ring);
        }
        self.effects.clear();
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        self.shared.committed_jobs.fetch_add(batch.len() as u64, Ordering::Relaxed);
        for job in batch.drain(..) {
            job.answer(committed.clone());
        }
    }

    fn run(&mut self, batch: &mut [Box<dyn Job>], care: Care) -> Ran {
        let kept = self.connection.take().filter(postgres::Connection::is_clean);
        let was_kept = kept.is_some();
        let mut connection = match kept.map_or_else(|| self.shared.connect(Purpose::Serving), Ok) {
            Ok(connection) => connection,
            Err(_) => return Ran::Failed,
        };
        self.effects.clear();
        let ran = self.run_on(&mut connection, batch, care).unwrap_or_else(|fault| match fault {
            Fault::Refused(refusal) if refusal.is_collision() => Ran::Again(Care::OneByOne),
            // One that has lain idle may have been cut long ago.
            _ if connection.is_lost() && was_kept => Ran::Again(care),
            fault => {
                tracing::warn!(%fault, "a transaction was refused; nothing of it was kept");
                Ran::Failed
            }
        });
        // One that is lost is not asked for anything: the answer would not come.
        if !connection.is_lost() && (connection.is_clean() || connection.execute("ROLLBACK", &[]).is_ok()) {
            self.connection = Some(connection);
        }
        ran
    }

    /// A fault means that COMMIT was not sent.
    fn run_on(
        &mut self,
        connection: &mut postgres::Connection,
        batch: &mut [Box<dyn Job>],
        care: Care,
    ) -> std::result::Result<Ran, Fault> {
        let (now, stamp) = (self.shared.clock.now(), self.shared.changes.now());
        let before = connection.changed();
        connection.later("BEGIN", &[])?;
        connection.later(if self.others == Beside::Nobody { LOCK_ALONE } else { LOCK_BESIDE }, &[])?;
        for job in batch {
            let mark = self.effects.mark();
            for again in 0.. {
                if care > Care::Trusting {
                    connection.later("SAVEPOINT job", &[])?;
                }
                let before = connection.changed();
                let effects = Some(&mut self.effects);
                let link = Connection::Postgres(connection);
                let mut tx = Tx::new(link, self.shared.of_every_tx(), stamp, now, effects).beside(self.others);
                let keep = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx)));
                if keep.is_err() {
                    job.panicked();
                }
                match connection.take_refusal() {
                    // Whoever reads rows and panics leaves the rest of them on the connection, which is of no use then.
                    _ if connection.is_lost() && keep.is_err() => return Ok(Ran::Again(Care::OneByOne)),
                    _ if connection.is_lost() => return Err(lost()),
                    // One that takes too long must not take the others with it.
                    Some(refusal) if refusal.is_timeout() => return Ok(Ran::Again(Care::OneByOne)),
                    Some(refusal) if refusal.passes() => return Err(Fault::Refused(refusal)),
                    _ => {}
                }
                let keep = keep.unwrap_or(false);
                let is_refusal_of_rule = connection.status() != Status::Failed;
                let is_whole = is_refusal_of_rule && (keep || connection.changed() == before);
                if !is_whole && care == Care::Trusting {
                    return Ok(Ran::Again(Care::Savepoints));
                }
                if !keep {
                    self.effects.go_back_to(mark);
                }
                if care > Care::Trusting {
                    if !is_whole {
                        connection.later("ROLLBACK TO job", &[])?;
                    }
                    connection.later("RELEASE job", &[])?;
                }
                // It found a row moved by another transaction since it read it: now it will read the row as it is.
                let ran_into_another = !keep && is_refusal_of_rule && matches!(job.refusal(), Some(Error::Unavailable));
                if !ran_into_another || again == TRIES {
                    break;
                }
            }
        }
        if connection.changed() == before {
            connection.send_off("ROLLBACK")?;
            return Ok(Ran::Committed);
        }
        let number = self.shared.node.next_number();
        connection.later(INSERT_CHANGE, params![self.shared.node.id, number, &self.effects.carry()])?;
        connection.later("COMMIT", &[])?;
        match connection.settle_all() {
            Ok(()) => Ok(Ran::Committed),
            Err(_) if connection.is_lost() => Ok(Ran::Unknown { number }),
            Err(fault) => Err(fault),
        }
    }

    /// Whether a COMMIT took place whose answer did not come; None where that cannot be found out in time.
    fn find_out(&mut self, number: i64, deadline: Instant) -> Option<bool> {
        tracing::warn!("the connection was lost while a COMMIT was under way; looking whether it took place");
        while Instant::now() < deadline {
            if let Ok(took_place) = self.look_for(number) {
                tracing::info!(took_place, "it is known what became of the COMMIT");
                return Some(took_place);
            }
            std::thread::sleep(PAUSE);
        }
        tracing::error!(
            "it could not be found out what became of a COMMIT; those who wait for it are told to try again"
        );
        None
    }

    fn look_for(&mut self, number: i64) -> std::result::Result<bool, Fault> {
        let mut connection = self.shared.connect(Purpose::Serving).map_err(Fault::Stopped)?;
        connection.later("BEGIN", &[])?;
        // The transaction held this lock until its end: who has the lock knows that it has ended.
        connection.later(LOCK_ALONE, &[])?;
        let mut took_place = false;
        connection.each(FIND_CHANGE, params![self.shared.node.id, number], &mut |_| {
            took_place = true;
            Ok(true)
        })?;
        connection.send_off("ROLLBACK")?;
        self.connection = Some(connection);
        Ok(took_place)
    }
}

fn lost() -> Fault {
    Fault::Lost(std::io::Error::new(std::io::ErrorKind::NotConnected, "while a rule ran"))
}
