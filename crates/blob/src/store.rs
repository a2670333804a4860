//! The store: one of several engines behind the same bounds, memory and holds.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Error, Result};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::disk::{Disk, digest_of};
use crate::fault::alarm;
use crate::hold::Holds;
use crate::intake::Intake;
use crate::memory::Memory;
use crate::piece::PieceMemory;
use crate::reader::{OpenBlob, Reader};
use crate::upload::Upload;
use crate::{Bounds, Digest, PIECE_BYTES, sums};

/// Blobs by digest. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct BlobStore(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    bounds: Bounds,
    intake: Arc<Intake>,
    pieces: Arc<PieceMemory>,
    holds: Arc<Holds>,
    /// Small blobs whose digest has been checked.
    cache: Cache<Digest, Bytes, ByLength>,
}

/// Where the bytes are.
pub(crate) enum Engine {
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
        Ok(BlobStore::over(Engine::Disk(Disk::open(folder)?), bounds))
    }

    /// Looks at a folder that another process may be using: nothing is made or removed by opening it.
    pub fn look_at_disk(folder: &Path, bounds: Bounds) -> BlobStore {
        BlobStore::over(Engine::Disk(Disk::look(folder)), bounds)
    }

    /// A store for tests: everything is gone with it.
    pub fn in_memory(bounds: Bounds) -> BlobStore {
        BlobStore::over(Engine::Memory(Memory::default()), bounds)
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
            Engine::Memory(memory) => Reader::of_bytes(digest, length, memory.bytes(&digest)),
            Engine::Disk(_) => {
                let store = self.clone();
                let blob = off_runtime(move || store.open_files(digest, length)).await?;
                Ok(Reader::of_files(digest, length, blob))
            }
        }
    }

    /// Every blob with its length, in no order.
    pub async fn list(&self) -> Result<Vec<(Digest, u64)>> {
        let engine = self.0.engine.clone();
        off_runtime(move || engine.list()).await
    }

    /// Removes every blob that was uploaded at least `older_than` ago, is not `named`, and is not held by an upload or a
    /// download. `named` is called off the runtime and may ask a database; its first error ends the sweep.
    pub async fn sweep(
        &self,
        named: impl Fn(&Digest) -> Result<bool> + Send + 'static,
        older_than: Duration,
    ) -> Result<Swept> {
        let store = self.clone();
        off_runtime(move || store.remove_unnamed(named, older_than)).await
    }

    /// Reads a whole blob from where it is kept and says how it is; for fsck and backup. Changes nothing.
    pub async fn verify(&self, digest: Digest, length: u64) -> Result<Condition> {
        let engine = self.0.engine.clone();
        off_runtime(move || engine.verify(digest, length)).await
    }

    /// Waits until the disk has failed to keep bytes that it was told to keep (a failed fsync). Uploads are refused from
    /// then on; the process should end, and start again on whatever the disk really holds.
    pub async fn failed(&self) {
        if let Engine::Disk(disk) = &*self.0.engine {
            // The sender lives in the engine, so the only way out is the value.
            if disk.failed().wait_for(|failed| *failed).await.is_ok() {
                return;
            }
        }
        std::future::pending().await
    }

    fn over(engine: Engine, bounds: Bounds) -> BlobStore {
        let entries = (bounds.cache_bytes / 4096).clamp(16, 1 << 20) as usize;
        BlobStore(Arc::new(Shared {
            engine: Arc::new(engine),
            bounds,
            intake: Intake::new(bounds),
            pieces: PieceMemory::new(bounds.piece_bytes),
            holds: Arc::default(),
            cache: Cache::with_weighter(entries, bounds.cache_bytes, ByLength),
        }))
    }

    async fn open_small(&self, digest: Digest, length: u64) -> Result<Reader> {
        let read = || {
            let store = self.clone();
            off_runtime(move || store.0.engine.small_bytes(digest, length))
        };
        let bytes = self.0.cache.get_or_insert_async(&digest, async { read().await }).await?;
        Reader::of_bytes(digest, length, Some(bytes))
    }

    fn open_files(&self, digest: Digest, length: u64) -> Result<Arc<OpenBlob>> {
        let Engine::Disk(disk) = &*self.0.engine else { return Err(missing(digest)) };
        let hold = self.0.holds.hold(digest);
        let (files, found) = disk.files(&digest)?.ok_or_else(|| missing(digest))?;
        check_length(digest, length, found)?;
        Ok(Arc::new(OpenBlob::new(files, digest, length, hold, self.0.pieces.clone())))
    }

    fn remove_unnamed(&self, named: impl Fn(&Digest) -> Result<bool>, older_than: Duration) -> Result<Swept> {
        let (sweep, mut swept) = (self.0.holds.sweep(), Swept::default());
        // A backup that runs may need what nothing names any more: the next sweep removes it.
        let Some(_alone) = self.0.engine.alone()? else { return Ok(swept) };
        for digest in self.0.engine.older_than(older_than)? {
            if named(&digest)? {
                continue;
            }
            if let Some(freed) = sweep.unless_held(&digest, || self.0.engine.remove(&digest)) {
                self.0.cache.remove(&digest);
                swept = Swept { blobs: swept.blobs + 1, bytes: swept.bytes + freed? };
            }
        }
        Ok(swept)
    }
}

impl Engine {
    /// The whole of a small blob, checked against its digest.
    fn small_bytes(&self, digest: Digest, length: u64) -> Result<Bytes> {
        let disk = match self {
            Engine::Memory(memory) => return memory.bytes(&digest).ok_or_else(|| missing(digest)),
            Engine::Disk(disk) => disk,
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
            Engine::Disk(disk) => disk.list(),
            Engine::Memory(memory) => Ok(memory.list()),
        }
    }

    fn older_than(&self, age: Duration) -> Result<Vec<Digest>> {
        match self {
            Engine::Disk(disk) => disk.older_than(age),
            Engine::Memory(memory) => Ok(memory.older_than(age)),
        }
    }

    fn remove(&self, digest: &Digest) -> Result<u64> {
        match self {
            Engine::Disk(disk) => disk.remove(digest),
            Engine::Memory(memory) => Ok(memory.remove(digest)),
        }
    }

    /// The right to remove, held until it is dropped; `None` while a backup runs.
    fn alone(&self) -> Result<Option<Option<File>>> {
        let Engine::Disk(disk) = self else { return Ok(Some(None)) };
        let lock = disk.removal_lock().map_err(|cause| alarm(format_args!("the lock of the blobs: {cause}")))?;
        Ok(lock.try_lock().is_ok().then_some(Some(lock)))
    }

    fn verify(&self, digest: Digest, length: u64) -> Result<Condition> {
        let disk = match self {
            Engine::Memory(memory) => {
                return Ok(memory.bytes(&digest).map_or(Condition::Missing, |_| Condition::Whole));
            }
            Engine::Disk(disk) => disk,
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
