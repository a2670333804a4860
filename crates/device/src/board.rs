//! What a device has to bring, as small traits, and the loop that carries a machine's actions out on them.

use crate::dialogue::{Action, Because, Env, Event, Machine, Record};

/// The connection, or the memory, or the image could not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// What came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// So many bytes, at least one; or one datagram.
    Bytes(usize),
    /// Nothing in time.
    Nothing,
    /// The connection has ended.
    Closed,
}

/// A way to the server: a TCP connection, TLS inside one, or a UDP socket.
pub trait Link {
    /// Closes what is open and connects anew. A datagram link has nothing to do but resolve the server's name.
    fn connect(&mut self) -> Result<(), Fault>;
    /// Whether there is a connection that nobody has closed yet, as far as is known.
    fn is_connected(&self) -> bool;
    /// Sends all bytes, in one segment or datagram where they fit.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault>;
    /// Waits at most so long for bytes.
    fn receive(&mut self, into: &mut [u8], within_ms: u32) -> Received;
    /// Closes the connection.
    fn disconnect(&mut self);
}

/// Non-volatile memory for the records: two slots for each, in places that can be erased apart from each other.
pub trait Memory {
    /// Reads a slot from its beginning, as much as fits; 0 where nothing was ever written.
    fn load(&mut self, record: Record, slot: u8, into: &mut [u8]) -> Result<usize, Fault>;
    /// Replaces a slot. When this returns, the bytes survive a power cut. One in between may leave anything in this slot.
    fn store(&mut self, record: Record, slot: u8, bytes: &[u8]) -> Result<(), Fault>;
}

/// The place where an image goes.
pub trait ImageMemory {
    /// Reads from an offset, as much as fits or less; 0 at the end.
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Fault>;
    /// Writes at an offset. Offsets only grow, but for a restart at 0 or at a checkpoint; erase where a sector begins.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Fault>;
}

/// Time, chance and patience.
pub trait World {
    /// Milliseconds on a clock that only moves forward.
    fn now_ms(&mut self) -> u64;
    /// Random bytes that nobody can predict.
    fn random(&mut self) -> [u8; 16];
    /// Sleeps. Gives `false` to give up instead of trying again.
    fn pause(&mut self, for_ms: u32, because: Because) -> bool;
}

/// What every machine needs.
#[derive(Debug)]
pub struct Board<L, M, W> {
    /// The way to the server.
    pub link: L,
    /// Where records are kept.
    pub memory: M,
    /// Time, chance and patience.
    pub world: W,
}

/// The place for the image of a machine that writes none.
struct NoImage;

impl ImageMemory for NoImage {
    fn read(&mut self, _offset: u64, _into: &mut [u8]) -> Result<usize, Fault> {
        Err(Fault)
    }

    fn write(&mut self, _offset: u64, _bytes: &[u8]) -> Result<(), Fault> {
        Err(Fault)
    }
}

impl<L: Link, M: Memory, W: World> Board<L, M, W> {
    /// Carries a machine through to its end. `None` when the world gave up waiting; the machine can be taken up again with
    /// [`Event::Woken`].
    pub fn run<S: Machine>(&mut self, machine: &mut S, first: Event) -> Option<S::Outcome> {
        self.run_with(machine, first, &mut NoImage)
    }

    /// The same for a machine that writes an image: a download.
    pub fn run_with<S: Machine>(
        &mut self,
        machine: &mut S,
        first: Event,
        image: &mut impl ImageMemory,
    ) -> Option<S::Outcome> {
        let mut event = first;
        loop {
            let env = Env { now_ms: self.world.now_ms(), random: self.world.random() };
            event = match machine.next(event, &env) {
                Action::Load { record, slot, into } => {
                    self.memory.load(record, slot, into).map_or(Event::Failed, Event::Loaded)
                }
                Action::Store { record, slot, bytes } => {
                    self.memory.store(record, slot, bytes).map_or(Event::Failed, |()| Event::Stored)
                }
                Action::Send { fresh, bytes } => self.send(fresh, bytes),
                Action::Receive { into, within_ms } => match self.link.receive(into, within_ms) {
                    Received::Bytes(length) => Event::Received(length),
                    Received::Nothing => Event::TimedOut,
                    Received::Closed => {
                        self.link.disconnect();
                        Event::Closed
                    }
                },
                Action::Wait { for_ms, because } => {
                    self.link.disconnect();
                    if !self.world.pause(for_ms, because) {
                        return None;
                    }
                    Event::Woken
                }
                Action::Read { offset, into } => image.read(offset, into).map_or(Event::Failed, Event::Read),
                Action::Write { offset, bytes } => {
                    image.write(offset, bytes).map_or(Event::Failed, |()| Event::Written)
                }
                Action::Done(outcome) => return Some(outcome),
            };
        }
    }

    fn send(&mut self, fresh: bool, bytes: &[u8]) -> Event {
        let connected = if fresh || !self.link.is_connected() { self.link.connect() } else { Ok(()) };
        match connected.and_then(|()| self.link.send(bytes)) {
            Ok(()) => Event::Sent,
            Err(Fault) => {
                self.link.disconnect();
                Event::Closed
            }
        }
    }
}
