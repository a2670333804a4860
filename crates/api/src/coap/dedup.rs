//! What was answered, so that a repeated message is answered again and never acted on twice (contract, coap.md;
//! RFC 7252, sections 4.2 and 4.5; threat T22).
//!
//! Answers are kept for as long as a repetition may come. Their memory is bounded: those to requests without an effect
//! go first, because doing such a request again harms nobody; and one address has at most half of it, so that nobody makes
//! us forget what we answered to everybody else.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::peer::Exchange;

/// How long a message may be repeated after it was sent first (RFC 7252, section 4.8.2).
pub(super) const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);
/// What an entry costs beside the bytes of its answer.
const ENTRY_BYTES: usize = 340;

/// The messages of late.
pub(super) struct Answered {
    seen: HashMap<Exchange, Seen>,
    with_effect: Kept,
    without_effect: Kept,
    serials: u64,
}

struct Seen {
    /// Of the whole datagram: another one under the same id is no repetition, but a peer that reuses its ids.
    digest: u64,
    serial: u64,
    answer: Answer,
}

enum Answer {
    /// Nothing was sent yet.
    Awaited,
    /// The acknowledgement was sent, and the answer comes in a message of its own.
    Acknowledged([u8; 4]),
    /// This was sent; nothing, where there is nothing to repeat.
    Given(Box<[u8]>),
}

/// Messages whose answers are kept, in the order in which they end.
struct Kept {
    order: BTreeMap<u64, Ending>,
    turns: u64,
    shares: HashMap<IpAddr, Share>,
    bytes: usize,
    bound_bytes: usize,
}

/// What one address has of it: places in the order, and the bytes there.
#[derive(Default)]
struct Share {
    turns: VecDeque<u64>,
    bytes: usize,
}

struct Ending {
    exchange: Exchange,
    serial: u64,
    at: Instant,
    bytes: usize,
}

/// Whether a message has been here before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meeting<'a> {
    /// It has not; from now on it has.
    First,
    /// It has, and this answers it; empty where there is nothing to say (yet).
    Again(&'a [u8]),
}

impl Answered {
    /// Nothing yet. The bounds are bytes of memory.
    pub(super) fn new(bytes_with_effect: usize, bytes_without_effect: usize) -> Answered {
        let (with_effect, without_effect) = (Kept::new(bytes_with_effect), Kept::new(bytes_without_effect));
        Answered { seen: HashMap::new(), with_effect, without_effect, serials: 0 }
    }

    /// A message has come in.
    pub(super) fn meet(&mut self, now: Instant, exchange: Exchange, digest: u64) -> Meeting<'_> {
        self.with_effect.forget_until(now, &mut self.seen);
        self.without_effect.forget_until(now, &mut self.seen);
        if self.seen.get(&exchange).is_none_or(|seen| seen.digest != digest) {
            self.serials += 1;
            self.seen.insert(exchange, Seen { digest, serial: self.serials, answer: Answer::Awaited });
            return Meeting::First;
        }
        Meeting::Again(self.seen.get(&exchange).map_or(&[], |seen| seen.answer.bytes()))
    }

    /// Whether nothing was sent yet in answer to this message.
    pub(super) fn is_awaited(&self, exchange: Exchange, digest: u64) -> bool {
        self.seen.get(&exchange).is_some_and(|seen| seen.digest == digest && matches!(seen.answer, Answer::Awaited))
    }

    /// The message was acknowledged; its answer comes later.
    pub(super) fn acknowledge(&mut self, exchange: Exchange, digest: u64, acknowledgement: [u8; 4]) {
        if let Some(seen) = self.seen.get_mut(&exchange).filter(|seen| seen.digest == digest) {
            seen.answer = Answer::Acknowledged(acknowledgement);
        }
    }

    /// The message was answered. What was sent is kept until no repetition can come, or until there is no room for it.
    pub(super) fn keep(&mut self, now: Instant, exchange: Exchange, digest: u64, answer: &[u8], has_effect: bool) {
        let Some(seen) = self.seen.get_mut(&exchange).filter(|seen| seen.digest == digest) else { return };
        let answer: Box<[u8]> = match seen.answer {
            // A repetition is acknowledged again; the answer has its own way of coming through.
            Answer::Acknowledged(acknowledgement) => acknowledgement.into(),
            Answer::Awaited | Answer::Given(_) => answer.into(),
        };
        let ending =
            Ending { exchange, serial: seen.serial, at: now + EXCHANGE_LIFETIME, bytes: ENTRY_BYTES + answer.len() };
        seen.answer = Answer::Given(answer);
        let kept = if has_effect { &mut self.with_effect } else { &mut self.without_effect };
        kept.keep(ending, &mut self.seen);
    }
}

