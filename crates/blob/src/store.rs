//! The store: one of several engines behind the same bounds, memory and holds.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::{Error, Result};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::disk::{Disk, digest_of};
use crate::fault::alarm;
use crate::files::OpenBlob;
use crate::hold::Holds;
use crate::intake::Intake;
use crate::location::{Location, ObjectAccess};
use crate::memory::Memory;
use crate::objects::Objects;
use crate::piece::PieceMemory;
use crate::reader::Reader;
use crate::upload::Upload;
use crate::{Bounds, Digest, PIECE_BYTES, Tally, sums};

/// Blobs by digest. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct BlobStore(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    bounds: Bounds,
    intake: Arc<Intake>,
    pieces: Arc<PieceMemory>,
    tally: Arc<Tally>,
    holds: Arc<Holds>,
    /// When an object store was asked last whether it is there, and whether it was. Held while it is asked.
    ready: tokio::sync::Mutex<Option<(Instant, bool)>>,
    /// Small blobs whose digest has been checked.
    cache: Cache<Digest, Bytes, ByLength>,
}

/// Where the bytes are.
pub(crate) enum Engine {
    Local(Local),
    Objects(Objects),
}

/// What answers in the thread that asks.
pub(crate) enum Local {
    Disk(Disk),
    Memory(Memory),
}

/// What [`BlobStore::verify`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The bytes have the digest and the length.
    Whole,
    /// There is no such blob.
    Missing,
    /// The blob is shorter or longer than its row says.
    WrongLength {
        /// Its length in bytes.
        found: u64,
    },
    /// The length is right and the bytes are not.
    Damaged,
    /// The bytes are right, but the sums beside them are not, so that downloads fail. Removing the `.sum` file lets
    /// the next download make it anew.
    SumsDamaged,
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Blobs.
    pub blobs: u64,
    /// Their bytes, with those of the sums.
    pub bytes: u64,
}

impl BlobStore {
    /// Opens a folder, which is made (0700) where it is missing, and removes what an earlier process left unfinished.
    pub fn open_disk(folder: &Path, bounds: Bounds) -> Result<BlobStore> {
        Ok(BlobStore::over(Engine::Local(Local::Disk(Disk::open(folder)?)), bounds))
    }

    /// Opens the bucket or folder of that name. A bucket is not asked anything yet.
    pub fn open_at(location: &Location, access: &ObjectAccess, bounds: Bounds) -> Result<BlobStore> {
        match location {
            Location::Folder(folder) => BlobStore::open_disk(folder, bounds),
            Location::Bucket { name, prefix } => {
                let (pieces, tally) = (PieceMemory::new(bounds.piece_bytes), Arc::<Tally>::default());
                let objects = Objects::open(name, prefix, access, pieces.clone(), tally.clone())?;
                Ok(BlobStore::with(Engine::Objects(objects), bounds, (pieces, tally)))
            }
        }
    }

    /// As [`BlobStore::open_at`], for who changes nothing, beside a server or without one.
    pub fn look_at(location: &Location, access: &ObjectAccess, bounds: Bounds) -> Result<BlobStore> {
        match location {
            Location::Folder(folder) => Ok(BlobStore::look_at_disk(folder, bounds)),
            Location::Bucket { name, prefix } => {
                let (pieces, tally) = (PieceMemory::new(bounds.piece_bytes), Arc::<Tally>::default());
                let objects = Objects::look(name, prefix, access, pieces.clone(), tally.clone())?;
                Ok(BlobStore::with(Engine::Objects(objects), bounds, (pieces, tally)))
            }
        }
    }

    /// Looks at a folder that another process may be using: nothing is made or removed by opening it.
    pub fn look_at_disk(folder: &Path, bounds: Bounds) -> BlobStore {
        BlobStore::over(Engine::Local(Local::Disk(Disk::look(folder))), bounds)
    }

    /// A store for tests: everything is gone with it.
    pub fn in_memory(bounds: Bounds) -> BlobStore {
        BlobStore::over(Engine::Local(Local::Memory(Memory::default())), bounds)
    }

