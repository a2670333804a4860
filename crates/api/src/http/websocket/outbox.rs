//! What waits to be sent on one socket, under a bound (threat T25): a peer that does not read is shown out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::MESSAGE_BYTES;

/// Both ends of it.
#[derive(Clone, Default)]
pub(super) struct Outbox {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    has_come: Notify,
    is_over_full: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Next>,
    bytes: usize,
    is_over_full: bool,
}

/// What the sender finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Something to send.
    Text(String),
    /// A question whether the peer is there.
    Ping,
    /// More has come than may wait.
    OverFull,
}

impl Outbox {
    /// Puts a text in. Where it has no room, the socket is to end.
    pub(super) fn put(&self, text: String) {
        let mut state = self.state();
        if state.bytes + text.len() > MESSAGE_BYTES {
            state.is_over_full = true;
            self.inner.is_over_full.notify_one();
        } else {
            state.bytes += text.len();
            state.waiting.push_back(Next::Text(text));
        }
        self.inner.has_come.notify_one();
    }

    /// Asks whether the peer is there.
    pub(super) fn ping(&self) {
        self.state().waiting.push_back(Next::Ping);
        self.inner.has_come.notify_one();
    }

    /// The next thing to send. What was taken out makes room only when it was [`Outbox::sent`].
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.inner.has_come.notified().await;
        }
    }

    /// The same, where there is something.
    pub(super) fn take(&self) -> Option<Next> {
        let mut state = self.state();
        if state.is_over_full { Some(Next::OverFull) } else { state.waiting.pop_front() }
    }

    /// So many bytes have gone to the peer.
    pub(super) fn sent(&self, bytes: usize) {
        self.state().bytes -= bytes;
    }

    /// Ends when more has come than may wait.
    pub(super) async fn over_full(&self) {
        self.inner.is_over_full.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_megabyte_may_wait_and_not_more_until_some_of_it_has_gone() {
        let outbox = Outbox::default();
        assert_eq!(outbox.take(), None);
        outbox.put("x".repeat(MESSAGE_BYTES));
        assert!(matches!(outbox.take(), Some(Next::Text(_))));
        outbox.sent(MESSAGE_BYTES);
        outbox.put("x".repeat(MESSAGE_BYTES - 1));
        outbox.ping();
        outbox.put("y".to_owned());
        assert!(matches!(outbox.take(), Some(Next::Text(_))));
        assert_eq!(outbox.take(), Some(Next::Ping));
        outbox.put("z".to_owned());
        assert_eq!(outbox.take(), Some(Next::OverFull));
    }
}
