//! Blobs in an S3-compatible object store (faults F22, THREATS 3.1.3): `<digest>`, `<digest>.sum` with the sums of its chunks,
//! `unfinished/` for what is being written, `swept/` for what nobody named.
//!
//! An upload is first a file here, so that its digest is known before the store hears of it; then it is written under its
//! name, read back, and only then answered. What is often asked for is kept in a folder here, checked like any blob on a disk.
//! Calls run on a thread of their own: a request that is given up cancels nothing half-way.

mod bucket;
mod http;
mod kept;
mod put;
mod read;
mod sweep;

use std::future::Future;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use model::{Error, Result};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::disk::{Disk, Draft, Files};
use crate::fault::alarm;
use crate::location::ObjectAccess;
use crate::piece::PieceMemory;
use crate::{Condition, Digest, Tally};
use bucket::Bucket;
pub(crate) use kept::Kept;
pub(crate) use read::OpenObject;

/// Bytes of one part of an upload. Stores take at least 5 MiB and 10,000 of them.
const PART_BYTES: usize = 8 << 20;
/// Parts in memory at a time, of all uploads.
const PARTS: usize = 8;
/// Bytes of sums in memory: those of some 32 GiB of blobs.
const SUMS_BYTES: u64 = 16 << 20;
/// Blobs that are being fetched into the folder at a time.
const FILLS: usize = 2;
/// What a process that ends waits for calls that tidy up.
const LAST_CALLS: Duration = Duration::from_secs(3);

/// An object store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Objects(Arc<Shared>);

struct Shared {
    bucket: Bucket,
    pieces: Arc<PieceMemory>,
    sums: Cache<Digest, Bytes, BySums>,
    parts: Semaphore,
    /// Where uploads come in, and what is kept of the store here; None for who only looks.
    here: Option<Here>,
    fills: Arc<Semaphore>,
    redirect: Option<Duration>,
    thread: Thread,
}

struct Here {
    disk: Disk,
    kept: Arc<Kept>,
}

impl Objects {
    /// An object store whose blobs may be read and written.
    pub(crate) fn open(
        name: &str,
        prefix: &str,
        access: &ObjectAccess,
        pieces: Arc<PieceMemory>,
        tally: Arc<Tally>,
    ) -> Result<Objects> {
        let disk = Disk::open(&access.folder)?;
        let kept = Arc::new(Kept::new(Disk::look(&access.folder), access.kept_bytes)?);
        Objects::over(name, prefix, access, (pieces, tally), Some(Here { disk, kept }))
    }

    /// An object store that is only looked at.
    pub(crate) fn look(
        name: &str,
        prefix: &str,
        access: &ObjectAccess,
        pieces: Arc<PieceMemory>,
        tally: Arc<Tally>,
    ) -> Result<Objects> {
        Objects::over(name, prefix, access, (pieces, tally), None)
    }

    fn over(
        name: &str,
        prefix: &str,
        access: &ObjectAccess,
        (pieces, tally): (Arc<PieceMemory>, Arc<Tally>),
        here: Option<Here>,
    ) -> Result<Objects> {
        let bucket =
            Bucket::new(name, prefix, access, tally).map_err(|why| alarm(format_args!("the object store: {why}")))?;
        let thread = Thread::start().map_err(|error| alarm(format_args!("the object store's thread: {error}")))?;
        Ok(Objects(Arc::new(Shared {
            bucket,
            pieces,
            sums: Cache::with_weighter(1024, SUMS_BYTES, BySums),
            parts: Semaphore::new(PARTS),
            here,
            fills: Arc::new(Semaphore::new(FILLS)),
            redirect: access.redirect,
            thread,
        })))
    }

    /// Room for an upload on its way in.
    pub(crate) fn draft(&self) -> Result<Draft> {
        self.here()?.disk.draft()
    }

    /// The files of a blob that is kept here.
    pub(crate) fn kept_files(&self, digest: &Digest, length: u64) -> Option<(Files, Arc<Kept>)> {
        let kept = &self.0.here.as_ref()?.kept;
        Some((kept.files(digest, length)?, kept.clone()))
    }

    /// Runs a call on the store's thread, to its end, whether or not anybody still waits for it.
    pub(crate) async fn call<T, F>(&self, call: impl FnOnce(Objects) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.spawn(call(self.clone())).await.map_err(Error::internal)?
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        let alive = self.0.thread.alive.clone();
        self.0.thread.handle.spawn(async move {
            let done = work.await;
            drop(alive);
            done
        })
    }

