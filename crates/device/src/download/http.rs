//! Pieces by byte ranges over HTTP/1.1 (RFC 9110 section 14).

use super::progress::Etag;
use super::protocol::{Found, Head, Protocol, Turn, Want};
use super::{Stop, Target};
use crate::dialogue::{Because, Env, Event};
use crate::http::answer::{Answer, Part};
use crate::http::{field, request};
use crate::identity::Cik;

const PATIENCE_MS: u32 = 30_000;

/// Fetches pieces with `Range` requests over one kept connection.
pub struct RangeFetch<'a> {
    host: &'a str,
    answer: Answer,
    etag: Etag,
    digest: Option<[u8; 32]>,
    range: Option<(Option<u64>, Option<u64>)>,
    retry_after_s: u32,
    /// The next request needs a new connection.
    fresh: bool,
    /// This request was sent on a connection that was used before, so its silent end says nothing.
    reused: bool,
}

impl<'a> RangeFetch<'a> {
    /// `host` is what stands in the `Host` field; a name that could not stand there is refused.
    pub fn new(host: &'a str) -> Option<RangeFetch<'a>> {
        request::is_host(host).then_some(RangeFetch {
            host,
            answer: Answer::new(),
            etag: Etag::NONE,
            digest: None,
            range: None,
            retry_after_s: 0,
            fresh: true,
            reused: false,
        })
    }

    fn take_field(&mut self) {
        let (answer, value) = (&self.answer, self.answer.value());
        if answer.is("ETag") {
            // A weak one says nothing about bytes.
            self.etag = if value.starts_with(b"\"") { Etag::new(value) } else { Etag::NONE };
        } else if answer.is("Repr-Digest") {
            self.digest = field::sha_256(value);
        } else if answer.is("Content-Range") {
            self.range = field::content_range(value);
        } else if answer.is("Retry-After") {
            self.retry_after_s = field::retry_after_s(value);
        }
    }

    fn head(&self) -> Head {
        let (etag, digest, after_s) = (self.etag, self.digest, self.retry_after_s);
        match (self.answer.status(), self.range) {
            (200, _) => Head::Content { first: 0, total: self.answer.content_length(), etag, digest },
            (206, Some((Some(first), total))) => Head::Content { first, total, etag, digest },
            (304, _) => Head::Unchanged,
            (416, range) => Head::OutOfRange { total: range.and_then(|range| range.1) },
            (400, _) => Head::Stop(Stop::Malformed),
            (401, _) => Head::Stop(Stop::Unauthorized),
            (403, _) => Head::Stop(Stop::Forbidden),
            (404, _) => Head::Stop(Stop::Absent),
            (429 | 503, _) => Head::Retry { because: Because::Throttled, after_s },
            (500.., _) => Head::Retry { because: Because::ServerFault, after_s },
            _ => Head::Retry { because: Because::Unexpected, after_s },
        }
    }
}

impl Protocol for RangeFetch<'_> {
    fn begin(&mut self, _env: &Env) {
        self.answer = Answer::new();
        (self.etag, self.digest, self.range, self.retry_after_s) = (Etag::NONE, None, None, 0);
    }

    fn write(&self, target: &Target<'_>, cik: &Cik, want: &Want<'_>, buffer: &mut [u8]) -> Option<usize> {
        let mut writer = request::begin(buffer, "GET", self.host, |line| {
            line.text("/provision/download?vendor=").percent(target.vendor);
            line.text("&model=").percent(target.model).text("&id=").percent(target.id);
        });
        request::credential(&mut writer, cik);
        writer.text("Want-Repr-Digest: sha-256=1\r\n");
        if want.total == Some(want.position) && !want.etag.is_none() {
            writer.text("If-None-Match: ").bytes(want.etag.as_bytes()).text("\r\n");
        } else if want.piece > 0 {
            let end = want.position.saturating_add(u64::from(want.piece)).min(want.total.unwrap_or(u64::MAX));
            writer.text("Range: bytes=").number(want.position).text("-").number(end.saturating_sub(1)).text("\r\n");
            if !want.etag.is_none() {
                writer.text("If-Range: ").bytes(want.etag.as_bytes()).text("\r\n");
            }
        }
        writer.text("\r\n").finish()
    }

    fn fresh(&self) -> bool {
        self.fresh
    }

    fn within_ms(&self, _env: &Env) -> u32 {
        PATIENCE_MS
    }

    fn step(&mut self, event: Event, _received: &[u8], _env: &Env) -> Turn {
        match event {
            Event::Sent => {
                self.reused = !self.fresh;
                // Until the answer is complete, nothing else may be asked on this connection.
                self.fresh = true;
                Turn::Receive
            }
            Event::Received(_) => Turn::Read,
            // Kept connections end without notice; that is no failure of the server's.
            Event::Closed if self.answer.status() == 0 && core::mem::take(&mut self.reused) => Turn::Send,
            Event::Closed if self.answer.status() != 0 && self.answer.end().is_ok() => Turn::Read,
            _ => Turn::Failed,
        }
    }

    fn read(&mut self, unread: &[u8]) -> (usize, Found) {
        let mut taken = 0;
        loop {
            let rest = unread.get(taken..).unwrap_or_default();
            let Ok((length, part)) = self.answer.feed(rest) else { return (taken, Found::Broken) };
            taken += length;
            match part {
                Part::More => return (taken, Found::More),
                Part::Field => self.take_field(),
                Part::Head => return (taken, Found::Head(self.head())),
                Part::Body(length) => return (taken, Found::Body(length)),
                Part::End => {
                    // Bytes behind the end belong to no answer of ours.
                    self.fresh = self.answer.closes() || taken < unread.len();
                    return (taken, Found::End);
                }
            }
        }
    }
}
