//! The activation call over CoAP (contract, coap.md).

use super::protocol::{self, Step, Verdict};
use crate::buffer::Writer;
use crate::coap::exchange::{Exchange, Turn};
use crate::coap::message::{Message, code, option};
use crate::dialogue::{Because, Env, Event};
use crate::identity::{Cik, Identity};

/// Activation over CoAP: one datagram each way. A 4.04 does not tell an unknown serial number from one that is not enabled,
/// so the device waits in both cases.
pub struct Coap {
    exchange: Exchange,
    verdict: Option<Verdict>,
}

impl Default for Coap {
    fn default() -> Coap {
        Coap::new()
    }
}

impl Coap {
    /// Over CoAP.
    pub fn new() -> Coap {
        Coap { exchange: Exchange::idle(), verdict: None }
    }
}

impl protocol::Exchange for Coap {
    fn begin(&mut self, env: &Env) {
        *self = Coap { exchange: Exchange::new(env), verdict: None };
    }

    fn write(&self, identity: &Identity<'_>, nonce: &[u8; 32], buffer: &mut [u8]) -> Option<usize> {
        if let Some(acknowledgement) = self.exchange.acknowledgement() {
            return Writer::new(buffer).bytes(&acknowledgement).finish();
        }
        let mut message = self.exchange.begin_message(buffer, code::POST);
        for segment in ["provision", "activate", identity.vendor, identity.model, identity.serial_number] {
            message.option(option::URI_PATH, segment.as_bytes());
        }
        self.exchange.end_message(message, &[b"nonce=", nonce])
    }

    fn fresh(&self) -> bool {
        false
    }

    fn within_ms(&self, env: &Env) -> u32 {
        self.exchange.within_ms(env)
    }

    fn step(&mut self, event: Event, received: &[u8], env: &Env) -> Step {
        if let Some(verdict) = self.verdict {
            // The acknowledgement is sent, or could not be: the answer is ours either way.
            return Step::Over(verdict);
        }
        match self.exchange.step(event, received, env) {
            Turn::Send => Step::Send,
            Turn::Receive => Step::Receive,
            Turn::Failed => Step::Over(Verdict::Retry { because: Because::NoAnswer, after_s: 0 }),
            Turn::Answer => {
                let verdict = judge(received);
                self.verdict = Some(verdict);
                if self.exchange.acknowledgement().is_some() { Step::Send } else { Step::Over(verdict) }
            }
        }
    }
}

fn judge(received: &[u8]) -> Verdict {
    let Some(message) = Message::decode(received) else {
        return Verdict::Retry { because: Because::Unexpected, after_s: 0 };
    };
    let because = match message.code {
        code::CONTENT => match Cik::parse(message.payload) {
            Some(cik) => return Verdict::Key(cik),
            None => Because::Unexpected,
        },
        code::BAD_REQUEST => return Verdict::Malformed,
        code::NOT_FOUND => return Verdict::NotEnabled,
        code::TOO_MANY | code::UNAVAILABLE => Because::Throttled,
        code::SERVER_FAULT.. => Because::ServerFault,
        _ => Because::Unexpected,
    };
    Verdict::Retry { because, after_s: message.number(option::MAX_AGE).unwrap_or(0) }
}
