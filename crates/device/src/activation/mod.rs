//! Activation as firmware should do it (contract, device.md "Activate"), over HTTP or CoAP.
//!
//! - A stored key is used without asking anybody.
//! - Otherwise a nonce is made and stored before the first call; every repeat carries it, so that an answer lost on the way
//!   is given again and no owner has to help.
//! - 200: the key is stored, then used. 409: wait, or carry on with the key there is. 404 and 400: stop and say so.
//! - A key that the server refuses (401) is put aside and the device activates again. It is not erased until the new one
//!   is stored: a 401 may come from a portal or a proxy, and a key thrown away cannot be had back without the owner.
//! - Everything else is tried again after a random, growing time, never before the server allows it.

mod coap;
mod http;
mod protocol;
mod record;

pub use coap::Coap;
pub use http::Http;

use crate::backoff::{Backoff, Pace, Until, pick};
use crate::buffer::hex_of_16;
use crate::dialogue::{Action, Because, Env, Event, Machine, Record};
use crate::identity::{Cik, Identity};
use crate::journal::{self, Cursor};
use protocol::{Exchange, Step, Verdict};
use record::Keys;

/// Over what an activation goes: [`Http`] or [`Coap`].
pub trait Protocol: Exchange {}
impl<P: Exchange> Protocol for P {}

/// The state machine. It ends with the key, or with the reason why there is none; after the key it may be asked again, with
/// [`Event::Rejected`] when the server answered 401, or [`Event::Accepted`] when the key worked.
pub struct Activation<'a, P> {
    identity: Identity<'a>,
    protocol: P,
    pace: Pace,
    buffer: &'a mut [u8],
    state: State,
    keys: Keys,
    cursor: Cursor,
    backoff: Backoff,
}

/// A key that is stored, and so may be used.
#[derive(Clone, Copy)]
pub struct Ready {
    /// The key.
    pub cik: Cik,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Origin {
    /// It was in memory.
    Stored = 0,
    /// The server has just given it.
    Activated = 1,
    /// It was refused once, and the server gives no other (409): carry on with it.
    Kept = 2,
}

/// Why there will be no key until something changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// The server does not know this vendor, model or serial number (404).
    Unknown = 0,
    /// The server finds the request malformed (400).
    Malformed = 1,
    /// The buffer is too small for the request: [`Activation::BUFFER`] is always enough.
    BufferTooSmall = 2,
}

#[derive(Clone, Copy)]
enum State {
    Asleep,
    Loading(u8),
    Storing(Next),
    Sending,
    Receiving,
    Waiting { until: Until, because: Because, then: Then },
    Ready(Origin),
    Stopped(Stop),
}

/// What follows a store.
#[derive(Clone, Copy)]
enum Next {
    /// A new nonce is stored: call, after a pause where a fleet may be starting.
    Call,
    /// A key is stored: use it.
    Use(Origin),
}

/// What follows a wait.
#[derive(Clone, Copy)]
enum Then {
    Load(u8),
    Store(Next),
    Call,
}

impl<'a, P: Protocol> Activation<'a, P> {
    /// A buffer of this size holds every request with a host name up to 255 bytes.
    pub const BUFFER: usize = 1536;

