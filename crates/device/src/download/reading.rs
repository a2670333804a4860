//! How a download reads an answer: what its head decides, where its bytes go.

use super::machine::{Download, State, Then};
use super::progress::{Etag, Progress};
use super::protocol::{Found, Head};
use super::{Fetch, Stop};
use crate::buffer::move_down;
use crate::dialogue::{Because, Env};

impl<P: Fetch> Download<'_, P> {
    /// Reads on in what was received, until something else has to be done first.
    pub(super) fn read(&mut self, env: &Env) -> State {
        loop {
            if self.body > 0 {
                self.take_body();
                if self.filled == usize::from(self.sizes.block) || (self.filled > 0 && self.is_whole()) {
                    return State::Writing;
                }
                continue;
            }
            let (start, end) = self.unread;
            let (taken, found) = self.protocol.read(self.buffer.get(start..end).unwrap_or_default());
            self.unread.0 = start + taken;
            match found {
                Found::More => return State::Receiving,
                Found::Broken => return self.wait(Because::Unexpected, 0, Then::Request, env),
                Found::Head(head) => {
                    if let Some(state) = self.take_head(head, env) {
                        return state;
                    }
                }
                Found::Body(length) => {
                    self.unread.0 -= length;
                    self.body = length;
                }
                Found::End if self.moved => {
                    self.backoff.reset();
                    return self.request(env);
                }
                // An answer without anything new in it must not be asked for again at once.
                Found::End => return self.wait(Because::Unexpected, 0, Then::Request, env),
            }
        }
    }

    /// Decides what an answer's head means. `None` where its body is what we want.
    fn take_head(&mut self, head: Head, env: &Env) -> Option<State> {
        let (first, total, etag, digest) = match head {
            Head::Stop(stop) => return Some(State::Stopped(stop)),
            Head::Retry { because, after_s } => return Some(self.wait(because, after_s, Then::Request, env)),
            Head::Unchanged if self.is_whole() => return Some(self.finish(env)),
            Head::Unchanged => return Some(self.wait(Because::Unexpected, 0, Then::Request, env)),
            Head::OutOfRange { total: Some(0) } if !self.adopted => {
                // No range fits an empty content: ask for all of it.
                self.whole = true;
                return Some(self.request(env));
            }
            Head::OutOfRange { .. } if !self.adopted => return Some(State::Stopped(Stop::Malformed)),
            Head::OutOfRange { .. } => return Some(self.start_over(env)),
            Head::Content { first, total, etag, digest } => (first, total, etag, digest),
        };
        let total = total.or((self.adopted && etag.is(&self.progress.etag)).then_some(self.progress.total));
        let Some(total) = total else { return Some(self.start_over(env)) };
        let digest = self.promised.or(digest);
        let same = self.adopted && etag.is(&self.progress.etag) && total == self.progress.total;
        if same && digest.is_none_or(|digest| digest == self.progress.digest) {
            if self.is_whole() {
                return Some(self.finish(env));
            }
            // A server that sends more than was asked for repeats what we have; one that leaves a gap is no use.
            return match self.position().checked_sub(first) {
                Some(repeated) => {
                    self.skip = repeated;
                    None
                }
                None => Some(self.start_over(env)),
            };
        }
        if first != 0 {
            return Some(self.start_over(env));
        }
        self.adopt(total, etag, digest)
    }

    /// Another version, or the first: whatever is in the image is of no use.
    fn adopt(&mut self, total: u64, etag: Etag, digest: Option<[u8; 32]>) -> Option<State> {
        if total > self.sizes.capacity {
            return Some(State::Stopped(Stop::TooLarge));
        }
        let Some(digest) = digest else { return Some(State::Stopped(Stop::NoDigest)) };
        let (unread, binding) = (self.unread, self.progress.binding);
        self.forget();
        (self.unread, self.live, self.moved) = (unread, true, true);
        self.progress = Progress { binding, total, offset: 0, digest, etag };
        self.adopted = true;
        // Without a mark no second piece can be told from one of another version.
        self.whole |= etag.is_none();
        // Stored before the first byte is written: old progress must not vouch for bytes that are being replaced.
        Some(State::Storing)
    }

    /// What is there does not go together with what the server has.
    fn start_over(&mut self, env: &Env) -> State {
        self.forget();
        self.wait(Because::Unexpected, 0, Then::Request, env)
    }

    fn take_body(&mut self) {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.body);
        self.skip -= skipped as u64;
        self.unread.0 += skipped;
        self.body -= skipped;
        let room = usize::from(self.sizes.block) - self.filled;
        let missing = usize::try_from(self.progress.total - self.position()).unwrap_or(usize::MAX);
        let length = self.body.min(room).min(missing);
        let start = self.unread.0;
        move_down(self.buffer, start, start + length, self.filled);
        self.filled += length;
        self.moved |= length > 0;
        self.unread.0 += length;
        // What is beyond the end is nobody's.
        self.body = if missing == length { 0 } else { self.body - length };
    }
}
