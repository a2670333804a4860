//! The threads that own connections, and group commit.
//!
//! One thread writes. It takes all jobs that wait into one transaction, a savepoint each, and answers after the COMMIT, so
//! that many requests share one fsync and none is answered before it is durable. Work runs to its end whether or not
//! the client that asked still listens.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::{Error, Result};
use tokio::sync::oneshot;

use self::follower::{Follower, Node, Wish};
use self::job::{Answer, Job};
use self::lane::Lane;
use self::reader::Reader;
use crate::allocator::Allocator;
use crate::bus::{Bus, Listener};
use crate::connection::Connection;
use crate::driver::postgres::{self, Purpose, Url};
use crate::driver::sqlite::{self, Access};
use crate::effects::Changes;
use crate::journal::{self, Journal, Record};
use crate::keyring::Keyring;
use crate::schema::postgres::Schema;
use crate::tx::Beside;
use crate::{Clock, MasterKey, Stamp, Subject, Tx, rotation, schema, tx};

mod follower;
mod job;
mod journaling;
mod lane;
mod reader;
mod tally;
mod writer;

pub use tally::Tally;

/// Where the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file of SQLite, which one process serves.
    File(PathBuf),
    /// In a database of PostgreSQL, which any number of processes serve.
    Postgres(Url),
}

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it is.
    pub place: Place,
    /// Threads for reads; on SQLite for those that are too long to run where they are asked.
    pub readers: usize,
    /// SQLite: page cache of the writer in KiB; each reader gets a quarter.
    pub cache_kib: u32,
    /// Jobs that may wait for a thread that writes; beyond them the answer is "unavailable".
    pub queue: usize,
    /// Jobs in one commit at most.
    pub batch: usize,
    /// SQLite: pages in the write-ahead log from which on the checkpointer works.
    pub checkpoint_pages: i64,
    /// SQLite: the file of the revocation journal, if one is kept.
    pub journal: Option<PathBuf>,
    /// PostgreSQL: threads for rules that may run beside others.
    pub lanes: usize,
    /// PostgreSQL: how long one statement may take, and a job wait.
    pub timeout: Duration,
}

impl Options {
    /// The defaults, for a database in this file.
    pub fn new(file: impl Into<PathBuf>) -> Options {
        Options {
            place: Place::File(file.into()),
            readers: 2,
            cache_kib: 64 << 10,
            queue: 4096,
            batch: 256,
            checkpoint_pages: 4000,
            journal: None,
            lanes: 2,
            timeout: Duration::from_secs(5),
        }
    }
}

/// The store of one server process.
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    queues: Option<Queues>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Where work waits for the threads.
struct Queues {
    writes: SyncSender<Box<dyn Job>>,
    /// PostgreSQL: of the lanes whose rules run beside others.
    beside: Vec<SyncSender<Box<dyn Job>>>,
    reads: SyncSender<reader::Work>,
    /// PostgreSQL: the thread that follows the other nodes.
    follower: Option<Sender<Wish>>,
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
    pub(crate) node: Node,
    idle_readers: Mutex<Vec<sqlite::Connection>>,
}

impl Store {
    /// Makes an empty database with a data key of its own. Refuses a file that exists; a database of PostgreSQL may have been
    /// begun by an earlier call with the same master key.
    pub fn create(options: &Options, master: &MasterKey) -> Result<()> {
        match &options.place {
            Place::File(file) => {
                if file.exists() {
                    return Err(Error::internal(format_args!("{} exists", file.display())));
                }
                // The log and its index take their permissions from this file.
                OpenOptions::new().create_new(true).write(true).mode(0o600).open(file).map_err(Error::internal)?;
                let mut connection = sqlite::Connection::open(file, Access::Write, options.cache_kib)?;
                schema::migrate(&mut connection)?;
                schema::keep_new_data_key(&mut Connection::Sqlite(&mut connection), master)
            }
            Place::Postgres(url) => {
                let mut connection = open_on_postgres(url, options.timeout)?;
                schema::postgres::migrate(&mut connection)?;
                let mut connection = Connection::Postgres(&mut connection);
                match schema::data_key(&mut connection, master)? {
                    Some(_) => Ok(()),
                    None => schema::keep_new_data_key(&mut connection, master),
                }
            }
        }
    }

