//! The threads that own connections, and group commit.
//!
//! One thread writes. It takes all jobs that wait into one transaction, a savepoint each, and answers after the COMMIT, so
//! that many requests share one fsync and none is answered before it is durable. Work runs to its end whether or not
//! the client that asked still listens.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use model::{Error, Result};
use tokio::sync::oneshot;

use crate::allocator::Allocator;
use crate::bus::{Bus, Listener};
use crate::connection::Connection;
use crate::driver::sqlite::{self, Access};
use crate::effects::Changes;
use crate::journal::{self, Journal, Record};
use crate::keyring::Keyring;
use crate::{Clock, MasterKey, Stamp, Subject, Tx, rotation, schema, tx};

mod journaling;
mod tally;
mod writer;

pub use tally::Tally;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database file.
    pub file: PathBuf,
    /// Threads for reads that are too long to run where they are asked.
    pub readers: usize,
    /// Page cache of the writer in KiB; each reader gets a quarter.
    pub cache_kib: u32,
    /// Jobs that may wait for the writer; beyond them the answer is "unavailable".
    pub queue: usize,
    /// Jobs in one commit at most.
    pub batch: usize,
    /// Pages in the write-ahead log from which on the checkpointer works.
    pub checkpoint_pages: i64,
    /// The file of the revocation journal, if one is kept.
    pub journal: Option<PathBuf>,
}

impl Options {
    /// The defaults, for a database in this file.
    pub fn new(file: impl Into<PathBuf>) -> Options {
        Options {
            file: file.into(),
            readers: 2,
            cache_kib: 64 << 10,
            queue: 4096,
            batch: 256,
            checkpoint_pages: 4000,
            journal: None,
        }
    }
}

/// The store of one server process.
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    writes: Option<SyncSender<Box<dyn writer::Job>>>,
    reads: Option<SyncSender<Box<dyn FnOnce() + Send>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads and the callers both need.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) keyring: Keyring,
    pub(crate) allocator: Allocator,
    pub(crate) changes: Changes,
    pub(crate) bus: Arc<Bus>,
    pub(crate) healthy: AtomicBool,
    pub(crate) commits: AtomicU64,
    pub(crate) committed_jobs: AtomicU64,
    /// The number of the newest right that is in the journal to have ended.
    pub(crate) journaled: AtomicI64,
    /// The database is an older copy: rights that ended above this number live in it.
    behind: Option<i64>,
    pub(crate) tally: Tally,
    idle_readers: Mutex<Vec<Connection>>,
}

impl Store {
    /// Makes an empty database with a data key of its own. Refuses a file that exists.
    pub fn create(options: &Options, master: &MasterKey) -> Result<()> {
        if options.file.exists() {
            return Err(Error::internal(format_args!("{} exists", options.file.display())));
        }
        // The log and its index take their permissions from this file.
        OpenOptions::new().create_new(true).write(true).mode(0o600).open(&options.file).map_err(Error::internal)?;
        let mut connection = sqlite::Connection::open(&options.file, Access::Write, options.cache_kib)?;
        schema::migrate(&mut connection)?;
        schema::keep_new_data_key(&mut connection, master)
    }