impl Answer {
    fn bytes(&self) -> &[u8] {
        match self {
            Answer::Awaited => &[],
            Answer::Acknowledged(bytes) => bytes,
            Answer::Given(bytes) => bytes,
        }
    }
}

impl Kept {
    fn new(bound_bytes: usize) -> Kept {
        Kept { order: BTreeMap::new(), turns: 0, shares: HashMap::new(), bytes: 0, bound_bytes }
    }

    fn keep(&mut self, ending: Ending, seen: &mut HashMap<Exchange, Seen>) {
        let source = ending.exchange.peer.source();
        self.turns += 1;
        self.bytes += ending.bytes;
        let share = self.shares.entry(source).or_default();
        share.bytes += ending.bytes;
        share.turns.push_back(self.turns);
        self.order.insert(self.turns, ending);
        while let Some(share) = self.shares.get(&source).filter(|share| share.bytes > self.bound_bytes / 2) {
            let Some(oldest) = share.turns.front().copied() else { break };
            self.forget(oldest, seen);
        }
        while let Some((&oldest, _)) = self.order.first_key_value().filter(|_| self.bytes > self.bound_bytes) {
            self.forget(oldest, seen);
        }
    }

    fn forget_until(&mut self, now: Instant, seen: &mut HashMap<Exchange, Seen>) {
        while let Some((&oldest, _)) = self.order.first_key_value().filter(|(_, ending)| ending.at <= now) {
            self.forget(oldest, seen);
        }
    }

