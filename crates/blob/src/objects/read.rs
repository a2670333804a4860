//! A download from the store: ranges of an object, each piece checked against its sums, whatever the store says.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use model::{Error, Result};
use sha2::{Digest as _, Sha256};

use super::{Objects, lost, sums_name};
use crate::fault::alarm;
use crate::hold::Hold;
use crate::piece::PieceMemory;
use crate::store::{check_length, off_runtime};
use crate::sums::{self, CHUNK_BYTES};
use crate::{Condition, Digest, PIECE_BYTES};

/// Reads of pieces that go on beside one another where a whole blob is read.
const AHEAD: usize = 4;

/// A blob in the store, and the sums that its bytes are held against.
pub(crate) struct OpenObject {
    objects: Objects,
    digest: Digest,
    length: u64,
    sums: Bytes,
    _hold: Hold,
}

impl Objects {
    /// Looks the blob up, and has its sums afterwards.
    pub(crate) async fn open_object(&self, digest: Digest, length: u64, hold: Hold) -> Result<OpenObject> {
        let sums = match self.0.sums.get(&digest) {
            Some(sums) if sums.len() as u64 == sums::object_length(length) => sums,
            _ => {
                let found = match self.0.bucket.length(&digest.to_string()).await? {
                    Some(found) => found,
                    None if self.restore(digest).await? => length,
                    None => return Err(lost(digest)),
                };
                check_length(digest, length, found).map_err(|_| Error::Unavailable)?;
                let sums = match self.read_sums(digest, length).await? {
                    Some(sums) => sums,
                    None => self.rebuild_sums(digest, length).await?,
                };
                self.0.sums.insert(digest, sums.clone());
                sums
            }
        };
        Ok(OpenObject { objects: self.clone(), digest, length, sums, _hold: hold })
    }

    /// The sums beside a blob, where they are there and fit it.
    pub(super) async fn read_sums(&self, digest: Digest, length: u64) -> Result<Option<Bytes>> {
        let wanted = sums::object_length(length);
        let found = self.0.bucket.read_whole(&sums_name(&digest), wanted).await?;
        Ok(found.filter(|found| sums::object_fits(found, &digest, length)))
    }

    /// How the bytes of a blob are whose length is right.
    pub(super) async fn condition(&self, digest: Digest, length: u64, sums: Option<Bytes>) -> Result<Condition> {
        let (mut hash, mut sums_agree) = (Sha256::new(), sums.is_some());
        let mut pieces = self.all_pieces(digest, length);
        while let Some(piece) = pieces.next().await {
            let (at, piece) = piece?;
            sums_agree = sums_agree && sums.as_ref().is_some_and(|sums| sums::object_agrees(sums, at, &piece));
            hash.update(&piece);
        }
        Ok(match (Digest::from_bytes(hash.finalize().into()) == digest, sums_agree) {
            (false, _) => Condition::Damaged,
            (true, false) => Condition::SumsDamaged,
            (true, true) => Condition::Whole,
        })
    }

    /// The sums of a blob that lost them, from bytes that agree with the digest.
    async fn rebuild_sums(&self, digest: Digest, length: u64) -> Result<Bytes> {
        tracing::warn!("the sums of blob {digest} are missing or do not fit it, making them anew");
        let (mut hash, mut made) = (Sha256::new(), sums::object_header(&digest, length));
        let mut pieces = self.all_pieces(digest, length);
        while let Some(piece) = pieces.next().await {
            let (_, piece) = piece?;
            hash.update(&piece);
            made.extend_from_slice(&sums::sums_of(&piece));
        }
        if Digest::from_bytes(hash.finalize().into()) != digest {
            alarm(format_args!("blob {digest} is damaged in the object store: its digest is another"));
            return Err(Error::Unavailable);
        }
        let made = Bytes::from(made);
        self.0.bucket.write(&sums_name(&digest), made.clone()).await?;
        Ok(made)
    }

    /// All pieces in order, each with its place, as the store gives them.
    fn all_pieces(
        &self,
        digest: Digest,
        length: u64,
    ) -> impl stream::Stream<Item = Result<(u64, Bytes)>> + Send + use<'_> {
        let starts = (0..length).step_by(PIECE_BYTES);
        let read = move |at: u64| async move {
            let range = at..length.min(at + PIECE_BYTES as u64);
            let read = self.0.bucket.read(&digest.to_string(), range, &self.0.pieces).await?;
            let (piece, _) = read.ok_or_else(|| lost(digest))?;
            Ok((at, Bytes::from_owner(piece)))
        };
        stream::iter(starts).map(read).buffered(AHEAD)
    }

    /// Fetches a blob into the folder here, where there is room for it and nobody else does so. Nobody waits for it.
    pub(crate) fn keep_soon(&self, blob: &Arc<OpenObject>) {
        let Some(here) = &self.0.here else { return };
        let Some(filling) = here.kept.begin_to_fill(blob.digest, blob.length) else { return };
        let Ok(turn) = self.0.fills.clone().try_acquire_owned() else { return };
        let (objects, blob) = (self.clone(), blob.clone());
        self.spawn(async move {
            let (_turn, _filling) = (turn, filling);
            if let Err(error) = objects.fetch(&blob).await {
                tracing::warn!(%error, "blob {} cannot be kept here", blob.digest);
            }
        });
    }

    async fn fetch(&self, blob: &Arc<OpenObject>) -> Result<()> {
        let mut draft = self.here()?.disk.draft()?;
        let (length, mut hash) = (blob.length, Sha256::new());
        let pieces = (0..length).step_by(PIECE_BYTES).map(|at| {
            let blob = blob.clone();
            async move { blob.read(at..length.min(at + PIECE_BYTES as u64)).await }
        });
        let mut pieces = stream::iter(pieces).buffered(AHEAD);
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            (draft, hash) = off_runtime(move || {
                draft.append(&piece)?;
                hash.update(&piece);
                Ok((draft, hash))
            })
            .await?;
        }
        if Digest::from_bytes(hash.finalize().into()) != blob.digest {
            return Err(alarm(format_args!("the object store gave other bytes for blob {}", blob.digest)));
        }
        let (kept, digest) = (self.here()?.kept.clone(), blob.digest);
        off_runtime(move || kept.keep(draft.seal(length)?, digest, length)).await
    }
}

impl OpenObject {
    /// The bytes of a range, checked. Runs on the store's thread.
    pub(crate) async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let chunk = CHUNK_BYTES as u64;
        let first = range.start - range.start % chunk;
        let last = range.end.next_multiple_of(chunk).min(self.length);
        let name = self.digest.to_string();
        // What was spoiled on its way is right the next time; what is spoiled there stays so.
        for _ in 0..2 {
            let read = match self.objects.0.bucket.read(&name, first..last, &self.objects.0.pieces).await? {
                None if self.objects.restore(self.digest).await? => continue,
                read => read,
            };
            let (piece, whole) = read.ok_or_else(|| lost(self.digest))?;
            if whole == self.length && sums::object_agrees(&self.sums, first, piece.as_ref()) {
                let bytes = Bytes::from_owner(piece);
                return Ok(bytes.slice((range.start - first) as usize..(range.end - first) as usize));
            }
            tracing::warn!("the object store gave other bytes of blob {} between {first} and {last}", self.digest);
        }
        alarm(format_args!("blob {} is damaged in the object store between {first} and {last}", self.digest));
        Err(Error::Unavailable)
    }

    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    pub(crate) fn pieces(&self) -> &PieceMemory {
        &self.objects.0.pieces
    }
}
