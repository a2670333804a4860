//! `Echo` (RFC 9175, section 2): who sends back what was sent to an address is at that address.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::peer::Peer;

/// How long what we sent may take to come back.
const FRESH: Duration = Duration::from_secs(247);
/// How long an address stays shown.
const SHOWN: Duration = Duration::from_secs(3600);
/// How many addresses are remembered; beyond that the oldest has to show itself again.
const REMEMBERED: usize = 65_536;
/// The bytes of a value: four for the time, eight that nobody else can make.
pub(super) const ECHO_BYTES: usize = 12;

/// Makes and recognizes values, and remembers who has sent one back.
pub(super) struct Echo {
    key: [u8; 32],
    epoch: Instant,
    shown: HashMap<Peer, Instant>,
    order: VecDeque<(Peer, Instant)>,
}

impl Echo {
    /// With a secret key, which all endpoints of a server share.
    pub(super) fn new(key: [u8; 32], epoch: Instant) -> Echo {
        Echo { key, epoch, shown: HashMap::new(), order: VecDeque::new() }
    }

    /// What the peer has to send back.
    pub(super) fn challenge(&self, now: Instant, peer: &Peer) -> [u8; ECHO_BYTES] {
        self.value(now.saturating_duration_since(self.epoch).as_secs() as u32, peer)
    }

    /// Whether the peer has shown its address, now or of late.
    pub(super) fn is_shown(&mut self, now: Instant, peer: &Peer, echo: Option<&[u8]>) -> bool {
        if echo.is_some_and(|echo| self.is_ours(now, peer, echo)) {
            self.remember(now, *peer);
            return true;
        }
        self.shown.get(peer).is_some_and(|until| now < *until)
    }

    fn is_ours(&self, now: Instant, peer: &Peer, echo: &[u8]) -> bool {
        let Some((at, _)) = echo.split_first_chunk::<4>() else { return false };
        let at = u32::from_be_bytes(*at);
        let age = (now.saturating_duration_since(self.epoch).as_secs() as u32).wrapping_sub(at);
        u64::from(age) <= FRESH.as_secs() && bool::from(self.value(at, peer).ct_eq(echo))
    }

    fn value(&self, at: u32, peer: &Peer) -> [u8; ECHO_BYTES] {
        let tag = Sha256::new()
            .chain_update(self.key)
            .chain_update(at.to_be_bytes())
            .chain_update(peer.remote.to_string())
            .finalize();
        let mut value = [0; ECHO_BYTES];
        value[..4].copy_from_slice(&at.to_be_bytes());
        value[4..].copy_from_slice(&tag[..ECHO_BYTES - 4]);
        value
    }

    fn remember(&mut self, now: Instant, peer: Peer) {
        let until = now + SHOWN;
        self.shown.insert(peer, until);
        self.order.push_back((peer, until));
        while let Some((oldest, end)) =
            self.order.front().filter(|(_, end)| *end <= now || self.order.len() > REMEMBERED)
        {
            // It may have shown itself again since, and stand further back as well.
            if self.shown.get(oldest) == Some(end) {
                self.shown.remove(oldest);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> Peer {
        Peer::new(([192, 0, 2, 1], port).into(), None)
    }

    #[test]
    fn only_what_was_sent_to_an_address_shows_it_and_only_while_it_is_fresh() {
        let now = Instant::now();
        let mut echo = Echo::new([7; 32], now);
        let later = now + Duration::from_secs(10);
        let challenge = echo.challenge(later, &peer(1));
        for (why, peer, echoed) in [
            ("nothing", peer(1), None),
            ("of another", peer(2), Some(&challenge[..])),
            ("a part", peer(1), Some(&challenge[..11])),
            ("the time alone", peer(1), Some(&challenge[..4])),
            ("too short", peer(1), Some(&challenge[..2])),
        ] {
            assert!(!echo.is_shown(later, &peer, echoed), "{why}");
        }
        assert!(!echo.is_shown(later + FRESH + Duration::from_secs(1), &peer(1), Some(&challenge)));
        assert!(echo.is_shown(later + FRESH, &peer(1), Some(&challenge)));
        let other_key = Echo::new([8; 32], now).challenge(later, &peer(1));
        assert!(!Echo::new([7; 32], now).is_shown(later, &peer(1), Some(&other_key)));
    }

    #[test]
    fn an_address_stays_shown_for_a_while() {
        let now = Instant::now();
        let mut echo = Echo::new([7; 32], now);
        let challenge = echo.challenge(now, &peer(1));
        assert!(echo.is_shown(now, &peer(1), Some(&challenge)));
        assert!(echo.is_shown(now + SHOWN - Duration::from_secs(1), &peer(1), None));
        assert!(!echo.is_shown(now + SHOWN, &peer(1), None));
    }

    #[test]
    fn no_more_addresses_are_remembered_than_there_is_room_for() {
        let now = Instant::now();
        let mut echo = Echo::new([7; 32], now);
        for port in 0..70_000_u32 {
            let peer = Peer::new(([192, 0, (port >> 16) as u8, 1], port as u16).into(), None);
            echo.remember(now, peer);
        }
        assert!(echo.shown.len() <= REMEMBERED && echo.order.len() <= REMEMBERED);
    }
}