    /// A machine that is about to begin. The buffer holds one request, one record or a piece of an answer at a time.
    pub fn new(identity: Identity<'a>, protocol: P, pace: Pace, buffer: &'a mut [u8]) -> Activation<'a, P> {
        let (state, cursor, backoff) = (State::Asleep, Cursor::default(), Backoff::default());
        Activation { identity, protocol, pace, buffer, state, keys: Keys::default(), cursor, backoff }
    }

    fn step(&mut self, event: Event, env: &Env) {
        self.state = match (self.state, event) {
            (_, Event::Begin) => {
                self.keys = Keys::default();
                self.cursor = Cursor::default();
                State::Loading(0)
            }
            (State::Loading(slot), Event::Loaded(length)) => self.take_record(slot, length, env),
            // Memory that can't be read is not memory that is empty: the key may be in it.
            (State::Loading(slot), Event::Failed) => self.wait(Because::Memory, 0, Then::Load(slot), env),
            (State::Storing(next), Event::Stored) => self.stored(next, env),
            (State::Storing(next), Event::Failed) => self.wait(Because::Memory, 0, Then::Store(next), env),
            (State::Sending, Event::Sent | Event::Closed) => self.exchange(event, 0, env),
            (State::Receiving, Event::Received(_) | Event::TimedOut | Event::Closed) => {
                let length = if let Event::Received(length) = event { length } else { 0 };
                self.exchange(event, length, env)
            }
            (State::Waiting { until, then, .. }, Event::Woken) if until.left_ms(env.now_ms) == 0 => match then {
                Then::Load(slot) => State::Loading(slot),
                Then::Store(next) => State::Storing(next),
                Then::Call => self.call(env),
            },
            (State::Ready(_), Event::Accepted) => self.accepted(),
            (State::Ready(_), Event::Rejected) => self.rejected(env),
            (state, _) => state,
        };
    }

    fn act(&mut self, env: &Env) -> Action<'_, Result<Ready, Stop>> {
        match self.state {
            State::Asleep => Action::Wait { for_ms: 0, because: Because::Starting },
            State::Loading(slot) => Action::Load { record: Record::Key, slot, into: self.buffer },
            State::Storing(_) => match self.cursor.encode(Record::Key, &self.keys.encode(), self.buffer) {
                Some(length) => {
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    Action::Store { record: Record::Key, slot: self.cursor.next_slot(), bytes }
                }
                None => self.stop(Stop::BufferTooSmall),
            },
            State::Sending => {
                let written = match &self.keys.nonce {
                    Some(nonce) => self.protocol.write(&self.identity, nonce, self.buffer),
                    None => None,
                };
                match written {
                    Some(length) => {
                        let bytes = self.buffer.get(..length).unwrap_or_default();
                        Action::Send { fresh: self.protocol.fresh(), bytes }
                    }
                    None => self.stop(Stop::BufferTooSmall),
                }
            }
            State::Receiving => Action::Receive { into: self.buffer, within_ms: self.protocol.within_ms(env) },
            State::Waiting { until, because, .. } => Action::Wait { for_ms: until.left_ms(env.now_ms), because },
            State::Ready(origin) => match self.keys.cik {
                Some(cik) => Action::Done(Ok(Ready { cik, origin })),
                None => self.stop(Stop::Unknown),
            },
            State::Stopped(stop) => Action::Done(Err(stop)),
        }
    }

    fn stop(&mut self, stop: Stop) -> Action<'_, Result<Ready, Stop>> {
        self.state = State::Stopped(stop);
        Action::Done(Err(stop))
    }

    fn take_record(&mut self, slot: u8, length: usize, env: &Env) -> State {
        let bytes = self.buffer.get(..length.min(self.buffer.len())).unwrap_or_default();
        if let Some(payload) = self.cursor.offer(Record::Key, slot, bytes) {
            self.keys = Keys::decode(payload);
        }
        if slot == 0 {
            return State::Loading(1);
        }
        match self.keys {
            Keys { cik: Some(_), nonce: None } => State::Ready(Origin::Stored),
            Keys { nonce: Some(_), .. } => self.stored(Next::Call, env),
            Keys { .. } => self.choose_nonce(env),
        }
    }

    /// The nonce is stored before the first call that carries it: otherwise a power cut would lose what proves that the call
    /// was ours.
    fn choose_nonce(&mut self, env: &Env) -> State {
        self.keys.nonce = Some(hex_of_16(&env.random));
        State::Storing(Next::Call)
    }

    fn stored(&mut self, next: Next, env: &Env) -> State {
        if let State::Storing(_) = self.state {
            self.cursor.advance();
        }
        match next {
            Next::Use(origin) => {
                self.backoff.reset();
                State::Ready(origin)
            }
            Next::Call => {
                let until = Until::after(env.now_ms, pick(env.chance(), self.pace.start_ms));
                State::Waiting { until, because: Because::Starting, then: Then::Call }
            }
        }
    }

    fn call(&mut self, env: &Env) -> State {
        self.protocol.begin(env);
        State::Sending
    }

    fn exchange(&mut self, event: Event, length: usize, env: &Env) -> State {
        let received = self.buffer.get(..length.min(self.buffer.len())).unwrap_or_default();
        match self.protocol.step(event, received, env) {
            Step::Send => State::Sending,
            Step::Receive => State::Receiving,
            Step::Over(verdict) => self.judge(verdict, env),
        }
    }

    fn judge(&mut self, verdict: Verdict, env: &Env) -> State {
        match verdict {
            Verdict::Key(cik) => {
                self.keys = Keys { cik: Some(cik), nonce: None };
                State::Storing(Next::Use(Origin::Activated))
            }
            Verdict::NotEnabled if self.keys.cik.is_some() => State::Ready(Origin::Kept),
            Verdict::NotEnabled => self.wait(Because::NotEnabled, 0, Then::Call, env),
            Verdict::Retry { because, after_s } => self.wait(because, after_s, Then::Call, env),
            Verdict::Unknown => State::Stopped(Stop::Unknown),
            Verdict::Malformed => State::Stopped(Stop::Malformed),
        }
    }

    /// The key works. If it was in doubt it no longer is, and the nonce is of no more use.
    fn accepted(&mut self) -> State {
        self.backoff.reset();
        if self.keys.nonce.take().is_some() { State::Storing(Next::Use(Origin::Stored)) } else { self.state }
    }

    fn rejected(&mut self, env: &Env) -> State {
        if self.keys.nonce.is_none() {
            return self.choose_nonce(env);
        }
        // Refused again after a 409: each round costs the server two calls, so each round waits longer.
        self.wait(Because::KeyRefused, 0, Then::Call, env)
    }

    fn wait(&mut self, because: Because, after_s: u32, then: Then, env: &Env) -> State {
        let length_ms = self.backoff.wait_ms(&self.pace, env.chance(), after_s);
        State::Waiting { until: Until::after(env.now_ms, length_ms), because, then }
    }
}

impl<P: Protocol> Machine for Activation<'_, P> {
    type Outcome = Result<Ready, Stop>;

    fn next(&mut self, event: Event, env: &Env) -> Action<'_, Result<Ready, Stop>> {
        self.step(event, env);
        self.act(env)
    }
}

const _: () = assert!(journal::size(Keys::LENGTH) <= 128, "a key record fits a page of 128 bytes");
