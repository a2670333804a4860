//! One request over CoAP and its answer, its blocks put together in the caller's buffer (contract, coap.md).

use super::exchange::{Exchange, Turn};
use super::message::{Kind, Message, MessageWriter, code, option};
use super::{Failure, Reply};
use crate::backoff::Until;
use crate::buffer::move_down;
use crate::dialogue::{Action, Env, Event, Machine};
use crate::identity::Cik;

/// Everything of a datagram but its payload.
const HEAD: usize = 64;
/// The bit of a block option that says that there are more.
const MORE: u32 = 8;
/// An observation that is silent for so long is registered anew: the server may have forgotten it.
const SILENCE_MS: u32 = 300_000;

/// What can be asked.
#[derive(Clone, Copy)]
pub enum Request<'a> {
    /// Write a value: 2.04 when it is stored.
    Write {
        /// Where to.
        alias: &'a str,
        /// What.
        value: &'a str,
    },
    /// Read the latest value: 2.05, empty where there is none.
    Read {
        /// Of what.
        alias: &'a str,
    },
    /// Read the latest value, then every new one. Each is an outcome of its own; ask for the next with [`Event::Begin`].
    Observe {
        /// Of what.
        alias: &'a str,
    },
    /// The ids of all contents that this device may have: 2.05, see [`crate::content::ids`].
    List {
        /// The vendor of the model.
        vendor: &'a str,
        /// The device's model.
        model: &'a str,
    },
    /// What a content is: 2.05, see [`crate::content::Info::parse`].
    Info {
        /// The vendor of the model.
        vendor: &'a str,
        /// The device's model.
        model: &'a str,
        /// The content's id.
        id: &'a str,
    },
    /// The server's time: 2.05 with unix seconds. The key doesn't matter.
    Time,
}

/// The state machine of one call.
pub struct Call<'a> {
    request: Request<'a>,
    cik: Cik,
    buffer: &'a mut [u8],
    exchange: Exchange,
    state: State,
    body: usize,
    /// The block to ask for next, as the option's value.
    block: Option<u32>,
    /// The version that the last block was of.
    mark: Mark,
    /// Once registered: the last notification's number, and the token that they all carry.
    watched: Option<(u32, [u8; 4])>,
    acknowledgement: Option<[u8; 4]>,
    silence: Until,
}

/// The mark of a version, at most 8 bytes long.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark([u8; 8], usize);

impl Mark {
    fn new(etag: &[u8]) -> Mark {
        let mut mark = Mark([0; 8], etag.len());
        mark.0.iter_mut().zip(etag).for_each(|(place, &byte)| *place = byte);
        mark
    }
}

#[derive(Clone, Copy)]
enum State {
    Asleep,
    Sending,
    Receiving,
    /// Sends the acknowledgement of what was received, then goes on there.
    Acknowledging(After),
    /// Registered, waiting for a notification.
    Watching,
    Over(Result<Reply, Failure>),
}

#[derive(Clone, Copy)]
enum After {
    Request,
    Watch,
    Over(Reply),
}

