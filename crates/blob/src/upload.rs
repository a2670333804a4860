//! An upload: bytes come in as the network gives them, and go to the disk in whole pieces, off the runtime's threads.

use std::sync::Arc;

use bytes::Bytes;
use model::{Error, Field, Result};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::disk;
use crate::hold::{Hold, Holds};
use crate::intake::Share;
use crate::objects::Objects;
use crate::store::{Engine, Local};
use crate::{Digest, PIECE_BYTES};

/// A blob on its way in. Dropping it, at any moment before [`Upload::finish`] is answered, leaves the store as it was
/// (or the whole blob under its digest, which no row names). A write that was cancelled half-way must not be followed
/// by another: drop the upload.
pub struct Upload {
    engine: Arc<Engine>,
    holds: Arc<Holds>,
    share: Arc<Share>,
    limit_bytes: u64,
    expected: Option<Digest>,
    received: u64,
    piece: Vec<u8>,
    state: State,
}

/// A blob that is whole and durable under its digest. Keep it until the row that names the digest is committed: the
/// sweep leaves the blob alone as long as this lives.
pub struct Stored {
    /// The SHA-256 of the bytes.
    pub digest: Digest,
    /// How many they are.
    pub length: u64,
    _hold: Hold,
}

enum State {
    Idle(Box<Draft>),
    /// One piece is being hashed and written; its buffer comes back with the draft.
    Writing(JoinHandle<Result<(Box<Draft>, Vec<u8>)>>),
    /// An earlier call failed, and the draft is gone.
    Over,
}

/// What the disk's threads work on.
struct Draft {
    engine: Arc<Engine>,
    sink: Option<Sink>,
    hash: Sha256,
    length: u64,
    /// The upload counts as unfinished until its files are gone.
    share: Arc<Share>,
}

/// An upload that is whole here.
enum Placing {
    Done(Stored),
    /// Its files have to go to the object store yet.
    OnItsWay(Objects, disk::Sealed, Stored, Arc<Share>),
}

enum Sink {
    Disk(disk::Draft),
    Memory(Vec<u8>),
}

impl Upload {
    pub(crate) fn new(engine: Arc<Engine>, holds: Arc<Holds>, share: Arc<Share>, limit_bytes: u64) -> Upload {
        let draft = Draft { engine: engine.clone(), sink: None, hash: Sha256::new(), length: 0, share: share.clone() };
        Upload {
            engine,
            holds,
            share,
            limit_bytes,
            expected: None,
            received: 0,
            piece: Vec::new(),
            state: State::Idle(Box::new(draft)),
        }
    }

    /// The digest that the sender says the bytes have; another one is refused at the end, before anything has a name.
    pub fn expect(&mut self, digest: Digest) {
        self.expected = Some(digest);
    }

    /// Takes the next bytes. `TooLarge` beyond the limit, `Unavailable` when the disk or the room for unfinished
    /// uploads is full; the upload is over then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let written = self.take(&bytes).await;
        if written.is_err() {
            self.state = State::Over;
        }
        written
    }

    /// Makes the blob durable and gives it its name. `Malformed` when its digest is not the expected one.
    pub async fn finish(mut self) -> Result<Stored> {
        let (draft, _) = self.settle().await?;
        let (piece, engine, holds) = (std::mem::take(&mut self.piece), self.engine.clone(), self.holds.clone());
        let expected = self.expected;
        let placing = crate::store::off_runtime(move || draft.place(&piece, expected, &engine, &holds));
        match placing.await? {
            Placing::Done(stored) => Ok(stored),
            Placing::OnItsWay(objects, sealed, stored, share) => {
                let (digest, length) = (stored.digest, stored.length);
                // To its end, whether or not anybody waits, and as long as it counts as unfinished.
                let put = async move |objects: Objects| {
                    let _share = share;
                    objects.put(sealed, digest, length).await.map(|()| stored)
                };
                objects.call(put).await
            }
        }
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.limit_bytes {
            return Err(Error::TooLarge(Field("body")));
        }
        self.share.grow(bytes.len() as u64)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PIECE_BYTES - self.piece.len()));
            self.piece.extend_from_slice(now);
            rest = later;
            if self.piece.len() == PIECE_BYTES {
                self.write_piece().await?;
            }
        }
        Ok(())
    }

    /// Hands the full piece over and goes on receiving into the buffer of the one before.
    async fn write_piece(&mut self) -> Result<()> {
        let (mut draft, empty) = self.settle().await?;
        let mut piece = std::mem::replace(&mut self.piece, empty);
        self.state = State::Writing(spawn_blocking(move || {
            draft.append(&piece)?;
            piece.clear();
            Ok((draft, piece))
        }));
        Ok(())
    }

    /// Waits until nothing is being written, and takes the draft.
    async fn settle(&mut self) -> Result<(Box<Draft>, Vec<u8>)> {
        if let State::Writing(writing) = &mut self.state {
            let written = writing.await;
            self.state = State::Over;
            return written.map_err(Error::internal)?;
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Idle(draft) => Ok((draft, Vec::new())),
            State::Writing(_) | State::Over => Err(Error::internal("an upload went on after it had failed")),
        }
    }
}

impl Drop for Draft {
    /// Removes the files off the runtime: freeing some GiB takes a while.
    fn drop(&mut self) {
        if let (Some(Sink::Disk(files)), Ok(runtime)) = (self.sink.take(), Handle::try_current()) {
            let share = self.share.clone();
            runtime.spawn_blocking(move || drop((files, share)));
        }
    }
}

impl Draft {
    fn append(&mut self, piece: &[u8]) -> Result<()> {
        match self.sink()? {
            Sink::Disk(draft) => draft.append(piece)?,
            Sink::Memory(bytes) => bytes.extend_from_slice(piece),
        }
        self.hash.update(piece);
        self.length += piece.len() as u64;
        Ok(())
    }

    fn place(mut self, last: &[u8], expected: Option<Digest>, engine: &Engine, holds: &Arc<Holds>) -> Result<Placing> {
        self.append(last)?;
        let digest = Digest::from_bytes(std::mem::take(&mut self.hash).finalize().into());
        if expected.is_some_and(|expected| expected != digest) {
            return Err(Error::Malformed(Field("digest")));
        }
        // Held before it has a name: a sweep that runs now never takes it between the name and the row.
        let stored = Stored { digest, length: self.length, _hold: holds.hold(digest) };
        match (engine, self.sink.take()) {
            (Engine::Local(Local::Disk(disk)), Some(Sink::Disk(draft))) => {
                disk.place(draft.seal(self.length)?, digest)?
            }
            (Engine::Objects(objects), Some(Sink::Disk(draft))) => {
                let sealed = draft.seal(self.length)?;
                return Ok(Placing::OnItsWay(objects.clone(), sealed, stored, self.share.clone()));
            }
            (Engine::Local(Local::Memory(memory)), Some(Sink::Memory(bytes))) => memory.place(bytes, digest),
            _ => return Err(Error::internal("an upload changed its engine")),
        }
        Ok(Placing::Done(stored))
    }

    fn sink(&mut self) -> Result<&mut Sink> {
        let sink = match self.sink.take() {
            Some(sink) => sink,
            None => match &*self.engine {
                Engine::Local(Local::Disk(disk)) => Sink::Disk(disk.draft()?),
                Engine::Objects(objects) => Sink::Disk(objects.draft()?),
                Engine::Local(Local::Memory(_)) => Sink::Memory(Vec::new()),
            },
        };
        Ok(self.sink.insert(sink))
    }
}