    /// Begins an upload of at most that many bytes. `Unavailable` when too many are unfinished.
    pub fn upload(&self, limit_bytes: u64) -> Result<Upload> {
        let share = self.0.intake.admit()?;
        Ok(Upload::new(self.0.engine.clone(), self.0.holds.clone(), share, limit_bytes))
    }

    /// Opens the blob that a row names. A blob that is missing, or has another length, is a fault of ours: `Internal`,
    /// and an alarm in the log. A small blob is in memory afterwards, and its next opening touches no file.
    pub async fn open(&self, digest: Digest, length: u64) -> Result<Reader> {
        if length <= self.0.bounds.cached_blob_bytes {
            return self.open_small(digest, length).await;
        }
        match &*self.0.engine {
            Engine::Local(Local::Memory(memory)) => Reader::of_bytes(digest, length, memory.bytes(&digest)),
            Engine::Local(Local::Disk(_)) => {
                let store = self.clone();
                let blob = off_runtime(move || store.open_files(digest, length)).await?;
                Ok(Reader::of_files(digest, length, blob))
            }
            Engine::Objects(objects) => self.open_object(objects, digest, length).await,
        }
    }

    /// Where a client is sent on to for the blob, where that is wanted: an address that is valid for a while.
    pub async fn redirect(&self, digest: Digest, length: u64) -> Result<Option<String>> {
        let Engine::Objects(objects) = &*self.0.engine else { return Ok(None) };
        let Some(valid) = objects.redirects().filter(|_| length > self.0.bounds.cached_blob_bytes) else {
            return Ok(None);
        };
        objects.call(async move |objects| objects.signed(digest, valid).await).await.map(Some)
    }

    /// Whether the store can be reached, now or a second ago: whoever asks often does not make it busier.
    pub async fn is_ready(&self) -> bool {
        const PATIENCE: Duration = Duration::from_secs(2);
        const REMEMBERED: Duration = Duration::from_secs(1);
        let Engine::Objects(objects) = &*self.0.engine else { return true };
        let mut ready = self.0.ready.lock().await;
        match *ready {
            Some((when, answer)) if when.elapsed() < REMEMBERED => answer,
            _ => {
                let answer = objects.call(async move |objects| Ok(objects.answers(PATIENCE).await)).await;
                let answer = answer.unwrap_or(false);
                *ready = Some((Instant::now(), answer));
                answer
            }
        }
    }

    /// Every blob with its length, in no order.
    pub async fn list(&self) -> Result<Vec<(Digest, u64)>> {
        match &*self.0.engine {
            Engine::Objects(objects) => objects.call(async move |objects| objects.list().await).await,
            Engine::Local(_) => self.locally(Local::list).await,
        }
    }

    /// Removes every blob that was uploaded at least `older_than` ago, is not `named`, and is not held by an upload or a
    /// download. `named` is called off the runtime and may ask a database; its first error ends the sweep.
    pub async fn sweep(
        &self,
        named: impl Fn(&Digest) -> Result<bool> + Send + Sync + 'static,
        older_than: Duration,
    ) -> Result<Swept> {
        if let Engine::Objects(objects) = &*self.0.engine {
            return objects.sweep(Arc::new(named), older_than, &self.0.holds).await;
        }
        let store = self.clone();
        self.locally(move |local| store.remove_unnamed(local, named, older_than)).await
    }

    /// Reads a whole blob from where it is kept and says how it is; for fsck and backup. Changes nothing.
    pub async fn verify(&self, digest: Digest, length: u64) -> Result<Condition> {
        match &*self.0.engine {
            Engine::Objects(objects) => objects.call(async move |objects| objects.verify(digest, length).await).await,
            Engine::Local(_) => self.locally(move |local| local.verify(digest, length)).await,
        }
    }

    /// What the store did so far.
    pub fn tally(&self) -> &Tally {
        &self.0.tally
    }

    /// Bytes of pieces that are on their way to clients.
    pub fn piece_bytes(&self) -> usize {
        self.0.pieces.taken()
    }

