//! The activation call over HTTP/1.1.

use super::protocol::{Exchange, Step, Verdict};
use crate::buffer::{Writer, percent_length};
use crate::dialogue::{Because, Env, Event};
use crate::http::answer::{Answer, Part};
use crate::http::{field, request};
use crate::identity::{Cik, Identity};

/// How long the server may take to say the next thing.
const PATIENCE_MS: u32 = 30_000;

/// Activation over HTTP/1.1, in clear or inside TLS: that is the transport's business.
pub struct Http<'a> {
    host: &'a str,
    answer: Answer,
    retry_after_s: u32,
    body: [u8; Cik::LENGTH],
    body_length: usize,
}

impl<'a> Http<'a> {
    /// `host` is what stands in the `Host` field: the server's name, with its port where that is not the usual one. A name
    /// that could not stand there is refused.
    pub fn new(host: &'a str) -> Option<Http<'a>> {
        let (retry_after_s, body, body_length) = (0, [0; Cik::LENGTH], 0);
        request::is_host(host).then_some(Http { host, answer: Answer::new(), retry_after_s, body, body_length })
    }

    fn read(&mut self, received: &[u8]) -> Step {
        let mut rest = received;
        loop {
            let Ok((taken, part)) = self.answer.feed(rest) else { return retry(Because::Unexpected, 0) };
            let (front, back) = rest.split_at_checked(taken).unwrap_or((rest, &[]));
            match part {
                Part::More => return Step::Receive,
                Part::Field if self.answer.is("Retry-After") => {
                    self.retry_after_s = field::retry_after_s(self.answer.value());
                }
                Part::Field => {}
                // Only a 200 has a body worth waiting for, and no key is longer than a key.
                Part::Head if self.answer.status() != 200 => return Step::Over(self.verdict()),
                Part::Head => {}
                Part::Body(length) => {
                    for &byte in front.iter().skip(front.len() - length) {
                        match self.body.get_mut(self.body_length) {
                            Some(place) => *place = byte,
                            None => return retry(Because::Unexpected, 0),
                        }
                        self.body_length += 1;
                    }
                }
                Part::End => return Step::Over(self.verdict()),
            }
            rest = back;
        }
    }

    fn verdict(&self) -> Verdict {
        let because = match self.answer.status() {
            200 => match Cik::parse(self.body.get(..self.body_length).unwrap_or_default()) {
                Some(cik) => return Verdict::Key(cik),
                None => Because::Unexpected,
            },
            400 => return Verdict::Malformed,
            404 => return Verdict::Unknown,
            409 => return Verdict::NotEnabled,
            429 | 503 => Because::Throttled,
            500.. => Because::ServerFault,
            _ => Because::Unexpected,
        };
        Verdict::Retry { because, after_s: self.retry_after_s }
    }
}

fn retry(because: Because, after_s: u32) -> Step {
    Step::Over(Verdict::Retry { because, after_s })
}

impl Exchange for Http<'_> {
    fn begin(&mut self, _env: &Env) {
        self.answer = Answer::new();
        self.retry_after_s = 0;
        self.body_length = 0;
    }

    fn write(&self, identity: &Identity<'_>, nonce: &[u8; 32], buffer: &mut [u8]) -> Option<usize> {
        let fields = [("vendor=", identity.vendor), ("&model=", identity.model), ("&sn=", identity.serial_number)];
        let length: usize = fields.iter().map(|(name, value)| name.len() + percent_length(value)).sum();
        let mut writer = request::begin(buffer, "POST", self.host, |target: &mut Writer<'_>| {
            target.text("/provision/activate");
        });
        request::begin_form(&mut writer, length + "&nonce=".len() + nonce.len());
        for (name, value) in fields {
            writer.text(name).percent(value);
        }
        writer.text("&nonce=").bytes(nonce).finish()
    }

    fn fresh(&self) -> bool {
        true
    }

    fn within_ms(&self, _env: &Env) -> u32 {
        PATIENCE_MS
    }

    fn step(&mut self, event: Event, received: &[u8], _env: &Env) -> Step {
        match event {
            Event::Sent => Step::Receive,
            Event::Received(_) => self.read(received),
            Event::Closed if self.answer.status() != 0 && self.answer.end().is_ok() => Step::Over(self.verdict()),
            _ => retry(Because::NoAnswer, 0),
        }
    }
}