    /// Forgets the oldest of all, or the oldest of its address.
    fn forget(&mut self, turn: u64, seen: &mut HashMap<Exchange, Seen>) {
        let Some(ending) = self.order.remove(&turn) else { return };
        self.bytes -= ending.bytes;
        let source = ending.exchange.peer.source();
        if let Some(share) = self.shares.get_mut(&source) {
            share.bytes -= ending.bytes;
            share.turns.pop_front();
            if share.turns.is_empty() {
                self.shares.remove(&source);
            }
        }
        // Another message may have come under its id since.
        if seen.get(&ending.exchange).is_some_and(|seen| seen.serial == ending.serial) {
            seen.remove(&ending.exchange);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::peer::Peer;

    fn exchange(port: u16, id: u16) -> Exchange {
        Exchange { peer: Peer::new(([192, 0, 2, 1], port).into(), None), id }
    }

    fn answered(answered: &mut Answered, now: Instant, exchange: Exchange, answer: &[u8], has_effect: bool) {
        assert_eq!(answered.meet(now, exchange, 7), Meeting::First);
        answered.keep(now, exchange, 7, answer, has_effect);
    }

    #[test]
    fn a_message_is_known_for_its_lifetime_and_not_longer() {
        let (mut memory, now) = (Answered::new(10_000, 10_000), Instant::now());
        answered(&mut memory, now, exchange(1, 1), b"key", true);
        let almost = now + EXCHANGE_LIFETIME - Duration::from_millis(1);
        assert_eq!(memory.meet(almost, exchange(1, 1), 7), Meeting::Again(b"key"));
        assert_eq!(memory.meet(now + EXCHANGE_LIFETIME, exchange(1, 1), 7), Meeting::First);
        assert_eq!((memory.with_effect.bytes, memory.with_effect.order.len()), (0, 0));
    }

    #[test]
    fn another_peer_another_id_and_another_content_are_no_repetitions() {
        let (mut memory, now) = (Answered::new(10_000, 10_000), Instant::now());
        answered(&mut memory, now, exchange(1, 1), b"key", true);
        assert_eq!(memory.meet(now, exchange(2, 1), 7), Meeting::First);
        assert_eq!(memory.meet(now, exchange(1, 2), 7), Meeting::First);
        assert_eq!(memory.meet(now, exchange(1, 1), 8), Meeting::First);
        // What ends later does not take the newer message of the same id with it.
        memory.keep(now + Duration::from_secs(9), exchange(1, 1), 8, b"new", true);
        let later = now + EXCHANGE_LIFETIME;
        assert_eq!(memory.meet(later, exchange(1, 1), 8), Meeting::Again(b"new"));
    }

    #[test]
    fn a_message_that_is_being_worked_on_is_not_begun_again() {
        let (mut memory, now) = (Answered::new(10_000, 10_000), Instant::now());
        assert_eq!(memory.meet(now, exchange(1, 1), 7), Meeting::First);
        assert_eq!(memory.meet(now, exchange(1, 1), 7), Meeting::Again(b""));
        assert!(memory.is_awaited(exchange(1, 1), 7));
        memory.acknowledge(exchange(1, 1), 7, *b"ack!");
        assert!(!memory.is_awaited(exchange(1, 1), 7));
        assert_eq!(memory.meet(now, exchange(1, 1), 7), Meeting::Again(b"ack!"));
        memory.keep(now, exchange(1, 1), 7, b"the answer went out by itself", true);
        assert_eq!(memory.meet(now, exchange(1, 1), 7), Meeting::Again(b"ack!"));
    }

    #[test]
    fn memory_is_bounded_and_answers_with_effects_outlast_the_others() {
        let bound = 100 * (ENTRY_BYTES + 10);
        let (mut memory, now) = (Answered::new(bound, bound), Instant::now());
        let of = |id: u16| Exchange { peer: Peer::new(([192, 0, 2, id as u8 % 4], 1).into(), None), id };
        for id in 0..100 {
            answered(&mut memory, now, of(id), &[1; 10], true);
        }
        for id in 100..10_000 {
            answered(&mut memory, now, of(id), &[2; 10], false);
        }
        assert!(memory.seen.len() <= 200 && memory.without_effect.bytes <= bound);
        assert_eq!(memory.meet(now, of(0), 7), Meeting::Again(&[1; 10]));
        assert_eq!(memory.meet(now, of(9_999), 7), Meeting::Again(&[2; 10]));
        assert_eq!(memory.meet(now, of(100), 7), Meeting::First);
        answered(&mut memory, now, exchange(2, 0), &[1; 10], true);
        assert_eq!(memory.meet(now, of(0), 7), Meeting::First, "the oldest went");
        assert_eq!(memory.meet(now, of(1), 7), Meeting::Again(&[1; 10]));
    }

    #[test]
    fn an_address_that_does_much_makes_itself_forgotten_and_nobody_else() {
        let bound = 100 * (ENTRY_BYTES + 10);
        let (mut memory, now) = (Answered::new(bound, bound), Instant::now());
        let other = Exchange { peer: Peer::new(([198, 51, 100, 7], 5).into(), None), id: 1 };
        answered(&mut memory, now, other, &[1; 10], true);
        // From many ports, and many addresses of one /64.
        for id in 0..1000 {
            answered(&mut memory, now, exchange(id, id), &[2; 10], true);
            let address = std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(id));
            let sixth = Exchange { peer: Peer::new((address, id).into(), None), id };
            if id < 10 {
                answered(&mut memory, now, sixth, &[2; 10], true);
            }
        }
        assert!(memory.with_effect.bytes <= bound && memory.with_effect.shares.len() == 3);
        assert_eq!(memory.with_effect.order.len(), 50 + 10 + 1);
        assert_eq!(memory.meet(now, other, 7), Meeting::Again(&[1; 10]));
        assert_eq!(memory.meet(now, exchange(999, 999), 7), Meeting::Again(&[2; 10]));
        assert_eq!(memory.meet(now, exchange(949, 949), 7), Meeting::First);
        assert_eq!(memory.meet(now + EXCHANGE_LIFETIME, exchange(1, 1), 7), Meeting::First);
        assert!(memory.with_effect.shares.is_empty() && memory.with_effect.bytes == 0);
    }
}
