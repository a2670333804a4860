//! A bench for machines: memory that tears when the power fails, a server that is a function, a link that can be cut, and a
//! clock that jumps over waits. Every byte stored, written, sent or received is a point at which the power may fail.
#![allow(dead_code, reason = "each suite uses a part of it")]

pub mod server;
pub mod text;

#[allow(unused_imports, reason = "each suite uses a part of it")]
pub use text::{base64, body, field};

use std::collections::{HashMap, VecDeque};

use cikada_device::{Action, Because, Env, Event, Machine, Record};

/// The power failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Killed;

/// What the server does with a request.
pub enum Answer {
    /// These bytes come back, then silence.
    Bytes(Vec<u8>),
    /// These bytes come back, then the connection ends.
    Cut(Vec<u8>),
    /// These datagrams come back, each whole.
    Datagrams(Vec<Vec<u8>>),
    /// Nothing comes back.
    Silence,
    /// The connection can't be opened.
    Refused,
}

/// The server as a function.
type Server<'s> = Box<dyn FnMut(&[u8]) -> Answer + 's>;

pub struct Bench<'s> {
    /// The non-volatile memory: what survives a kill.
    pub slots: HashMap<(Record, u8), Vec<u8>>,
    /// The flash where an image goes.
    pub image: Vec<u8>,
    /// The server.
    pub server: Server<'s>,
    /// Points passed so far, and the one at which the power fails.
    pub points: usize,
    pub kill_at: Option<usize>,
    /// Fails the n-th access to memory from now on.
    pub fail_memory_in: Option<usize>,
    pub now_ms: u64,
    pub seed: u64,
    /// How many bytes come in with one receive.
    pub piece: usize,
    /// What happened, in order.
    pub sent: Vec<Vec<u8>>,
    pub waits: Vec<(Because, u32)>,
    pub stores: usize,
    pub received_bytes: usize,
    /// Gives up after so many waits.
    pub most_waits: usize,
    /// Datagrams on their way.
    pub inbox: VecDeque<Vec<u8>>,
    incoming: VecDeque<u8>,
    ends: bool,
    connected: bool,
}

