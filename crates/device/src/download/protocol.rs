//! What a download asks of a protocol. The module is private, so no other crate can add one.

use super::progress::Etag;
use super::{Stop, Target};
use crate::dialogue::{Because, Env, Event};
use crate::identity::Cik;

/// What an answer's head says.
pub enum Head {
    /// Bytes of the content from `first` on.
    Content { first: u64, total: Option<u64>, etag: Etag, digest: Option<[u8; 32]> },
    /// The version that we have is the current one.
    Unchanged,
    /// The server can't go on where we are.
    OutOfRange { total: Option<u64> },
    /// No content, for good.
    Stop(Stop),
    /// No content, for now.
    Retry { because: Because, after_s: u32 },
}

/// What was found in the bytes received.
pub enum Found {
    More,
    Head(Head),
    /// The last so many of the bytes taken belong to the content.
    Body(usize),
    End,
    /// Not an answer.
    Broken,
}

/// What follows an event.
pub enum Turn {
    Send,
    Receive,
    /// Read what was received.
    Read,
    Failed,
}

/// What to ask for.
#[derive(Clone, Copy)]
pub struct Want<'a> {
    pub position: u64,
    pub total: Option<u64>,
    /// How many bytes, 0 for all.
    pub piece: u32,
    pub etag: &'a Etag,
}

/// One piece at a time.
pub trait Protocol {
    /// Forgets the last piece.
    fn begin(&mut self, env: &Env);
    /// Writes what is to be sent now.
    fn write(&self, target: &Target<'_>, cik: &Cik, want: &Want<'_>, buffer: &mut [u8]) -> Option<usize>;
    /// Whether what is to be sent now needs a new connection.
    fn fresh(&self) -> bool;
    /// How long to wait for bytes now.
    fn within_ms(&self, env: &Env) -> u32;
    /// Takes one of Sent, Received, TimedOut, Closed.
    fn step(&mut self, event: Event, received: &[u8], env: &Env) -> Turn;
    /// Reads on: how many bytes were taken, and what they were.
    fn read(&mut self, unread: &[u8]) -> (usize, Found);
}