    /// Whether a server was founded there.
    pub fn holds_a_server(place: &Place, timeout: Duration) -> Result<bool> {
        match place {
            Place::File(file) => Ok(file.exists()),
            Place::Postgres(url) => {
                let mut connection = open_on_postgres(url, timeout)?;
                if schema::postgres::look(&mut connection)? == Schema::Absent {
                    return Ok(false);
                }
                schema::is_founded(&mut Connection::Postgres(&mut connection))
            }
        }
    }

    /// Opens a database, brings its schema up to date and starts the threads. `fatal` is called once, from the writer, when
    /// what is on disk is no longer known: it must end the process.
    pub fn open(options: Options, master: &MasterKey, clock: Clock, fatal: fn(&str)) -> Result<Store> {
        match options.place.clone() {
            Place::File(file) => Store::open_file(options, &file, master, clock, fatal),
            Place::Postgres(url) => Store::open_postgres(options, &url, master, clock),
        }
    }

    fn open_file(options: Options, file: &Path, master: &MasterKey, clock: Clock, fatal: fn(&str)) -> Result<Store> {
        if !file.exists() {
            return Err(Error::internal(format_args!("{} does not exist", file.display())));
        }
        let mut connection = sqlite::Connection::open(file, Access::Write, options.cache_kib)?;
        schema::migrate(&mut connection)?;
        let mut link = Connection::Sqlite(&mut connection);
        let mut shared = Shared::new(options, master, clock, &mut link)?;
        let newest = schema::newest_revocation(&mut link)?;
        let journal = match &shared.options.journal {
            Some(file) => Some(open_journal(file, &shared.keyring, &mut link, newest)?),
            None => None,
        };
        let journaled = journal.as_ref().map_or(newest, Journal::last);
        (shared.journaled, shared.behind) = (AtomicI64::new(journaled), (newest < journaled).then_some(newest));
        let (writes, jobs) = sync_channel(shared.options.queue);
        let shared = Arc::new(shared);
        let newest = newest.max(journaled);
        let mut threads = writer::start(connection, file, Arc::clone(&shared), jobs, journal, newest, fatal)?;
        let reads = start_readers(&shared, &mut threads)?;
        let queues = Queues { writes, beside: Vec::new(), reads, follower: None };
        Ok(Store { shared, queues: Some(queues), threads: Mutex::new(threads) })
    }

    fn open_postgres(options: Options, url: &Url, master: &MasterKey, clock: Clock) -> Result<Store> {
        let mut connection = open_on_postgres(url, options.timeout)?;
        schema::postgres::migrate(&mut connection)?;
        let shared = Arc::new(Shared::new(options, master, clock, &mut Connection::Postgres(&mut connection))?);
        drop(connection);
        let mut threads = Vec::new();
        let (follower, wishes) = channel();
        let mut following = Follower::new(Arc::clone(&shared));
        threads.push(spawn("store-follow", move || following.serve(&wishes))?);
        let (listening, ringing) = (Arc::clone(&shared), follower.clone());
        threads.push(spawn("store-listen", move || follower::listen(&listening, &ringing))?);
        let mut start_lane = |name: &str, others| -> Result<SyncSender<Box<dyn Job>>> {
            let (writes, jobs) = sync_channel(shared.options.queue);
            let mut lane = Lane::new(Arc::clone(&shared), others, follower.clone());
            threads.push(spawn(name, move || lane.serve(&jobs))?);
            Ok(writes)
        };
        let writes = start_lane("store-write", Beside::Nobody)?;
        let lanes = 0..shared.options.lanes;
        let beside = lanes.map(|number| start_lane(&format!("store-lane-{number}"), Beside::Guarded));
        let beside = beside.collect::<Result<_>>()?;
        let reads = start_readers(&shared, &mut threads)?;
        let queues = Queues { writes, beside, reads, follower: Some(follower) };
        Ok(Store { shared, queues: Some(queues), threads: Mutex::new(threads) })
    }