    /// Opens a database, brings its schema up to date and starts the threads. `fatal` is called once, from the writer, when
    /// what is on disk is no longer known: it must end the process.
    pub fn open(options: Options, master: &MasterKey, clock: Clock, fatal: fn(&str)) -> Result<Store> {
        if !options.file.exists() {
            return Err(Error::internal(format_args!("{} does not exist", options.file.display())));
        }
        let mut connection = sqlite::Connection::open(&options.file, Access::Write, options.cache_kib)?;
        schema::migrate(&mut connection)?;
        let keyring = rotation::keyring(&connection, master)?;
        clock.resume_from(schema::time_mark(&mut connection)?);
        let newest = schema::newest_revocation(&mut connection)?;
        let journal = match &options.journal {
            Some(file) => Some(open_journal(file, &keyring, &mut connection, newest)?),
            None => None,
        };
        let journaled = journal.as_ref().map_or(newest, Journal::last);
        let allocator = Allocator::above(schema::highest_id(&mut connection)?, schema::highest_event(&mut connection)?);
        let shared = Arc::new(Shared {
            options: options.clone(),
            clock,
            keyring,
            allocator,
            changes: Changes::new(),
            bus: Arc::new(Bus::new()),
            healthy: AtomicBool::new(true),
            commits: AtomicU64::new(0),
            committed_jobs: AtomicU64::new(0),
            journaled: AtomicI64::new(journaled),
            behind: (newest < journaled).then_some(newest),
            tally: Tally::default(),
            idle_readers: Mutex::new(Vec::new()),
        });
        let (writes, jobs) = sync_channel(options.queue);
        let mut threads = writer::start(connection, Arc::clone(&shared), jobs, journal, newest.max(journaled), fatal)?;
        let (reads, waiting) = sync_channel::<Box<dyn FnOnce() + Send>>(options.queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..options.readers.max(1) {
            let waiting = Arc::clone(&waiting);
            threads.push(spawn(&format!("store-read-{number}"), move || serve_reads(&waiting))?);
        }
        Ok(Store { shared, writes: Some(writes), reads: Some(reads), threads: Mutex::new(threads) })
    }

    /// Looks into a database without serving it: one snapshot, nothing changed, beside a running server or without one.
    pub fn inspect<T>(file: &Path, master: &MasterKey, rule: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        const CACHE_KIB: u32 = 64 << 10;
        let mut inner = sqlite::Connection::open(file, Access::Read, CACHE_KIB)?;
        let keyring = rotation::keyring(&inner, master)?;
        inner.require_sound()?;
        let mut connection = Connection::Sqlite(inner);
        control(&mut connection, "BEGIN")?;
        let (allocator, changes) = (Allocator::above(0, 0), Changes::new());
        let shared = tx::Shared { keyring: &keyring, allocator: &allocator, changes: &changes };
        let outcome = rule(&mut Tx::new(&mut connection, shared, changes.now(), Clock::system().now(), None));
        control(&mut connection, "COMMIT")?;
        outcome
    }

    /// Runs a rule that may write; answers after its commit. A rule that answers `Err` leaves nothing behind; a refusal that
    /// must leave a trace is a value, `Ok(Err(refusal))`.
    pub async fn write<T, F>(&self, rule: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (job, answer) = writer::job(rule);
        let queue = self.writes.as_ref().ok_or(Error::Unavailable)?;
        self.shared.tally.queued.one();
        match queue.try_send(job) {
            Ok(()) => answer.await.map_err(|_| Error::Unavailable)?,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.shared.tally.refused.one();
                Err(Error::Unavailable)
            }
        }
    }