    /// Waits until the disk has failed to keep bytes that it was told to keep (a failed fsync). Uploads are refused from
    /// then on; the process should end, and start again on whatever the disk really holds.
    pub async fn failed(&self) {
        if let Engine::Local(Local::Disk(disk)) = &*self.0.engine {
            // The sender lives in the engine, so the only way out is the value.
            if disk.failed().wait_for(|failed| *failed).await.is_ok() {
                return;
            }
        }
        std::future::pending().await
    }

    fn over(engine: Engine, bounds: Bounds) -> BlobStore {
        BlobStore::with(engine, bounds, (PieceMemory::new(bounds.piece_bytes), Arc::default()))
    }

    fn with(engine: Engine, bounds: Bounds, (pieces, tally): (Arc<PieceMemory>, Arc<Tally>)) -> BlobStore {
        let entries = (bounds.cache_bytes / 4096).clamp(16, 1 << 20) as usize;
        BlobStore(Arc::new(Shared {
            engine: Arc::new(engine),
            bounds,
            intake: Intake::new(bounds),
            pieces,
            tally,
            holds: Arc::default(),
            ready: tokio::sync::Mutex::default(),
            cache: Cache::with_weighter(entries, bounds.cache_bytes, ByLength),
        }))
    }

    async fn open_small(&self, digest: Digest, length: u64) -> Result<Reader> {
        let read = async {
            match &*self.0.engine {
                Engine::Objects(objects) => {
                    objects.call(async move |objects| objects.small_bytes(digest, length).await).await
                }
                Engine::Local(_) => self.locally(move |local| local.small_bytes(digest, length)).await,
            }
        };
        let bytes = self.0.cache.get_or_insert_async(&digest, read).await?;
        Reader::of_bytes(digest, length, Some(bytes))
    }

    /// From the folder where it is kept here, and else from the store; then it may be kept from now on.
    async fn open_object(&self, objects: &Objects, digest: Digest, length: u64) -> Result<Reader> {
        let hold = self.0.holds.hold(digest);
        let kept = objects.clone();
        if let Some((files, kept)) = off_runtime(move || Ok(kept.kept_files(&digest, length))).await? {
            self.0.tally.from_here.one();
            let blob = OpenBlob::new(files, (digest, length), hold, self.0.pieces.clone(), Some(kept));
            return Ok(Reader::of_files(digest, length, Arc::new(blob)));
        }
        let opened = objects.call(async move |objects| objects.open_object(digest, length, hold).await).await?;
        self.0.tally.from_afar.one();
        let blob = Arc::new(opened);
        objects.keep_soon(&blob);
        Ok(Reader::of_object(digest, length, blob))
    }

    fn open_files(&self, digest: Digest, length: u64) -> Result<Arc<OpenBlob>> {
        let Engine::Local(Local::Disk(disk)) = &*self.0.engine else { return Err(missing(digest)) };
        let hold = self.0.holds.hold(digest);
        let (files, found) = disk.files(&digest)?.ok_or_else(|| missing(digest))?;
        check_length(digest, length, found)?;
        Ok(Arc::new(OpenBlob::new(files, (digest, length), hold, self.0.pieces.clone(), None)))
    }

    /// Asks the folder or the memory, off the runtime.
    async fn locally<T: Send + 'static>(&self, ask: impl FnOnce(&Local) -> Result<T> + Send + 'static) -> Result<T> {
        let engine = self.0.engine.clone();
        off_runtime(move || match &*engine {
            Engine::Local(local) => ask(local),
            Engine::Objects(_) => Err(Error::internal("an object store is asked on its own thread")),
        })
        .await
    }

    fn remove_unnamed(
        &self,
        local: &Local,
        named: impl Fn(&Digest) -> Result<bool>,
        older_than: Duration,
    ) -> Result<Swept> {
        let (sweep, mut swept) = (self.0.holds.sweep(), Swept::default());
        // A backup that runs may need what nothing names any more: the next sweep removes it.
        let Some(_alone) = local.alone()? else { return Ok(swept) };
        for digest in local.older_than(older_than)? {
            if named(&digest)? {
                continue;
            }
            if let Some(freed) = sweep.unless_held(&digest, || local.remove(&digest)) {
                self.0.cache.remove(&digest);
                swept = Swept { blobs: swept.blobs + 1, bytes: swept.bytes + freed? };
            }
        }
        Ok(swept)
    }
}

