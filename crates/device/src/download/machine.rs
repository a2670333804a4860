//! The state machine of one download: what happened, what is next.

use sha2::{Digest, Sha256};

use super::progress::{self, Etag, Progress};
use super::protocol::{Turn, Want};
use super::{Fetch, Image, Sizes, Stop, Target};
use crate::backoff::{Backoff, Pace, Until};
use crate::dialogue::{Action, Because, Env, Event, Machine, Record};
use crate::identity::Cik;
use crate::journal::{self, Cursor};

const RECORD: usize = journal::size(Progress::LONGEST);
const MOST_WRONG_DIGESTS: u8 = 3;
const MOST_MEMORY_FAILURES: u8 = 5;

/// The state machine of one download.
pub struct Download<'a, P> {
    pub(super) target: Target<'a>,
    pub(super) cik: Cik,
    pub(super) protocol: P,
    pub(super) sizes: Sizes,
    pub(super) pace: Pace,
    /// What the image must hash to, where the caller knows it from elsewhere.
    pub(super) promised: Option<[u8; 32]>,
    /// The block that is being filled, then what is sent and received.
    pub(super) buffer: &'a mut [u8],
    pub(super) record: [u8; RECORD],
    pub(super) state: State,
    pub(super) cursor: Cursor,
    pub(super) backoff: Backoff,
    pub(super) hash: Sha256,
    pub(super) progress: Progress,
    /// Whether `progress` tells of a content at all.
    pub(super) adopted: bool,
    /// Bytes in the block that are not written yet.
    pub(super) filled: usize,
    /// Bytes of the answer to drop: they are there already.
    pub(super) skip: u64,
    /// What was received and not read yet, as positions in the buffer.
    pub(super) unread: (usize, usize),
    /// So many bytes at the front of it are known to be of the content.
    pub(super) body: usize,
    /// An answer is being read.
    pub(super) live: bool,
    /// The current answer has brought something new.
    pub(super) moved: bool,
    /// Ask for the whole, without a range.
    pub(super) whole: bool,
    pub(super) wrong_digests: u8,
    pub(super) memory_failures: u8,
}

#[derive(Clone, Copy)]
pub(super) enum State {
    Asleep,
    Loading(u8),
    Hashing(u64),
    Sending,
    Receiving,
    Writing,
    Storing,
    Waiting { until: Until, because: Because, then: Then },
    Finished,
    Stopped(Stop),
}

#[derive(Clone, Copy)]
pub(super) enum Then {
    Load(u8),
    Request,
    Write,
    Store,
}

