//! One confirmable request and its answer, with retransmission (RFC 7252 section 4.2) and proof of address (RFC 9175).

use super::message::{Kind, Message, MessageWriter, code, option};
use crate::backoff::{Until, pick};
use crate::dialogue::{Env, Event};

/// ACK_TIMEOUT: the first wait is this to one and a half times this.
const ACK_TIMEOUT_MS: u32 = 2_000;
/// MAX_RETRANSMIT.
const RETRANSMISSIONS: u8 = 4;
/// How long an answer may take once the request is acknowledged.
const SEPARATE_MS: u32 = 30_000;
/// The longest Echo value that the RFC allows.
const ECHO: usize = 40;

/// What follows an event.
pub(crate) enum Turn {
    /// Send what [`Exchange::begin_message`] or [`Exchange::acknowledgement`] gives.
    Send,
    /// Receive within [`Exchange::within_ms`].
    Receive,
    /// The datagram that has just come is the answer. Where [`Exchange::acknowledgement`] is due, send it first.
    Answer,
    /// There will be no answer.
    Failed,
}

/// The state of one exchange.
pub(crate) struct Exchange {
    id: u16,
    token: [u8; 4],
    timeout_ms: u32,
    deadline: Until,
    sent: u8,
    acknowledged: bool,
    acknowledgement: Option<[u8; 4]>,
    echo: [u8; ECHO],
    echo_length: usize,
}

impl Exchange {
    /// One that has not begun.
    pub(crate) const fn idle() -> Exchange {
        Exchange {
            id: 0,
            token: [0; 4],
            timeout_ms: ACK_TIMEOUT_MS,
            deadline: Until::NOW,
            sent: 0,
            acknowledged: false,
            acknowledgement: None,
            echo: [0; ECHO],
            echo_length: 0,
        }
    }

    pub(crate) fn new(env: &Env) -> Exchange {
        let [_, _, _, _, i0, i1, t0, t1, t2, t3, ..] = env.random;
        let timeout_ms = ACK_TIMEOUT_MS + pick(env.chance(), ACK_TIMEOUT_MS / 2);
        Exchange { id: u16::from_be_bytes([i0, i1]), token: [t0, t1, t2, t3], timeout_ms, ..Exchange::idle() }
    }

    /// Begins the request: the caller adds its options (all below Echo), then calls [`Exchange::end_message`].
    pub(crate) fn begin_message<'b>(&self, buffer: &'b mut [u8], code: u8) -> MessageWriter<'b> {
        MessageWriter::new(buffer, Kind::Confirmable, code, self.id, &self.token)
    }

    /// Adds the proof of address, where one was asked for, and the payload.
    pub(crate) fn end_message(&self, mut writer: MessageWriter<'_>, payload: &[&[u8]]) -> Option<usize> {
        if let Some(echo) = self.echo.get(..self.echo_length).filter(|echo| !echo.is_empty()) {
            writer.option(option::ECHO, echo);
        }
        writer.payload(payload)
    }

    /// What pairs answers, and notifications, with the request.
    pub(crate) fn token(&self) -> [u8; 4] {
        self.token
    }

    /// The acknowledgement that is to be sent before anything else.
    pub(crate) fn acknowledgement(&self) -> Option<[u8; 4]> {
        self.acknowledgement
    }

    pub(crate) fn within_ms(&self, env: &Env) -> u32 {
        self.deadline.left_ms(env.now_ms)
    }

    pub(crate) fn step(&mut self, event: Event, received: &[u8], env: &Env) -> Turn {
        match event {
            Event::Sent if self.acknowledgement.take().is_some() => Turn::Receive,
            Event::Sent => {
                // The first wait is random; each further one is twice as long.
                self.deadline = Until::after(env.now_ms, self.timeout_ms << self.sent.min(RETRANSMISSIONS));
                self.sent += 1;
                Turn::Receive
            }
            Event::TimedOut if self.acknowledged || self.sent > RETRANSMISSIONS => Turn::Failed,
            Event::TimedOut => Turn::Send,
            Event::Received(_) => self.receive(received, env),
            _ => Turn::Failed,
        }
    }

    fn receive(&mut self, received: &[u8], env: &Env) -> Turn {
        // What is malformed or belongs to somebody else changes nothing; the deadline stands.
        let Some(message) = Message::decode(received) else { return Turn::Receive };
        let reply = matches!(message.kind, Kind::Acknowledgement | Kind::Reset);
        if reply && message.id != self.id {
            return Turn::Receive;
        }
        match (message.kind, message.code) {
            (Kind::Reset, _) => return Turn::Failed,
            (Kind::Acknowledgement, code::EMPTY) => {
                if !self.acknowledged {
                    self.acknowledged = true;
                    self.deadline = Until::after(env.now_ms, SEPARATE_MS);
                }
                return Turn::Receive;
            }
            (_, answer) if answer < 0x40 || message.token != self.token => return Turn::Receive,
            (Kind::Confirmable, _) => {
                let [high, low] = message.id.to_be_bytes();
                self.acknowledgement = Some([0x60, code::EMPTY, high, low]);
            }
            _ => {}
        }
        if message.code == code::UNAUTHORIZED && self.echo_length == 0 && self.take_echo(&message) {
            let next = Exchange::new(env);
            (self.id, self.token, self.sent, self.acknowledged) = (next.id, next.token, 0, false);
            self.acknowledgement = None;
            return Turn::Send;
        }
        Turn::Answer
    }

    /// The server wants to see that we receive at this address: the request is sent again with what it gave us.
    fn take_echo(&mut self, message: &Message<'_>) -> bool {
        let Some(echo) = message.option(option::ECHO).filter(|echo| (1..=ECHO).contains(&echo.len())) else {
            return false;
        };
        self.echo_length = echo.len();
        for (place, &byte) in self.echo.iter_mut().zip(echo) {
            *place = byte;
        }
        true
    }
}