impl<'a> Call<'a> {
    /// A call that is about to begin. The buffer holds the whole answer and one datagram more: 1.2 KiB beside the body.
    pub fn new(request: Request<'a>, cik: Cik, buffer: &'a mut [u8]) -> Call<'a> {
        Call {
            request,
            cik,
            buffer,
            exchange: Exchange::idle(),
            state: State::Asleep,
            body: 0,
            block: None,
            mark: Mark::new(&[]),
            watched: None,
            acknowledgement: None,
            silence: Until::NOW,
        }
    }

    /// The payload of the answer.
    pub fn body(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.body).unwrap_or_default()
    }

    /// The payload of the answer, for as long as the buffer.
    pub fn into_body(self) -> &'a mut [u8] {
        self.buffer.get_mut(..self.body).unwrap_or_default()
    }

    fn step(&mut self, event: Event, env: &Env) -> State {
        match (self.state, event) {
            (State::Over(Ok(_)), Event::Begin) if self.watched.is_some() => self.watch(env),
            (State::Asleep | State::Over(_), Event::Begin) => self.ask(env),
            (State::Acknowledging(after), Event::Sent | Event::Closed) => match after {
                After::Request => State::Sending,
                After::Watch => State::Watching,
                After::Over(reply) => State::Over(Ok(reply)),
            },
            (State::Watching, Event::Received(length)) => self.take_notification(length, env),
            (State::Watching, Event::TimedOut | Event::Closed) => self.ask(env),
            (State::Sending | State::Receiving, event) => {
                let end = match event {
                    Event::Received(length) => self.body.saturating_add(length).min(self.buffer.len()),
                    Event::Sent | Event::TimedOut | Event::Closed => self.body,
                    _ => return self.state,
                };
                let received = self.buffer.get(self.body..end).unwrap_or_default();
                match self.exchange.step(event, received, env) {
                    Turn::Send => State::Sending,
                    Turn::Receive => State::Receiving,
                    Turn::Failed => State::Over(Err(Failure::NoAnswer)),
                    Turn::Answer => {
                        self.acknowledgement = self.exchange.acknowledgement();
                        self.absorb(end, env)
                    }
                }
            }
            (state, _) => state,
        }
    }

    /// Begins from the beginning.
    fn ask(&mut self, env: &Env) -> State {
        self.exchange = Exchange::new(env);
        (self.block, self.body, self.watched) = (None, 0, None);
        State::Sending
    }

    fn watch(&mut self, env: &Env) -> State {
        (self.block, self.body) = (None, 0);
        self.silence = Until::after(env.now_ms, SILENCE_MS);
        State::Watching
    }

    /// Takes a datagram that answers the request or notifies: checks that its block fits, keeps its payload, decides what follows.
    fn absorb(&mut self, end: usize, env: &Env) -> State {
        let Some(message) = Message::decode(self.buffer.get(self.body..end).unwrap_or_default()) else {
            return State::Over(Err(Failure::NoAnswer));
        };
        let reply = reply_of(&message);
        let (length, observed) = (message.payload.len(), message.number(option::OBSERVE));
        let block = message.number(option::BLOCK2).filter(|_| message.code == code::CONTENT);
        let mark = Mark::new(message.option(option::ETAG).unwrap_or_default());
        if let Some(block) = block.filter(|_| self.block.is_some()) {
            // A block begins where the body ends, and is of the same version as the one before.
            if (block >> 4) as usize * size(block) != self.body || mark != self.mark {
                return State::Over(Err(Failure::Changed));
            }
        }
        self.mark = mark;
        move_down(self.buffer, end - length, end, self.body);
        self.body += length;
        if self.block.is_none() && matches!(self.request, Request::Observe { .. }) {
            // Without a number the server does not observe, or no more: the next Begin registers anew.
            self.watched = observed.map(|number| (number, self.exchange.token()));
            self.silence = Until::after(env.now_ms, SILENCE_MS);
        }
        let Some(block) = block.filter(|block| block & MORE != 0) else { return self.then(After::Over(reply)) };
        if self.buffer.len() - self.body < size(block) + HEAD {
            return State::Over(Err(Failure::TooLarge));
        }
        // The size that the server chose is the one to go on with.
        self.exchange = Exchange::new(env);
        self.block = Some(((block >> 4) + 1) << 4 | block & 7);
        self.then(After::Request)
    }

    fn then(&mut self, after: After) -> State {
        match (self.acknowledgement, after) {
            (Some(_), after) => State::Acknowledging(after),
            (None, After::Request) => State::Sending,
            (None, After::Watch) => State::Watching,
            (None, After::Over(reply)) => State::Over(Ok(reply)),
        }
    }

    fn take_notification(&mut self, length: usize, env: &Env) -> State {
        let end = length.min(self.buffer.len());
        let Some((last, token)) = self.watched else { return self.ask(env) };
        let ours = |message: &Message<'_>| message.token == token && message.code >= 0x40;
        let received = self.buffer.get(..end).unwrap_or_default();
        let Some(message) = Message::decode(received).filter(ours) else { return State::Watching };
        let [high, low] = message.id.to_be_bytes();
        self.acknowledgement = (message.kind == Kind::Confirmable).then_some([0x60, code::EMPTY, high, low]);
        if message.number(option::OBSERVE).is_some_and(|number| !is_newer(number, last)) {
            return self.then(After::Watch);
        }
        self.absorb(end, env)
    }

    fn act(&mut self, env: &Env) -> Action<'_, Result<Reply, Failure>> {
        let space = self.buffer.len();
        let rest = self.buffer.get_mut(self.body..).unwrap_or_default();
        match self.state {
            State::Asleep => Action::Done(Err(Failure::NoAnswer)),
            State::Acknowledging(_) => {
                Action::Send { fresh: false, bytes: self.acknowledgement.as_ref().map_or(&[], |bytes| &bytes[..]) }
            }
            State::Sending => {
                let message = self.exchange.begin_message(rest, self.request.code());
                let largest = (space.saturating_sub(HEAD)).clamp(16, 1024).ilog2() - 4;
                match self.request.write(message, &self.cik, self.block, largest, &self.exchange) {
                    Some(length) => Action::Send { fresh: false, bytes: rest.get(..length).unwrap_or_default() },
                    None => {
                        let failure = if self.block.is_some() { Failure::TooLarge } else { Failure::BufferTooSmall };
                        self.state = State::Over(Err(failure));
                        Action::Done(Err(failure))
                    }
                }
            }
            State::Receiving => Action::Receive { into: rest, within_ms: self.exchange.within_ms(env) },
            State::Watching => Action::Receive { into: rest, within_ms: self.silence.left_ms(env.now_ms) },
            State::Over(outcome) => Action::Done(outcome),
        }
    }
}