impl<'a, P: Fetch> Download<'a, P> {
    /// A machine that is about to begin. `promised` is the SHA-256 where the caller has it from a better source than the
    /// download itself (a signed manifest, the content's meta): it then must match too. The buffer holds one block, and behind
    /// it at least a request and its answer's pieces: 1.5 KiB more than a block is always enough.
    pub fn new(
        target: Target<'a>,
        cik: Cik,
        protocol: P,
        sizes: Sizes,
        pace: Pace,
        promised: Option<[u8; 32]>,
        buffer: &'a mut [u8],
    ) -> Download<'a, P> {
        let sizes = Sizes {
            piece: sizes.piece.max(1),
            block: sizes.block.max(1),
            checkpoint: round_up(sizes.checkpoint, sizes.block.max(1)),
            ..sizes
        };
        let progress =
            Progress { binding: progress::binding(&target), total: 0, offset: 0, digest: [0; 32], etag: Etag::NONE };
        Download {
            target,
            cik,
            protocol,
            sizes,
            pace,
            promised,
            buffer,
            record: [0; RECORD],
            state: State::Asleep,
            cursor: Cursor::default(),
            backoff: Backoff::default(),
            hash: Sha256::new(),
            progress,
            adopted: false,
            filled: 0,
            skip: 0,
            unread: (0, 0),
            body: 0,
            live: false,
            moved: false,
            whole: false,
            wrong_digests: 0,
            memory_failures: 0,
        }
    }

    /// How many bytes are written so far, and of how many, once that is known.
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.progress.offset, self.adopted.then_some(self.progress.total))
    }

    fn step(&mut self, event: Event, env: &Env) {
        self.state = match (self.state, event) {
            (_, Event::Begin) => {
                self.forget();
                self.cursor = Cursor::default();
                (self.wrong_digests, self.memory_failures) = (0, 0);
                State::Loading(0)
            }
            (State::Loading(slot), Event::Loaded(length)) => self.take_record(slot, length, env),
            (State::Loading(slot), Event::Failed) => self.memory_failed(Then::Load(slot), env),
            (State::Hashing(at), Event::Read(length)) => self.take_back(at, length, env),
            (State::Hashing(_), Event::Failed) => {
                self.forget();
                self.request(env)
            }
            (State::Sending, Event::Sent | Event::Closed) => self.exchange(event, 0, env),
            (State::Receiving, Event::Received(_) | Event::TimedOut | Event::Closed) => {
                let length = if let Event::Received(length) = event { length } else { 0 };
                self.exchange(event, length, env)
            }
            (State::Writing, Event::Written) => self.written(env),
            (State::Writing, Event::Failed) => self.memory_failed(Then::Write, env),
            (State::Storing, Event::Stored) => self.stored(env),
            (State::Storing, Event::Failed) => self.memory_failed(Then::Store, env),
            (State::Waiting { until, then, .. }, Event::Woken) if until.left_ms(env.now_ms) == 0 => match then {
                Then::Load(slot) => State::Loading(slot),
                Then::Request => self.request(env),
                Then::Write => State::Writing,
                Then::Store => State::Storing,
            },
            (state, _) => state,
        };
    }

    fn act(&mut self, env: &Env) -> Action<'_, Result<Image, Stop>> {
        let block = usize::from(self.sizes.block);
        let total = self.adopted.then_some(self.progress.total);
        let position = self.position();
        let Some((blocks, link)) = self.buffer.split_at_mut_checked(block).filter(|(_, link)| link.len() >= RECORD)
        else {
            self.state = State::Stopped(Stop::BufferTooSmall);
            return Action::Done(Err(Stop::BufferTooSmall));
        };
        match self.state {
            State::Asleep => Action::Wait { for_ms: 0, because: Because::Starting },
            State::Loading(slot) => Action::Load { record: Record::Progress, slot, into: link },
            State::Hashing(at) => {
                let left = usize::try_from(self.progress.offset - at).unwrap_or(usize::MAX).min(link.len());
                Action::Read { offset: at, into: link.get_mut(..left).unwrap_or_default() }
            }
            State::Sending => {
                let piece = if self.whole { 0 } else { self.sizes.piece };
                let want = Want { position, total, piece, etag: &self.progress.etag };
                match self.protocol.write(&self.target, &self.cik, &want, link) {
                    Some(length) => {
                        Action::Send { fresh: self.protocol.fresh(), bytes: link.get(..length).unwrap_or_default() }
                    }
                    None => {
                        self.state = State::Stopped(Stop::BufferTooSmall);
                        Action::Done(Err(Stop::BufferTooSmall))
                    }
                }
            }
            State::Receiving => Action::Receive { into: link, within_ms: self.protocol.within_ms(env) },
            State::Writing => {
                let bytes = blocks.get(..self.filled).unwrap_or_default();
                Action::Write { offset: self.progress.offset, bytes }
            }
            State::Storing => {
                let length = self.cursor.encode(Record::Progress, &self.progress.encode(), &mut self.record);
                let bytes = self.record.get(..length.unwrap_or(0)).unwrap_or_default();
                Action::Store { record: Record::Progress, slot: self.cursor.next_slot(), bytes }
            }
            State::Waiting { until, because, .. } => Action::Wait { for_ms: until.left_ms(env.now_ms), because },
            State::Finished => Action::Done(Ok(Image { length: self.progress.total, digest: self.progress.digest })),
            State::Stopped(stop) => Action::Done(Err(stop)),
        }
    }

    /// The first byte that we do not have yet.
    pub(super) fn position(&self) -> u64 {
        self.progress.offset + self.filled as u64
    }

    pub(super) fn is_whole(&self) -> bool {
        self.adopted && self.position() == self.progress.total
    }

    /// Nothing is there: the next answer decides what comes.
    pub(super) fn forget(&mut self) {
        self.hash = Sha256::new();
        (self.progress.total, self.progress.offset, self.progress.etag) = (0, 0, Etag::NONE);
        (self.adopted, self.filled, self.skip) = (false, 0, 0);
        self.hang_up();
    }

    fn hang_up(&mut self) {
        (self.unread, self.body, self.live) = ((0, 0), 0, false);
    }

    fn take_record(&mut self, slot: u8, length: usize, env: &Env) -> State {
        let block = usize::from(self.sizes.block);
        let bytes = self.buffer.get(block..).unwrap_or_default();
        let bytes = bytes.get(..length.min(bytes.len())).unwrap_or_default();
        if let Some(payload) = self.cursor.offer(Record::Progress, slot, bytes) {
            self.adopted = false;
            let fits = |old: &Progress| {
                old.binding == self.progress.binding
                    && old.total <= self.sizes.capacity
                    && !old.etag.is_none()
                    && self.promised.is_none_or(|promised| promised == old.digest)
                    && (old.offset == old.total || old.offset.is_multiple_of(u64::from(self.sizes.block)))
            };
            if let Some(old) = Progress::decode(payload).filter(fits) {
                (self.progress, self.adopted) = (old, true);
            }
        }
        if slot == 0 {
            return State::Loading(1);
        }
        if !self.adopted {
            self.forget();
        }
        match self.progress.offset {
            0 => self.request(env),
            _ => State::Hashing(0),
        }
    }

    /// Bytes that were written before the power cut are read into the hash again: what counts is what the memory holds.
    fn take_back(&mut self, at: u64, length: usize, env: &Env) -> State {
        let block = usize::from(self.sizes.block);
        let most = usize::try_from(self.progress.offset - at).unwrap_or(usize::MAX);
        let bytes = self.buffer.get(block..).unwrap_or_default();
        let bytes = bytes.get(..length.min(most).min(bytes.len())).unwrap_or_default();
        if bytes.is_empty() {
            self.forget();
            return self.request(env);
        }
        self.hash.update(bytes);
        let at = at + bytes.len() as u64;
        if at < self.progress.offset { State::Hashing(at) } else { self.request(env) }
    }

    pub(super) fn request(&mut self, env: &Env) -> State {
        self.hang_up();
        self.moved = false;
        self.protocol.begin(env);
        State::Sending
    }

    fn exchange(&mut self, event: Event, length: usize, env: &Env) -> State {
        let block = usize::from(self.sizes.block);
        let end = block.saturating_add(length).min(self.buffer.len());
        let received = self.buffer.get(block..end).unwrap_or_default();
        match self.protocol.step(event, received, env) {
            Turn::Send => State::Sending,
            Turn::Receive => State::Receiving,
            Turn::Read => {
                (self.unread, self.body, self.live) = ((block, end), 0, true);
                self.read(env)
            }
            Turn::Failed => self.wait(Because::NoAnswer, 0, Then::Request, env),
        }
    }

    fn written(&mut self, env: &Env) -> State {
        self.hash.update(self.buffer.get(..self.filled).unwrap_or_default());
        self.progress.offset += self.filled as u64;
        self.filled = 0;
        self.memory_failures = 0;
        match self.is_whole() || self.progress.offset.is_multiple_of(u64::from(self.sizes.checkpoint)) {
            true => State::Storing,
            false => self.go_on(env),
        }
    }

    fn stored(&mut self, env: &Env) -> State {
        self.cursor.advance();
        self.memory_failures = 0;
        self.go_on(env)
    }

    fn go_on(&mut self, env: &Env) -> State {
        if self.is_whole() {
            self.finish(env)
        } else if self.live {
            self.read(env)
        } else {
            self.request(env)
        }
    }

    pub(super) fn finish(&mut self, env: &Env) -> State {
        self.hang_up();
        if self.hash.clone().finalize()[..] == self.progress.digest {
            return State::Finished;
        }
        self.forget();
        self.wrong_digests += 1;
        match self.wrong_digests < MOST_WRONG_DIGESTS {
            true => self.wait(Because::WrongDigest, 0, Then::Request, env),
            false => State::Stopped(Stop::WrongDigest),
        }
    }

    fn memory_failed(&mut self, then: Then, env: &Env) -> State {
        self.memory_failures += 1;
        match self.memory_failures < MOST_MEMORY_FAILURES {
            true => self.wait(Because::Memory, 0, then, env),
            false => State::Stopped(Stop::Memory),
        }
    }

    pub(super) fn wait(&mut self, because: Because, after_s: u32, then: Then, env: &Env) -> State {
        self.hang_up();
        let length_ms = self.backoff.wait_ms(&self.pace, env.chance(), after_s);
        State::Waiting { until: Until::after(env.now_ms, length_ms), because, then }
    }
}

impl<P: Fetch> Machine for Download<'_, P> {
    type Outcome = Result<Image, Stop>;

    fn next(&mut self, event: Event, env: &Env) -> Action<'_, Result<Image, Stop>> {
        self.step(event, env);
        self.act(env)
    }
}

fn round_up(checkpoint: u32, block: u16) -> u32 {
    checkpoint.max(1).checked_next_multiple_of(u32::from(block)).unwrap_or(u32::from(block))
}