    /// Runs a rule that only reads, on one snapshot, on a thread for reads. When it finds that it must write (the first use of a
    /// key), it is run again on the writer.
    pub async fn read<T, F>(&self, rule: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let work = Box::new(move || {
            let outcome = shared.read_here(&rule);
            let _ = sender.send((outcome, rule));
        });
        let queue = self.reads.as_ref().ok_or(Error::Unavailable)?;
        let answer = match queue.try_send(work) {
            Ok(()) => answer.await,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.shared.tally.refused_reads.one();
                return Err(Error::Unavailable);
            }
        };
        match answer {
            Ok((Err(Error::ReadOnly), rule)) => self.write(rule).await,
            Ok((outcome, _)) => outcome,
            Err(_) => Err(Error::internal("a read did not end")),
        }
    }

    /// Runs a rule that reads a few rows by their keys. On SQLite it runs right here: a hand-off would cost more than the
    /// look-up. Like [`Store::read`] otherwise.
    pub async fn peek<T, F>(&self, rule: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        match self.shared.read_here(&rule) {
            Err(Error::ReadOnly) => self.write(rule).await,
            outcome => outcome,
        }
    }

    /// What the revocation journal says of rights that live in this database, because it is an older copy: nothing may be served
    /// before they are ended. `None` where the database knows all that the journal knows.
    pub fn unreplayed(&self) -> Result<Option<Vec<Record>>> {
        let (Some(newest), Some(file)) = (self.shared.behind, &self.shared.options.journal) else { return Ok(None) };
        let read = journal::read(file, &self.shared.keyring)?;
        if !read.damaged.is_empty() {
            tracing::warn!(lines = read.damaged.len(), file = %file.display(), "lines of the revocation journal are damaged");
        }
        Ok(Some(read.records.into_iter().filter(|record| record.number > newest).collect()))
    }

    /// Whether nothing of the subject has changed since the stamp: then what was read under it may be answered.
    pub fn is_unchanged(&self, subject: Subject, since: Stamp) -> bool {
        self.shared.changes.is_unchanged(subject, since)
    }

    /// Begins to listen to subjects; at most `capacity` values wait to be heard. Listen first and look into the store
    /// after that: what is committed from now on will be heard.
    pub fn listen(&self, subjects: &[Subject], capacity: u32) -> Listener {
        self.shared.bus.listen(subjects, capacity)
    }

    /// How many listen to a subject now.
    pub fn listeners(&self, subject: Subject) -> usize {
        self.shared.bus.listeners(subject)
    }

    /// The keys, for hashing a credential before it is looked up in a cache.
    pub fn keyring(&self) -> &Keyring {
        &self.shared.keyring
    }

    /// Service time.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// False after a storage fault.
    pub fn is_healthy(&self) -> bool {
        self.shared.healthy.load(Ordering::Relaxed)
    }

    /// Commits so far, and the jobs in them.
    pub fn commits(&self) -> (u64, u64) {
        (self.shared.commits.load(Ordering::Relaxed), self.shared.committed_jobs.load(Ordering::Relaxed))
    }

    /// What the store did so far.
    pub fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    /// How many wait for something to happen: long polls, observers, subscriptions.
    pub fn waiting(&self) -> usize {
        // Each of them holds the bus, and so does the store.
        Arc::strong_count(&self.shared.bus).saturating_sub(1)
    }

    /// Lets the waiting jobs end, ends the threads and folds the log into the database.
    pub fn close(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.writes = None;
        self.reads = None;
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn read_here<T>(&self, rule: &dyn Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let idle = lock(&self.idle_readers).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => open_reader(&self.options.file, self.options.cache_kib / 4)?,
        };
        let outcome = self.read_on(&mut connection, rule);
        let Connection::Sqlite(inner) = &connection;
        // A connection that could not end its transaction is not lent again.
        if inner.is_idle() {
            lock(&self.idle_readers).push(connection);
        }
        outcome
    }

    pub(crate) fn of_every_tx(&self) -> tx::Shared<'_> {
        tx::Shared { keyring: &self.keyring, allocator: &self.allocator, changes: &self.changes }
    }

    fn read_on<T>(&self, connection: &mut Connection, rule: &dyn Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let stamp = self.changes.now();
        control(connection, "BEGIN")?;
        let outcome = rule(&mut Tx::new(connection, self.of_every_tx(), stamp, self.clock.now(), None));
        control(connection, "COMMIT")?;
        outcome
    }
}

fn control(connection: &mut Connection, sql: &'static str) -> Result<()> {
    let Connection::Sqlite(inner) = connection;
    inner.control(sql).map_err(sqlite::error)
}

/// Opens the journal and writes into it what the database kept for it when a server died.
fn open_journal(file: &Path, keyring: &Keyring, connection: &mut sqlite::Connection, newest: i64) -> Result<Journal> {
    let mut journal = Journal::open(file, keyring)?;
    let kept = schema::revocations_after(connection, journal.last())?;
    let lines: String = kept.iter().map(|(number, at, entry)| journal::line(keyring, *number, *at, entry)).collect();
    if !lines.is_empty() {
        journal.append(&lines, newest).map_err(|_| Error::internal("the revocation journal cannot be written"))?;
    }
    Ok(journal)
}

fn open_reader(file: &Path, cache_kib: u32) -> Result<Connection> {
    sqlite::Connection::open(file, Access::Read, cache_kib).map(Connection::Sqlite)
}

fn serve_reads(waiting: &Mutex<Receiver<Box<dyn FnOnce() + Send>>>) {
    loop {
        let work = lock(waiting).recv();
        match work {
            Ok(work) => {
                // A panic costs that request only: its answer is dropped, which its caller reads as a fault.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            }
            Err(_) => return,
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(Error::internal)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
