//! The message ids of our own messages: different ones for a peer within the lifetime of an exchange (RFC 7252, section 4.4).

use std::hash::{BuildHasher as _, RandomState};

use super::peer::Peer;

const COUNTERS: usize = 4096;

/// Counters that many peers share, so that none has to be kept a peer: 2^28 messages go out before an id comes back to a
/// peer, if they go to many.
pub(super) struct Ids {
    hasher: RandomState,
    counters: Box<[u16]>,
}

impl Ids {
    /// Each counter begins somewhere: what is blindly spoofed must guess.
    pub(super) fn new() -> Ids {
        let hasher = RandomState::new();
        let begin = hasher.hash_one(0);
        let counters =
            (0..COUNTERS as u64).map(|n| (begin.wrapping_add(n).wrapping_mul(begin | 1) >> 48) as u16).collect();
        Ids { hasher, counters }
    }

    /// The next id for a peer.
    pub(super) fn next(&mut self, peer: &Peer) -> u16 {
        let counter = &mut self.counters[self.hasher.hash_one(peer) as usize % COUNTERS];
        *counter = counter.wrapping_add(1);
        *counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_meets_no_id_twice_for_a_long_time() {
        let (mut ids, peer) = (Ids::new(), Peer::new(([192, 0, 2, 1], 5).into(), None));
        let mut met: Vec<u16> = (0..=u16::MAX).map(|_| ids.next(&peer)).collect();
        met.sort_unstable();
        met.dedup();
        assert_eq!(met.len(), 1 << 16);
    }
}