impl<'s> Bench<'s> {
    pub fn new(server: impl FnMut(&[u8]) -> Answer + 's) -> Bench<'s> {
        Bench {
            slots: HashMap::new(),
            image: Vec::new(),
            server: Box::new(server),
            points: 0,
            kill_at: None,
            fail_memory_in: None,
            now_ms: 1_000,
            seed: 1,
            piece: 7,
            sent: Vec::new(),
            waits: Vec::new(),
            stores: 0,
            received_bytes: 0,
            most_waits: usize::MAX,
            inbox: VecDeque::new(),
            incoming: VecDeque::new(),
            ends: false,
            connected: false,
        }
    }

    pub fn env(&mut self) -> Env {
        let mut random = [0; 16];
        for byte in &mut random {
            self.seed = self.seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *byte = (self.seed >> 33) as u8;
        }
        Env { now_ms: self.now_ms, random }
    }

    /// The power is back: volatile state is gone.
    pub fn reboot(&mut self) {
        self.incoming.clear();
        self.inbox.clear();
        self.connected = false;
        self.kill_at = None;
        self.now_ms = 0;
    }

    fn point(&mut self) -> Result<(), Killed> {
        if self.kill_at == Some(self.points) {
            return Err(Killed);
        }
        self.points += 1;
        Ok(())
    }

    fn memory_fails(&mut self) -> bool {
        match &mut self.fail_memory_in {
            Some(0) => {
                self.fail_memory_in = None;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    /// Runs a machine to its end: `None` when it waited too often.
    pub fn run<M: Machine>(&mut self, machine: &mut M, first: Event) -> Result<Option<M::Outcome>, Killed> {
        let mut event = first;
        loop {
            let env = self.env();
            event = match machine.next(event, &env) {
                Action::Load { record, slot, into } => {
                    self.point()?;
                    match (self.memory_fails(), self.slots.get(&(record, slot))) {
                        (true, _) => Event::Failed,
                        (false, None) => Event::Loaded(0),
                        (false, Some(bytes)) => {
                            let length = bytes.len().min(into.len());
                            into[..length].copy_from_slice(&bytes[..length]);
                            Event::Loaded(length)
                        }
                    }
                }
                Action::Store { record, slot, bytes } => {
                    let failing = self.memory_fails();
                    // Erase, then program byte by byte.
                    self.point()?;
                    self.slots.insert((record, slot), vec![0xFF; 256]);
                    let bytes = bytes.to_vec();
                    for (at, byte) in bytes.iter().enumerate() {
                        self.point()?;
                        if failing && at == bytes.len() / 2 {
                            break;
                        }
                        self.slots.get_mut(&(record, slot)).unwrap()[at] = *byte;
                    }
                    self.point()?;
                    self.stores += 1;
                    if failing { Event::Failed } else { Event::Stored }
                }
                Action::Send { fresh, bytes } => {
                    self.point()?;
                    if fresh || !self.connected {
                        self.incoming.clear();
                        self.ends = false;
                    }
                    self.connected = true;
                    self.sent.push(bytes.to_vec());
                    let answer = (self.server)(bytes);
                    self.point()?;
                    match answer {
                        Answer::Bytes(bytes) => self.incoming.extend(bytes),
                        Answer::Cut(bytes) => {
                            self.incoming.extend(bytes);
                            self.ends = true;
                        }
                        Answer::Datagrams(datagrams) => self.inbox.extend(datagrams),
                        Answer::Silence => {}
                        Answer::Refused => self.connected = false,
                    }
                    if self.connected { Event::Sent } else { Event::Closed }
                }
                Action::Receive { into, within_ms } => {
                    assert!(!into.is_empty(), "nowhere to receive to");
                    let length = self.incoming.len().min(into.len()).min(self.piece);
                    if let Some(datagram) = self.inbox.pop_front() {
                        self.point()?;
                        // What does not fit is cut off, as sockets do.
                        let length = datagram.len().min(into.len());
                        into[..length].copy_from_slice(&datagram[..length]);
                        self.received_bytes += length;
                        Event::Received(length)
                    } else if length > 0 {
                        for place in &mut into[..length] {
                            self.point()?;
                            *place = self.incoming.pop_front().unwrap();
                        }
                        self.received_bytes += length;
                        Event::Received(length)
                    } else if self.ends {
                        self.connected = false;
                        self.ends = false;
                        Event::Closed
                    } else {
                        self.now_ms += u64::from(within_ms);
                        Event::TimedOut
                    }
                }
                Action::Wait { for_ms, because } => {
                    if self.waits.len() >= self.most_waits {
                        return Ok(None);
                    }
                    self.point()?;
                    self.connected = false;
                    self.waits.push((because, for_ms));
                    self.now_ms += u64::from(for_ms);
                    Event::Woken
                }
                Action::Read { offset, into } => {
                    self.point()?;
                    let from = &self.image[(offset as usize).min(self.image.len())..];
                    let length = from.len().min(into.len()).min(50);
                    into[..length].copy_from_slice(&from[..length]);
                    if self.memory_fails() { Event::Failed } else { Event::Read(length) }
                }
                Action::Write { offset, bytes } => {
                    let failing = self.memory_fails();
                    let offset = offset as usize;
                    let bytes = bytes.to_vec();
                    if self.image.len() < offset + bytes.len() {
                        self.image.resize(offset + bytes.len(), 0xFF);
                    }
                    for (at, byte) in bytes.iter().enumerate() {
                        self.point()?;
                        if failing && at == bytes.len() / 2 {
                            break;
                        }
                        self.image[offset + at] = *byte;
                    }
                    if failing { Event::Failed } else { Event::Written }
                }
                Action::Done(outcome) => return Ok(Some(outcome)),
            };
        }
    }
}

/// An HTTP answer with a body.
pub fn http(status: &str, body: &str) -> Answer {
    Answer::Bytes(text::http(status, body))
}

/// An HTTP answer with more header lines, each ending in CRLF.
pub fn http_with(status: &str, fields: &str, body: &[u8]) -> Answer {
    Answer::Bytes(text::http_with(status, fields, body))
}
