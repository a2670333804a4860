//! The open files of a big blob: each piece is checked against its sums as it is read.

use std::io::{IoSliceMut, Result as IoResult};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use model::Result;
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::Digest;
use crate::disk::Files;
use crate::fault::alarm;
use crate::hold::Hold;
use crate::objects::Kept;
use crate::piece::{Piece, PieceMemory};
use crate::sums::{self, CHUNK_BYTES};

/// A blob whose files are open.
pub(crate) struct OpenBlob {
    files: Files,
    digest: Digest,
    length: u64,
    pieces: Arc<PieceMemory>,
    /// The file system cannot say what it has in memory.
    never_here: AtomicBool,
    /// Where the files are a copy of an object.
    kept: Option<Arc<Kept>>,
    _hold: Hold,
}

impl OpenBlob {
    pub(crate) fn new(
        files: Files,
        (digest, length): (Digest, u64),
        hold: Hold,
        pieces: Arc<PieceMemory>,
        kept: Option<Arc<Kept>>,
    ) -> OpenBlob {
        OpenBlob { files, digest, length, pieces, never_here: AtomicBool::new(false), kept, _hold: hold }
    }

    pub(crate) fn pieces(&self) -> &Arc<PieceMemory> {
        &self.pieces
    }

    /// Reads the chunks that hold the range, checks each against its sum, and gives the range.
    pub(crate) fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let (first, last) = self.chunks(&range);
        let mut piece = self.pieces.take((last - first) as usize);
        let wrong = |error| alarm(format_args!("reading blob {} at {first}: {error}", self.digest));
        let read = self.files.data.read_exact_at(piece.as_mut(), first);
        let agree = read.and_then(|()| sums::agree(&self.files.sums, first, piece.as_ref()));
        if !matches!(agree, Ok(true))
            && let Some(kept) = &self.kept
        {
            // The object is whole, most likely: the next request gets it from there.
            kept.forget(&self.digest);
        }
        if !agree.map_err(wrong)? {
            return Err(alarm(format_args!("blob {} is damaged between {first} and {last}", self.digest)));
        }
        Ok(cut(piece, first, range))
    }

    /// The same, where all of it is in the system's memory and as it should be. Never waits for a disk.
    pub(crate) fn read_from_memory(&self, range: Range<u64>) -> Option<Bytes> {
        if self.never_here.load(Ordering::Relaxed) {
            return None;
        }
        let (first, last) = self.chunks(&range);
        let mut piece = self.pieces.take((last - first) as usize);
        let read = preadv2(&self.files.data, &mut [IoSliceMut::new(piece.as_mut())], first, ReadWriteFlags::NOWAIT);
        if read == Err(Errno::OPNOTSUPP) {
            self.never_here.store(true, Ordering::Relaxed);
        }
        // A part of it, or bytes that do not agree, are read again, where that may wait and is reported.
        let whole = read == Ok(piece.as_ref().len()) && self.agrees(first, piece.as_ref()).unwrap_or(false);
        whole.then(|| cut(piece, first, range))
    }

    /// The sums are a two-thousandth of the bytes, and stay in memory where those do.
    fn agrees(&self, first: u64, bytes: &[u8]) -> IoResult<bool> {
        sums::agree(&self.files.sums, first, bytes)
    }

    fn chunks(&self, range: &Range<u64>) -> (u64, u64) {
        let chunk = CHUNK_BYTES as u64;
        (range.start - range.start % chunk, range.end.next_multiple_of(chunk).min(self.length))
    }
}

fn cut(piece: Piece, first: u64, range: Range<u64>) -> Bytes {
    Bytes::from_owner(piece).slice((range.start - first) as usize..(range.end - first) as usize)
}
