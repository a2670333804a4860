//! A download: the bytes of an opened blob, in pieces.
//!
//! What the system has in memory is read where it is wanted: handing a piece over between two threads costs more than the
//! piece. What is not is read elsewhere, the next piece while the last is on its way.

use std::collections::VecDeque;
use std::future::Future as _;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use model::{Error, Result};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::files::OpenBlob;
use crate::objects::OpenObject;
use crate::piece::PieceMemory;
use crate::store::{check_length, missing};
use crate::sums::CHUNK_BYTES;
use crate::{Digest, PIECE_BYTES};

/// Pieces of a blob in an object store that are fetched at a time: an answer from there takes a while to begin.
const FETCHED_AHEAD: usize = 4;

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
    /// What was read already by [`Pieces::begin`].
    first: Option<Bytes>,
    /// Reads under way, in order.
    reading: VecDeque<JoinHandle<Result<Bytes>>>,
    /// The last piece had to be waited for.
    waited: bool,
}

#[derive(Clone)]
enum Source {
    Bytes(Bytes),
    Files(Arc<OpenBlob>),
    Object(Arc<OpenObject>),
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

    pub(crate) fn of_object(digest: Digest, length: u64, blob: Arc<OpenObject>) -> Reader {
        Reader { digest, length, source: Source::Object(blob) }
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
            Source::Files(_) | Source::Object(_) => None,
        }
    }

    /// The bytes of a range (end excluded), cut to the blob's length. Reads begin when the first piece is asked for.
    pub fn pieces(&self, range: Range<u64>) -> Pieces {
        let end = range.end.min(self.length);
        let at = range.start.min(end);
        Pieces {
            source: self.source.clone(),
            at,
            end,
            remaining: end - at,
            first: None,
            reading: VecDeque::new(),
            waited: false,
        }
    }
}

impl Pieces {
    /// Reads the first piece, so that what cannot be read is known before anything is promised. [`Pieces::next`] gives it.
    pub async fn begin(&mut self) -> Result<()> {
        if self.first.is_none() && self.remaining > 0 {
            self.first = std::future::poll_fn(|context| self.poll_read(context)).await.transpose()?;
        }
        Ok(())
    }

    /// The next piece of at most [`PIECE_BYTES`]; None at the end. After an error there is nothing more.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`Pieces::next`], for a body that is polled.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let piece = match self.first.take() {
            Some(first) => Some(Ok(first)),
            None => std::task::ready!(self.poll_read(context)),
        };
        match &piece {
            None => {}
            Some(Ok(bytes)) => self.remaining -= bytes.len() as u64,
            Some(Err(_)) => {
                (self.at, self.end, self.remaining) = (0, 0, 0);
                self.reading.clear();
            }
        }
        Poll::Ready(piece)
    }

    /// The bytes that are still to come.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if self.reading.is_empty() {
            if self.at >= self.end {
                return Poll::Ready(None);
            }
            if let Some(piece) = self.read_here() {
                return Poll::Ready(Some(Ok(piece)));
            }
            self.waited = true;
            self.read_on();
        }
        self.read_ahead();
        let Some(first) = self.reading.front_mut() else { return Poll::Ready(None) };
        let Poll::Ready(read) = Pin::new(first).poll(context) else {
            self.waited = true;
            return Poll::Pending;
        };
        self.reading.pop_front();
        self.read_ahead();
        self.waited = false;
        Poll::Ready(Some(read.unwrap_or_else(|panicked| Err(Error::internal(panicked)))))
    }

    /// The next piece, where it can be had at once.
    fn read_here(&mut self) -> Option<Bytes> {
        let piece = match &self.source {
            Source::Object(_) => return None,
            Source::Bytes(bytes) => bytes.slice(self.at as usize..self.end.min(self.at + PIECE_BYTES as u64) as usize),
            Source::Files(blob) => blob.read_from_memory(self.next_range(blob.pieces()))?,
        };
        self.at += piece.len() as u64;
        Some(piece)
    }

    /// Begins to read more than what is waited for, as far as there is memory. Of a file only while it comes more slowly than it
    /// is taken: what is there already is read from memory, and what is not need not be here before it is wanted.
    fn read_ahead(&mut self) {
        let (at_a_time, has_room) = match &self.source {
            Source::Bytes(_) => return,
            Source::Files(blob) => (if self.waited { 2 } else { 0 }, blob.pieces().has_room()),
            Source::Object(blob) => (FETCHED_AHEAD, blob.pieces().has_room()),
        };
        while has_room && self.at < self.end && self.reading.len() < at_a_time {
            self.read_on();
        }
    }

    /// Begins to read the next piece.
    fn read_on(&mut self) {
        let reading = match &self.source {
            Source::Bytes(_) => return,
            Source::Files(blob) => {
                let (range, blob) = (self.next_range(blob.pieces()), blob.clone());
                self.at = range.end;
                spawn_blocking(move || blob.read(range))
            }
            Source::Object(blob) => {
                let (range, blob) = (self.next_range(blob.pieces()), blob.clone());
                self.at = range.end;
                blob.objects().clone().spawn(async move { blob.read(range).await })
            }
        };
        self.reading.push_back(reading);
    }

    /// Up to a border of pieces, or of chunks where memory is short.
    fn next_range(&self, memory: &PieceMemory) -> Range<u64> {
        let step = if memory.has_room() { PIECE_BYTES } else { CHUNK_BYTES } as u64;
        self.at..self.end.min((self.at / step + 1) * step)
    }
}
