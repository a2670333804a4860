//! Pieces by blocks over CoAP (RFC 7959). CoAP carries no digest, so the caller has to know it from elsewhere.

use super::progress::Etag;
use super::protocol::{Found, Head, Protocol, Turn, Want};
use super::{Stop, Target};
use crate::buffer::Writer;
use crate::coap::exchange::{self, Exchange};
use crate::coap::message::{Message, code, option};
use crate::dialogue::{Because, Env, Event};
use crate::identity::Cik;

/// Fetches one block with each exchange.
pub struct BlockFetch {
    exchange: Exchange,
    /// The last answer came as a message of its own: it is acknowledged before the next block is asked for.
    acknowledgement: Option<[u8; 4]>,
    /// The largest size that the server has agreed to, as an exponent.
    largest: u32,
    /// The datagram that is being read was the answer: what of it comes next.
    next: Next,
}

#[derive(Clone, Copy)]
enum Next {
    Head,
    Body,
    End,
}

impl BlockFetch {
    /// Over CoAP.
    pub fn new() -> BlockFetch {
        BlockFetch { exchange: Exchange::idle(), acknowledgement: None, largest: 6, next: Next::Head }
    }
}

impl Default for BlockFetch {
    fn default() -> BlockFetch {
        BlockFetch::new()
    }
}

/// The exponent of the largest block that is not larger than a piece: 0 for 16 bytes to 6 for 1024.
fn exponent(piece: u32) -> u32 {
    piece.clamp(16, 1024).ilog2() - 4
}

fn head(message: &Message<'_>) -> Head {
    let after_s = message.number(option::MAX_AGE).unwrap_or(0);
    match message.code {
        code::CONTENT => {
            let block = message.number(option::BLOCK2).unwrap_or(0);
            let first = u64::from(block >> 4) << ((block & 7) + 4);
            let more = block & 8 != 0;
            let end = first + message.payload.len() as u64;
            let total = if more { message.number(option::SIZE2).map(u64::from) } else { Some(end) };
            let etag = message.option(option::ETAG).map_or(Etag::NONE, Etag::new);
            Head::Content { first, total, etag, digest: None }
        }
        code::VALID => Head::Unchanged,
        code::BAD_REQUEST => Head::OutOfRange { total: None },
        code::UNAUTHORIZED => Head::Stop(Stop::Unauthorized),
        code::FORBIDDEN => Head::Stop(Stop::Forbidden),
        code::NOT_FOUND => Head::Stop(Stop::Absent),
        code::TOO_MANY | code::UNAVAILABLE => Head::Retry { because: Because::Throttled, after_s },
        code::SERVER_FAULT.. => Head::Retry { because: Because::ServerFault, after_s },
        _ => Head::Retry { because: Because::Unexpected, after_s },
    }
}

impl Protocol for BlockFetch {
    fn begin(&mut self, env: &Env) {
        self.exchange = Exchange::new(env);
    }

    fn write(&self, target: &Target<'_>, cik: &Cik, want: &Want<'_>, buffer: &mut [u8]) -> Option<usize> {
        if let Some(acknowledgement) = self.acknowledgement {
            return Writer::new(buffer).bytes(&acknowledgement).finish();
        }
        let mut message = self.exchange.begin_message(buffer, code::GET);
        let complete = want.total == Some(want.position) && !want.etag.is_none();
        if complete {
            message.option(option::ETAG, want.etag.as_bytes());
        }
        for segment in ["provision", "download", target.vendor, target.model, target.id] {
            message.option(option::URI_PATH, segment.as_bytes());
        }
        message.option(option::URI_QUERY, cik.as_bytes());
        let exponent = exponent(want.piece).min(self.largest);
        let number = if complete { 0 } else { want.position >> (exponent + 4) };
        // Block numbers have 20 bits.
        let number = u32::try_from(number).ok().filter(|number| number >> 20 == 0)?;
        message.number(option::BLOCK2, number << 4 | exponent);
        if want.total.is_none() {
            message.number(option::SIZE2, 0);
        }
        self.exchange.end_message(message, &[])
    }

    fn fresh(&self) -> bool {
        false
    }

    fn within_ms(&self, env: &Env) -> u32 {
        self.exchange.within_ms(env)
    }

    fn step(&mut self, event: Event, received: &[u8], env: &Env) -> Turn {
        if event == Event::Sent && self.acknowledgement.take().is_some() {
            return Turn::Send;
        }
        match self.exchange.step(event, received, env) {
            exchange::Turn::Send => Turn::Send,
            exchange::Turn::Receive => Turn::Receive,
            exchange::Turn::Failed => Turn::Failed,
            exchange::Turn::Answer => {
                self.next = Next::Head;
                self.acknowledgement = self.exchange.acknowledgement();
                Turn::Read
            }
        }
    }

    fn read(&mut self, unread: &[u8]) -> (usize, Found) {
        match self.next {
            Next::Head => {
                let Some(message) = Message::decode(unread) else { return (0, Found::Broken) };
                if let Some(block) = message.number(option::BLOCK2) {
                    self.largest = self.largest.min(block & 7);
                }
                self.next = if message.payload.is_empty() { Next::End } else { Next::Body };
                (unread.len() - message.payload.len(), Found::Head(head(&message)))
            }
            Next::Body => {
                self.next = Next::End;
                (unread.len(), Found::Body(unread.len()))
            }
            Next::End => (0, Found::End),
        }
    }
}