impl Request<'_> {
    fn code(&self) -> u8 {
        match self {
            Request::Write { .. } => code::POST,
            _ => code::GET,
        }
    }

    fn write(
        &self,
        mut message: MessageWriter<'_>,
        cik: &Cik,
        block: Option<u32>,
        largest: u32,
        exchange: &Exchange,
    ) -> Option<usize> {
        if let (Request::Observe { .. }, None) = (self, block) {
            message.number(option::OBSERVE, 0);
        }
        let (path, payload): ([&str; 6], &str) = match *self {
            Request::Write { alias, value } => (["1a", alias, "", "", "", ""], value),
            Request::Read { alias } | Request::Observe { alias } => (["1a", alias, "", "", "", ""], ""),
            Request::List { vendor, model } => (["provision", "download", vendor, model, "", ""], ""),
            Request::Info { vendor, model, id } => (["provision", "download", vendor, model, id, "info"], ""),
            Request::Time => (["ts", "", "", "", "", ""], ""),
        };
        for segment in path.iter().filter(|segment| !segment.is_empty()) {
            message.option(option::URI_PATH, segment.as_bytes());
        }
        if !matches!(self, Request::Time) {
            message.option(option::URI_QUERY, cik.as_bytes());
        }
        match (block, self) {
            (Some(block), _) => {
                message.number(option::BLOCK2, block);
            }
            (None, Request::List { .. } | Request::Info { .. }) => {
                message.number(option::BLOCK2, largest);
            }
            _ => {}
        }
        exchange.end_message(message, &[payload.as_bytes()])
    }
}

fn reply_of(message: &Message<'_>) -> Reply {
    Reply { code: message.code, retry_after_s: message.number(option::MAX_AGE).unwrap_or(0) }
}

/// RFC 7641 section 3.4: the numbers are 24 bits wide and wrap.
fn is_newer(number: u32, last: u32) -> bool {
    let ahead = number.wrapping_sub(last) & 0xFF_FFFF;
    ahead != 0 && ahead < 1 << 23
}

/// How many bytes a block of that option's value has.
fn size(block: u32) -> usize {
    16 << (block & 7)
}

impl Machine for Call<'_> {
    type Outcome = Result<Reply, Failure>;

    fn next(&mut self, event: Event, env: &Env) -> Action<'_, Result<Reply, Failure>> {
        self.state = self.step(event, env);
        self.act(env)
    }
}
