//! What the activation asks of a protocol. The module is private, so no other crate can add one.

use crate::dialogue::{Because, Env, Event};
use crate::identity::{Cik, Identity};

/// What one call came to.
#[derive(Clone, Copy)]
pub enum Verdict {
    Key(Cik),
    NotEnabled,
    Unknown,
    Malformed,
    Retry { because: Because, after_s: u32 },
}

/// What follows an event.
pub enum Step {
    Send,
    Receive,
    Over(Verdict),
}

/// One call at a time.
pub trait Exchange {
    /// Forgets the last call.
    fn begin(&mut self, env: &Env);
    /// Writes what is to be sent now.
    fn write(&self, identity: &Identity<'_>, nonce: &[u8; 32], buffer: &mut [u8]) -> Option<usize>;
    /// Whether what is to be sent now needs a new connection.
    fn fresh(&self) -> bool;
    /// How long to wait for bytes now.
    fn within_ms(&self, env: &Env) -> u32;
    /// Takes one of Sent, Received, TimedOut, Closed.
    fn step(&mut self, event: Event, received: &[u8], env: &Env) -> Step;
}
