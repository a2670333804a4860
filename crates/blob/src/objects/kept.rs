//! What is kept here of the store: whole blobs in a folder, the one unused for longest going first.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Result;

use crate::Digest;
use crate::disk::{Disk, Files, Sealed};

/// No blob may take more than this part of the room, so that one does not push out all others.
const LARGEST_PART: u64 = 2;

/// The blobs that are kept here.
pub(crate) struct Kept {
    disk: Disk,
    bound: u64,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    blobs: HashMap<Digest, Use>,
    bytes: u64,
    /// Counts uses.
    clock: u64,
    filling: HashSet<Digest>,
}

struct Use {
    length: u64,
    last: u64,
}

/// Somebody fetches this blob.
pub(super) struct Filling {
    kept: Arc<Kept>,
    digest: Digest,
}

impl Kept {
    /// What an earlier process left in the folder.
    pub(super) fn new(disk: Disk, bound: u64) -> Result<Kept> {
        let kept = Kept { disk, bound, table: Mutex::default() };
        {
            let mut table = kept.table();
            for (digest, length) in kept.disk.list()? {
                table.bytes += length;
                table.blobs.insert(digest, Use { length, last: 0 });
            }
            kept.make_room(&mut table, 0);
        }
        Ok(kept)
    }

    /// The open files of a blob that is kept. What cannot be read here is got rid of: the store has it.
    pub(crate) fn files(&self, digest: &Digest, length: u64) -> Option<Files> {
        {
            let mut table = self.table();
            table.clock += 1;
            let now = table.clock;
            table.blobs.get_mut(digest)?.last = now;
        }
        match self.disk.files(digest) {
            Ok(Some((files, found))) if found == length => Some(files),
            Ok(_) | Err(_) => {
                self.forget(digest);
                None
            }
        }
    }

    /// Keeps a whole blob, where it is not too large for that.
    pub(super) fn keep(&self, sealed: Sealed, digest: Digest, length: u64) -> Result<()> {
        if !self.has_room_for(length) {
            return Ok(());
        }
        let mut table = self.table();
        if table.blobs.contains_key(&digest) {
            return Ok(());
        }
        self.make_room(&mut table, length);
        self.disk.place_as_it_is(sealed, &digest)?;
        table.clock += 1;
        let last = table.clock;
        table.bytes += length;
        table.blobs.insert(digest, Use { length, last });
        Ok(())
    }

    /// Removes a blob here: it is damaged, or gone from the store.
    pub(crate) fn forget(&self, digest: &Digest) {
        let mut table = self.table();
        if let Some(gone) = table.blobs.remove(digest) {
            table.bytes -= gone.length;
        }
        let _ = self.disk.remove(digest);
    }

    /// Says that somebody fetches the blob; None where somebody does already, or it is here, or too large.
    pub(super) fn begin_to_fill(self: &Arc<Self>, digest: Digest, length: u64) -> Option<Filling> {
        let mut table = self.table();
        let wanted = self.has_room_for(length) && !table.blobs.contains_key(&digest) && table.filling.insert(digest);
        wanted.then(|| Filling { kept: self.clone(), digest })
    }

    fn has_room_for(&self, length: u64) -> bool {
        length <= self.bound / LARGEST_PART
    }

    fn make_room(&self, table: &mut Table, length: u64) {
        while table.bytes + length > self.bound {
            let Some(oldest) = table.blobs.iter().min_by_key(|(_, used)| used.last).map(|(digest, _)| *digest) else {
                return;
            };
            if let Some(gone) = table.blobs.remove(&oldest) {
                table.bytes -= gone.length;
            }
            // A download that reads it goes on: its files are open.
            let _ = self.disk.remove(&oldest);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.kept.table().filling.remove(&self.digest);
    }
}
