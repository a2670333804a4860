//! Confirmable messages of ours that wait for their acknowledgement (RFC 7252, section 4.2).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::observe::ObserverId;
use super::peer::{Exchange, Peer};

/// How long an acknowledgement may take at first; up to half of it is added by chance.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a message is sent again.
const MAX_RETRANSMIT: u8 = 4;

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It answers a request, or ends an observation.
    Answer,
    /// It tells an observer of a value.
    Notification(ObserverId),
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Its bytes.
    pub(super) datagram: Box<[u8]>,
    /// What it is for.
    pub(super) purpose: Purpose,
    /// How patient we are with it.
    pub(super) pace: Pace,
    /// The bytes that may still be sent on its behalf to a peer that has not shown its address.
    pub(super) allowance: usize,
}

/// When a message is sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    timeout: Duration,
    repeated: u8,
    /// When it is due.
    pub(super) due: Instant,
}

/// All of them.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: HashMap<Exchange, Outgoing>,
    peers: HashMap<Peer, u32>,
}

impl Pace {
    /// A first try, `chance` of 256 between the shortest and the longest wait.
    pub(super) fn begin(now: Instant, chance: u8) -> Pace {
        let timeout = ACK_TIMEOUT + ACK_TIMEOUT * u32::from(chance) / 512;
        Pace { timeout, repeated: 0, due: now + timeout }
    }

    /// The next try, twice as patient; none after the last.
    pub(super) fn again(self, now: Instant) -> Option<Pace> {
        let timeout = self.timeout * 2;
        (self.repeated < MAX_RETRANSMIT).then_some(Pace { timeout, repeated: self.repeated + 1, due: now + timeout })
    }

    /// Whether it had to be sent again.
    pub(super) fn is_repeated(self) -> bool {
        self.repeated > 0
    }
}

impl Outbox {
    /// A message has been sent.
    pub(super) fn put(&mut self, exchange: Exchange, outgoing: Outgoing) {
        if self.waiting.insert(exchange, outgoing).is_none() {
            *self.peers.entry(exchange.peer).or_default() += 1;
        }
    }

    /// The message, if it still waits.
    pub(super) fn find(&mut self, exchange: Exchange) -> Option<&mut Outgoing> {
        self.waiting.get_mut(&exchange)
    }

    /// The message needs to wait no more.
    pub(super) fn take(&mut self, exchange: Exchange) -> Option<Outgoing> {
        let outgoing = self.waiting.remove(&exchange)?;
        if let Some(count) = self.peers.get_mut(&exchange.peer) {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&exchange.peer);
            }
        }
        Some(outgoing)
    }

    /// Whether something waits for an acknowledgement of this peer: one thing at a time is enough (section 4.7).
    pub(super) fn is_busy(&self, peer: &Peer) -> bool {
        self.peers.contains_key(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_doubles_and_ends_within_a_minute_and_a_half() {
        for (chance, first_ms, all) in [(0, 2_000, 62), (255, 2_996, 93)] {
            let begun = Instant::now();
            let mut pace = Pace::begin(begun, chance);
            assert_eq!((pace.due - begun).as_millis(), first_ms);
            let mut tries = 1;
            while let Some(next) = pace.again(pace.due) {
                assert_eq!(next.timeout, pace.timeout * 2);
                (pace, tries) = (next, tries + 1);
            }
            assert_eq!(tries, 5);
            assert!((pace.due - begun).as_secs() <= all, "{chance}");
        }
    }

    #[test]
    fn a_peer_is_busy_until_nothing_waits_any_more() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        let peer = Peer::new(([192, 0, 2, 1], 5).into(), None);
        for id in [1, 2, 2] {
            let pace = Pace::begin(now, 0);
            outbox.put(
                Exchange { peer, id },
                Outgoing { datagram: [].into(), purpose: Purpose::Answer, pace, allowance: 0 },
            );
        }
        assert!(outbox.take(Exchange { peer, id: 2 }).is_some());
        assert!(outbox.take(Exchange { peer, id: 2 }).is_none());
        assert!(outbox.is_busy(&peer));
        assert!(outbox.take(Exchange { peer, id: 1 }).is_some());
        assert!(!outbox.is_busy(&peer));
    }
}
