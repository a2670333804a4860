//! A download: the bytes of an opened blob, in pieces, the next one read while the last is on its way.

use std::future::Future as _;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use model::{Error, Result};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::disk::Files;
use crate::fault::alarm;
use crate::hold::Hold;
use crate::piece::PieceMemory;
use crate::store::{check_length, missing};
use crate::sums::{self, CHUNK_BYTES};
use crate::{Digest, PIECE_BYTES};

/// A blob that is open: its bytes stay as they are, whatever happens to its name.
#[derive(Clone)]
pub struct Reader {
    digest: Digest,
    length: u64,
    source: Source,
}

/// The pieces of a range, one after another. Use [`Pieces::next`], or [`Pieces::poll_next`] inside a body.
pub struct Pieces {
    source: Source,
    /// Where the next read begins.
    at: u64,
    end: u64,
    /// The bytes not yet given out.
    remaining: u64,
    reading: Option<JoinHandle<Result<Bytes>>>,
}

#[derive(Clone)]
enum Source {
    Bytes(Bytes),
    Files(Arc<OpenBlob>),
}

/// The open files of a big blob.
pub(crate) struct OpenBlob {
    files: Files,
    digest: Digest,
    length: u64,
    pieces: Arc<PieceMemory>,
    _hold: Hold,
}

impl Reader {
    pub(crate) fn of_bytes(digest: Digest, length: u64, bytes: Option<Bytes>) -> Result<Reader> {
        let bytes = bytes.ok_or_else(|| missing(digest))?;
        check_length(digest, length, bytes.len() as u64)?;
        Ok(Reader { digest, length, source: Source::Bytes(bytes) })
    }

    pub(crate) fn of_files(digest: Digest, length: u64, blob: Arc<OpenBlob>) -> Reader {
        Reader { digest, length, source: Source::Files(blob) }
    }

    /// The SHA-256 of the whole blob.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The length of the whole blob in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The whole blob, where it is in memory already.
    pub fn bytes(&self) -> Option<Bytes> {
        match &self.source {
            Source::Bytes(bytes) => Some(bytes.clone()),
            Source::Files(_) => None,
        }
    }

    /// The bytes of a range (end excluded), cut to the blob's length. Reads begin when the first piece is asked for.
    pub fn pieces(&self, range: Range<u64>) -> Pieces {
        let end = range.end.min(self.length);
        let at = range.start.min(end);
        Pieces { source: self.source.clone(), at, end, remaining: end - at, reading: None }
    }
}

impl Pieces {
    /// The next piece of at most [`PIECE_BYTES`]; None at the end. After an error there is nothing more.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`Pieces::next`], for a body that is polled.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let piece = match &self.source {
            Source::Bytes(bytes) => {
                let from = self.at as usize;
                self.at = self.end.min(self.at + PIECE_BYTES as u64);
                Ok(bytes.slice(from..self.at as usize))
            }
            Source::Files(_) if self.remaining == 0 => return Poll::Ready(None),
            Source::Files(blob) => {
                let blob = blob.clone();
                let mut reading = self.reading.take().unwrap_or_else(|| self.read_on(&blob));
                let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
                    self.reading = Some(reading);
                    return Poll::Pending;
                };
                if self.at < self.end && blob.pieces.has_room() {
                    self.reading = Some(self.read_on(&blob));
                }
                read.unwrap_or_else(|panicked| Err(Error::internal(panicked)))
            }
        };
        match &piece {
            Ok(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Ok(bytes) => self.remaining -= bytes.len() as u64,
            Err(_) => (self.at, self.end, self.remaining, self.reading) = (0, 0, 0, None),
        }
        Poll::Ready(Some(piece))
    }

    /// The bytes that are still to come.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Begins to read the next piece, up to a border of pieces (or of chunks, where memory is short).
    fn read_on(&mut self, blob: &Arc<OpenBlob>) -> JoinHandle<Result<Bytes>> {
        let step = if blob.pieces.has_room() { PIECE_BYTES } else { CHUNK_BYTES } as u64;
        let range = self.at..self.end.min((self.at / step + 1) * step);
        self.at = range.end;
        let blob = blob.clone();
        spawn_blocking(move || blob.read(range))
    }
}

impl OpenBlob {
    pub(crate) fn new(files: Files, digest: Digest, length: u64, hold: Hold, pieces: Arc<PieceMemory>) -> OpenBlob {
        OpenBlob { files, digest, length, pieces, _hold: hold }
    }

    /// Reads the chunks that hold the range, checks each against its sum, and gives the range.
    fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let chunk = CHUNK_BYTES as u64;
        let first = range.start - range.start % chunk;
        let last = range.end.next_multiple_of(chunk).min(self.length);
        let mut piece = self.pieces.take((last - first) as usize);
        let wrong = |error| alarm(format_args!("reading blob {} at {first}: {error}", self.digest));
        self.files.data.read_exact_at(piece.as_mut(), first).map_err(wrong)?;
        if !sums::agree(&self.files.sums, first, piece.as_ref()).map_err(wrong)? {
            return Err(alarm(format_args!("blob {} is damaged between {first} and {last}", self.digest)));
        }
        Ok(Bytes::from_owner(piece).slice((range.start - first) as usize..(range.end - first) as usize))
    }
}