impl Local {
    /// The whole of a small blob, checked against its digest.
    fn small_bytes(&self, digest: Digest, length: u64) -> Result<Bytes> {
        let disk = match self {
            Local::Memory(memory) => return memory.bytes(&digest).ok_or_else(|| missing(digest)),
            Local::Disk(disk) => disk,
        };
        let (files, found) = disk.files(&digest)?.ok_or_else(|| missing(digest))?;
        check_length(digest, length, found)?;
        let mut bytes = Vec::with_capacity(length as usize);
        let read = digest_of(&files.data, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        if read != digest {
            return Err(alarm(format_args!("blob {digest} is damaged: its bytes have the digest {read}")));
        }
        Ok(bytes.into())
    }

    fn list(&self) -> Result<Vec<(Digest, u64)>> {
        match self {
            Local::Disk(disk) => disk.list(),
            Local::Memory(memory) => Ok(memory.list()),
        }
    }

    fn older_than(&self, age: Duration) -> Result<Vec<Digest>> {
        match self {
            Local::Disk(disk) => disk.older_than(age),
            Local::Memory(memory) => Ok(memory.older_than(age)),
        }
    }

    fn remove(&self, digest: &Digest) -> Result<u64> {
        match self {
            Local::Disk(disk) => disk.remove(digest),
            Local::Memory(memory) => Ok(memory.remove(digest)),
        }
    }

    /// The right to remove, held until it is dropped; `None` while a backup runs.
    fn alone(&self) -> Result<Option<Option<File>>> {
        let Local::Disk(disk) = self else { return Ok(Some(None)) };
        let lock = disk.removal_lock().map_err(|cause| alarm(format_args!("the lock of the blobs: {cause}")))?;
        Ok(lock.try_lock().is_ok().then_some(Some(lock)))
    }

    fn verify(&self, digest: Digest, length: u64) -> Result<Condition> {
        let disk = match self {
            Local::Memory(memory) => {
                return Ok(memory.bytes(&digest).map_or(Condition::Missing, |_| Condition::Whole));
            }
            Local::Disk(disk) => disk,
        };
        let Some((data, sums, found)) = disk.files_as_they_are(&digest)? else { return Ok(Condition::Missing) };
        if found != length {
            return Ok(Condition::WrongLength { found });
        }
        // Where there are none (a blob that was restored), the first download makes them.
        let mut sums_agree = sums.as_ref().is_none_or(|sums| sums::frame_fits(sums, length).unwrap_or(false));
        let mut at = 0;
        let read = digest_of(&data, |piece| {
            sums_agree = sums_agree && sums.as_ref().is_none_or(|sums| sums::agree(sums, at, piece).unwrap_or(false));
            at += PIECE_BYTES as u64;
            Ok(())
        })?;
        Ok(match (read == digest, sums_agree) {
            (false, _) => Condition::Damaged,
            (true, false) => Condition::SumsDamaged,
            (true, true) => Condition::Whole,
        })
    }
}

/// A cached blob costs its bytes and about this much around them.
#[derive(Clone)]
struct ByLength;

impl Weighter<Digest, Bytes> for ByLength {
    fn weight(&self, _: &Digest, bytes: &Bytes) -> u64 {
        bytes.len() as u64 + 128
    }
}

/// Runs what waits for a disk on the runtime's threads for that.
pub(crate) async fn off_runtime<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

pub(crate) fn missing(digest: Digest) -> Error {
    alarm(format_args!("blob {digest} is missing"))
}

pub(crate) fn check_length(digest: Digest, wanted: u64, found: u64) -> Result<()> {
    if wanted == found {
        return Ok(());
    }
    Err(alarm(format_args!("blob {digest} has {found} bytes, its row says {wanted}")))
}