    /// Looks into a database without serving it: one snapshot, nothing changed, beside a running server or without one.
    pub fn inspect<T>(place: &Place, master: &MasterKey, rule: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        const CACHE_KIB: u32 = 64 << 10;
        match place {
            Place::File(file) => {
                let mut inner = sqlite::Connection::open(file, Access::Read, CACHE_KIB)?;
                let keyring = rotation::keyring(&mut Connection::Sqlite(&mut inner), master)?;
                inner.require_sound()?;
                inspect_on(Connection::Sqlite(&mut inner), "BEGIN", &keyring, rule)
            }
            Place::Postgres(url) => {
                let mut inner = open_on_postgres(url, Options::new("").timeout)?;
                let keyring = rotation::keyring(&mut Connection::Postgres(&mut inner), master)?;
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                inspect_on(Connection::Postgres(&mut inner), begin, &keyring, rule)
            }
        }
    }

    /// Runs a rule that may write; answers after its commit. A rule that answers `Err` leaves nothing behind; a refusal that
    /// must leave a trace is a value, `Ok(Err(refusal))`.
    pub async fn write<T, F>(&self, rule: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let queue = &self.queues.as_ref().ok_or(Error::Unavailable)?.writes;
        let (job, answer) = job::job(0, rule);
        self.hand_over(queue, job, answer).await?.0
    }

    /// The same for a rule that guards every change it makes by that statement's own WHERE, and answers `Unavailable` where it
    /// finds a row moved since it read it (it is run again then): on an engine that can do so, it runs beside others of its
    /// kind, in this process and in others. Rules that come to the same rows have the same `order`. A rule that finds that it must
    /// do more says [`Tx::require_alone`], and is run again alone.
    pub async fn write_beside<T, F>(&self, order: u64, rule: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let beside = &self.queues.as_ref().ok_or(Error::Unavailable)?.beside;
        if beside.is_empty() {
            return self.write(rule).await;
        }
        let (job, answer) = job::job(order, rule);
        match self.hand_over(&beside[(order % beside.len() as u64) as usize], job, answer).await? {
            (Err(Error::ReadOnly), rule) => self.write(rule).await,
            (outcome, _) => outcome,
        }
    }