    /// Every blob with its length, in no order.
    pub(crate) async fn list(&self) -> Result<Vec<(Digest, u64)>> {
        let entries = self.0.bucket.list().await?;
        Ok(entries.into_iter().filter_map(|entry| Some((entry.name.parse().ok()?, entry.length))).collect())
    }

    /// A whole small blob, checked against its digest.
    pub(crate) async fn small_bytes(&self, digest: Digest, length: u64) -> Result<Bytes> {
        let name = digest.to_string();
        let found = match self.0.bucket.read_whole(&name, length).await? {
            None if self.restore(digest).await? => self.0.bucket.read_whole(&name, length).await?,
            found => found,
        };
        let bytes = found.ok_or_else(|| lost(digest))?;
        if bytes.len() as u64 == length && Digest::of(&bytes) == digest {
            return Ok(bytes);
        }
        alarm(format_args!("the object store gave other bytes for blob {digest}"));
        Err(Error::Unavailable)
    }

    /// Brings a blob back that the sweep put aside, and that a row names after all. False where it is not there either.
    async fn restore(&self, digest: Digest) -> Result<bool> {
        let is_there = self.0.bucket.copy(&swept(&digest), &digest.to_string(), LARGEST).await?;
        if is_there {
            tracing::warn!("blob {digest} was put aside although a row names it; it is back");
        }
        Ok(is_there)
    }

    /// Reads a whole blob from the store and says how it is.
    pub(crate) async fn verify(&self, digest: Digest, length: u64) -> Result<Condition> {
        match self.0.bucket.length(&digest.to_string()).await? {
            None => return Ok(Condition::Missing),
            Some(found) if found != length => return Ok(Condition::WrongLength { found }),
            Some(_) => {}
        }
        let sums = self.read_sums(digest, length).await?;
        self.condition(digest, length, sums).await
    }

    /// Whether the store answers now.
    pub(crate) async fn answers(&self, within: Duration) -> bool {
        self.0.bucket.answers(within).await
    }

    /// How long the addresses are valid at which clients fetch blobs themselves, where they are sent there.
    pub(crate) fn redirects(&self) -> Option<Duration> {
        self.0.redirect
    }

    /// An address under which anybody may read the blob for so long.
    pub(crate) async fn signed(&self, digest: Digest, valid: Duration) -> Result<String> {
        self.0.bucket.signed(&digest.to_string(), valid).await
    }

    fn here(&self) -> Result<&Here> {
        self.0.here.as_ref().ok_or_else(|| Error::internal("a store that is only looked at was to be written"))
    }
}

/// The largest object that may be copied at once, which sets the time that it may take.
const LARGEST: u64 = 5 << 30;

fn sums_name(digest: &Digest) -> String {
    format!("{digest}.sum")
}

fn swept(digest: &Digest) -> String {
    format!("swept/{digest}")
}

/// A blob that a row names and the store does not have. It may come back, so that the caller should.
fn lost(digest: Digest) -> Error {
    alarm(format_args!("the object store has no blob {digest}"));
    Error::Unavailable
}

#[derive(Clone)]
struct BySums;

impl Weighter<Digest, Bytes> for BySums {
    fn weight(&self, _: &Digest, sums: &Bytes) -> u64 {
        sums.len() as u64 + 128
    }
}

/// The thread with the runtime on which all calls run.
struct Thread {
    handle: Handle,
    /// Held by every call that runs.
    alive: mpsc::Sender<()>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    fn start() -> std::io::Result<Thread> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (handle, (stop, mut stopped), (alive, mut gone)) =
            (runtime.handle().clone(), watch::channel(false), mpsc::channel(1));
        let run = move || {
            runtime.block_on(async {
                let _ = stopped.wait_for(|stop| *stop).await;
                // Nothing is ever sent: it ends when the last call has.
                let _ = tokio::time::timeout(LAST_CALLS, gone.recv()).await;
            });
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("object-store".into()).spawn(run)?;
        Ok(Thread { handle, alive, stop, thread: Some(thread) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // So that nothing but the calls that run still holds the channel.
        self.alive = mpsc::channel(1).0;
        let of_ours = self.thread.as_ref().is_some_and(|thread| thread.thread().id() == std::thread::current().id());
        if let Some(thread) = self.thread.take().filter(|_| !of_ours) {
            let _ = thread.join();
        }
    }
}
