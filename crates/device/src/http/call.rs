//! One request and its answer, the body kept in the caller's buffer. Built by [`crate::data`] and [`crate::content`].

use super::answer::{Answer, Part};
use super::field;
use crate::backoff::Until;
use crate::buffer::{copy, move_down};
use crate::content::Search;
use crate::dialogue::{Action, Env, Event, Machine};

/// The state machine of one call. It does not try again by itself, except where a kept connection had ended unnoticed.
pub struct Call<'b> {
    buffer: &'b mut [u8],
    request: usize,
    within_ms: u32,
    repeatable: bool,
    fresh: bool,
    state: State,
    answer: Answer,
    body: usize,
    search: Option<Search<'b>>,
    retry_after_s: u32,
    last_modified: Stamp,
    deadline: Until,
}

#[derive(Clone, Copy)]
enum State {
    Sending,
    Receiving,
    Over(Result<Reply, Failure>),
}

/// A whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status code.
    pub status: u16,
    /// What `Retry-After` said, 0 where it said nothing.
    pub retry_after_s: u32,
    /// The time of the value, where the answer gave it.
    pub last_modified: Stamp,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// No connection, or no whole answer in time. The request may have been carried out all the same.
    NoAnswer = 0,
    /// What came is no answer.
    Unexpected = 1,
    /// The answer's body is larger than the buffer.
    TooLarge = 2,
}

/// A point in time as the server wrote it, to be given back to it. It needs no calendar on this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    text: [u8; 32],
    length: u8,
}

impl Stamp {
    /// No time.
    pub const NONE: Stamp = Stamp { text: [0; 32], length: 0 };

    /// Takes a header's value, or unix seconds as digits. What is too long or can't stand in a header counts as none.
    pub fn new(value: &[u8]) -> Stamp {
        let mut stamp = Stamp::NONE;
        let sound = value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        if let Some(place) = stamp.text.get_mut(..value.len()).filter(|_| sound) {
            copy(place, value);
            stamp.length = value.len() as u8;
        }
        stamp
    }

    /// The text; empty where there is none.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl<'b> Call<'b> {
    /// A call whose request stands at the front of the buffer already.
    pub(crate) fn new(buffer: &'b mut [u8], request: usize, within_ms: u32, repeatable: bool) -> Call<'b> {
        Call {
            buffer,
            request,
            within_ms,
            repeatable,
            fresh: false,
            state: State::Sending,
            answer: Answer::new(),
            body: 0,
            search: None,
            retry_after_s: 0,
            last_modified: Stamp::NONE,
            deadline: Until::NOW,
        }
    }

    /// Lines of the body go to a search instead of the buffer.
    pub(crate) fn searching(self, search: Search<'b>) -> Call<'b> {
        Call { search: Some(search), ..self }
    }

    /// Sends the request a second time where a kept connection ended before a byte of the answer came. Reads always do; a
    /// write that is allowed to may be recorded twice.
    pub fn repeatable(self) -> Call<'b> {
        Call { repeatable: true, ..self }
    }

    /// The body of the answer.
    pub fn body(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.body).unwrap_or_default()
    }

    /// The body of the answer, for as long as the buffer.
    pub fn into_body(self) -> &'b mut [u8] {
        self.buffer.get_mut(..self.body).unwrap_or_default()
    }

    /// What the search found, where this call was one.
    pub fn found(&self) -> Option<&str> {
        self.search.as_ref()?.best()
    }

    fn step(&mut self, event: Event, env: &Env) -> State {
        match (self.state, event) {
            (State::Sending, Event::Sent) => {
                self.deadline = Until::after(env.now_ms, self.within_ms);
                State::Receiving
            }
            (State::Receiving, Event::Received(length)) => self.read(length),
            (State::Receiving, Event::Closed) if self.answer.end().is_ok() => State::Over(Ok(self.reply())),
            // Nothing has come, so the request still stands in the buffer.
            (State::Sending | State::Receiving, Event::Closed)
                if self.repeatable && !self.fresh && self.answer.untouched() =>
            {
                self.fresh = true;
                State::Sending
            }
            (State::Sending | State::Receiving, Event::Closed | Event::TimedOut) => State::Over(Err(Failure::NoAnswer)),
            (state, _) => state,
        }
    }

    fn read(&mut self, length: usize) -> State {
        let (mut start, end) = (self.body, self.body.saturating_add(length).min(self.buffer.len()));
        loop {
            let Ok((taken, part)) = self.answer.feed(self.buffer.get(start..end).unwrap_or_default()) else {
                return State::Over(Err(Failure::Unexpected));
            };
            start += taken;
            match part {
                Part::More if self.body == self.buffer.len() => return State::Over(Err(Failure::TooLarge)),
                Part::More => return State::Receiving,
                Part::Field if self.answer.is("Retry-After") => {
                    self.retry_after_s = field::retry_after_s(self.answer.value());
                }
                Part::Field if self.answer.is("Last-Modified") => {
                    self.last_modified = Stamp::new(self.answer.value());
                }
                Part::Field | Part::Head => {}
                Part::Body(length) => self.keep(start - length, start),
                Part::End => return State::Over(Ok(self.reply())),
            }
        }
    }

    /// Moves a piece of the body to the front, behind what is there; a search only looks at it.
    fn keep(&mut self, start: usize, end: usize) {
        match &mut self.search {
            Some(search) if self.answer.status() == 200 => {
                search.take(self.buffer.get(start..end).unwrap_or_default());
            }
            _ if end <= self.buffer.len() => {
                move_down(self.buffer, start, end, self.body);
                self.body += end - start;
            }
            _ => {}
        }
    }

    fn reply(&mut self) -> Reply {
        if let Some(search) = &mut self.search {
            search.end();
        }
        let (retry_after_s, last_modified) = (self.retry_after_s, self.last_modified);
        Reply { status: self.answer.status(), retry_after_s, last_modified }
    }

    fn act(&mut self, env: &Env) -> Action<'_, Result<Reply, Failure>> {
        match self.state {
            State::Sending => {
                Action::Send { fresh: self.fresh, bytes: self.buffer.get(..self.request).unwrap_or_default() }
            }
            State::Receiving => Action::Receive {
                into: self.buffer.get_mut(self.body..).unwrap_or_default(),
                within_ms: self.deadline.left_ms(env.now_ms),
            },
            State::Over(outcome) => Action::Done(outcome),
        }
    }
}

impl Machine for Call<'_> {
    type Outcome = Result<Reply, Failure>;

    fn next(&mut self, event: Event, env: &Env) -> Action<'_, Result<Reply, Failure>> {
        self.state = self.step(event, env);
        self.act(env)
    }
}