    async fn hand_over<T, F>(
        &self,
        queue: &SyncSender<Box<dyn Job>>,
        job: Box<dyn Job>,
        answer: Answer<T, F>,
    ) -> Result<(Result<T>, F)> {
        self.shared.tally.queued.one();
        match queue.try_send(job) {
            Ok(()) => answer.await.map_err(|_| Error::Unavailable),
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
        let work: reader::Work = Box::new(move |reader| {
            let outcome = reader.run(&rule);
            let _ = sender.send((outcome, rule));
        });
        let queue = &self.queues.as_ref().ok_or(Error::Unavailable)?.reads;
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
        if matches!(self.shared.options.place, Place::Postgres(_)) {
            return self.read(rule).await;
        }
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

    /// Hears of all that other processes have committed until now, so that what is remembered may be believed in a request that has
    /// come before this call. Where this process is the only one that writes, it knows already.
    pub async fn catch_up(&self) -> Result<()> {
        let Some(follower) = self.queues.as_ref().and_then(|queues| queues.follower.as_ref()) else { return Ok(()) };
        let (sender, answer) = oneshot::channel();
        follower.send(Wish::Look(sender)).map_err(|_| Error::Unavailable)?;
        answer.await.map_err(|_| Error::Unavailable)?
    }

    /// Whether nothing of the subject has changed since the stamp: then what was read under it may be answered, by a request
    /// that has caught up ([`Store::catch_up`]).
    pub fn is_unchanged(&self, subject: Subject, since: Stamp) -> bool {
        self.shared.changes.is_unchanged(subject, since)
    }

    /// Whether this process does what one does for all that share the database: sweeps, timers, messages.
    pub fn is_keeper(&self) -> bool {
        match self.shared.options.place {
            Place::File(_) => true,
            Place::Postgres(_) => self.shared.node.is_keeper(),
        }
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

    /// False after a storage fault, and while the database cannot be reached.
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
        self.shared.node.ending.store(true, Ordering::Relaxed);
        self.queues = None;
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
    fn new(options: Options, master: &MasterKey, clock: Clock, connection: &mut Connection<'_>) -> Result<Shared> {
        let keyring = rotation::keyring(connection, master)?;
        clock.resume_from(schema::time_mark(connection)?);
        Ok(Shared {
            options,
            clock,
            keyring,
            allocator: Allocator::above(schema::highest_id(connection)?, schema::highest_event(connection)?),
            changes: Changes::new(),
            bus: Arc::new(Bus::new()),
            healthy: AtomicBool::new(true),
            commits: AtomicU64::new(0),
            committed_jobs: AtomicU64::new(0),
            journaled: AtomicI64::new(0),
            behind: None,
            tally: Tally::default(),
            node: Node::new()?,
            idle_readers: Mutex::new(Vec::new()),
        })
    }

    fn read_here<T>(&self, rule: &dyn Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let Place::File(file) = &self.options.place else { return Err(Error::internal("not a file")) };
        let idle = lock(&self.idle_readers).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => sqlite::Connection::open(file, Access::Read, self.options.cache_kib / 4)?,
        };
        let outcome = self.read_on(Connection::Sqlite(&mut connection), rule);
        // A connection that could not end its transaction is not lent again.
        if connection.is_idle() {
            lock(&self.idle_readers).push(connection);
        }
        outcome
    }

    /// A new connection to PostgreSQL.
    pub(crate) fn connect(&self, purpose: Purpose) -> Result<postgres::Connection> {
        let Place::Postgres(url) = &self.options.place else { return Err(Error::internal("not a server")) };
        postgres::Connection::open(url, purpose, self.options.timeout).map_err(|fault| {
            tracing::debug!(%fault, "cannot connect to PostgreSQL");
            // Whatever is wrong there, it is to be tried again.
            Error::Unavailable
        })
    }

    pub(crate) fn of_every_tx(&self) -> tx::Shared<'_> {
        tx::Shared { keyring: &self.keyring, allocator: &self.allocator, changes: &self.changes }
    }

    fn read_on<T>(&self, mut connection: Connection<'_>, rule: &dyn Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let stamp = self.changes.now();
        connection.control("BEGIN")?;
        let mut tx = Tx::new(connection, self.of_every_tx(), stamp, self.clock.now(), None);
        let outcome = rule(&mut tx);
        tx.end("COMMIT")?;
        outcome
    }
}

/// Opens the journal and writes into it what the database kept for it when a server died.
fn open_journal(file: &Path, keyring: &Keyring, connection: &mut Connection<'_>, newest: i64) -> Result<Journal> {
    let mut journal = Journal::open(file, keyring)?;
    let kept = schema::revocations_after(connection, journal.last())?;
    let lines: String = kept.iter().map(|(number, at, entry)| journal::line(keyring, *number, *at, entry)).collect();
    if !lines.is_empty() {
        journal.append(&lines, newest).map_err(|_| Error::internal("the revocation journal cannot be written"))?;
    }
    Ok(journal)
}

/// A connection for work over the whole database; why there is none is said.
fn open_on_postgres(url: &Url, timeout: Duration) -> Result<postgres::Connection> {
    let opened = postgres::Connection::open(url, Purpose::WholeTables, timeout);
    opened.map_err(|fault| Error::internal(format_args!("{url}: {fault}")))
}

fn inspect_on<T>(
    mut connection: Connection<'_>,
    begin: &'static str,
    keyring: &Keyring,
    rule: impl FnOnce(&mut Tx<'_>) -> Result<T>,
) -> Result<T> {
    connection.control(begin)?;
    let (allocator, changes) = (Allocator::above(0, 0), Changes::new());
    let shared = tx::Shared { keyring, allocator: &allocator, changes: &changes };
    let mut tx = Tx::new(connection, shared, changes.now(), Clock::system().now(), None);
    let outcome = rule(&mut tx);
    tx.end("COMMIT")?;
    outcome
}

fn start_readers(shared: &Arc<Shared>, threads: &mut Vec<JoinHandle<()>>) -> Result<SyncSender<reader::Work>> {
    let (reads, waiting) = sync_channel(shared.options.queue);
    let waiting = Arc::new(Mutex::new(waiting));
    for number in 0..shared.options.readers.max(1) {
        let (waiting, mut reader) = (Arc::clone(&waiting), Reader::new(Arc::clone(shared)));
        threads.push(spawn(&format!("store-read-{number}"), move || reader.serve(&waiting))?);
    }
    Ok(reads)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(Error::internal)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
