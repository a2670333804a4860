//! Who observes what (RFC 7641; contract, coap.md; threat T23): the list of observers, and the order of what they are told.
//! When they are told of it is decided in `notify`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use wire::coap::{Block, Token, is_newer_notification};

use super::answer::Answer;
use super::peer::{Exchange, Peer};

/// How many of the last messages to an observer a Reset may still mean.
const RECENT: usize = 4;
/// The numbers of notifications count in steps of 16 ms: they go on where they were after a restart, and come round in
/// three days.
const STEP_MS: u64 = 16;
const NUMBERS: u32 = 1 << 24;

/// An observer among all of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObserverId(u64);

/// All observers of an endpoint.
pub(super) struct Observers {
    all: HashMap<ObserverId, Observer>,
    by_token: HashMap<(Peer, Token), ObserverId>,
    /// The messages that were sent to them of late.
    recent: HashMap<Exchange, ObserverId>,
    ids: u64,
    limit: usize,
    seats: Arc<Seats>,
    /// Those that ended since this was asked last.
    ended: Vec<ObserverId>,
}

/// One observer.
pub(super) struct Observer {
    pub(super) peer: Peer,
    pub(super) token: Token,
    /// What it should know.
    pub(super) newest: Answer,
    /// The size of blocks that it wants.
    pub(super) block2: Option<Block>,
    /// The number under which the newest was sent last; none if it was not sent.
    pub(super) number_of_newest: Option<u32>,
    /// The last number that was used.
    number: u32,
    /// The confirmable message that waits for its acknowledgement, and the number in it.
    pub(super) outstanding: Option<(u16, u32)>,
    /// When a confirmable message was sent last.
    pub(super) asked_at: Instant,
    recent: [Option<u16>; RECENT],
    _seat: Seat,
}

/// How many observers each client has, over all endpoints of a server.
pub(super) struct Seats {
    taken: Mutex<HashMap<i64, u32>>,
    limit: u32,
}

/// The place of one observer among those of its client.
pub(super) struct Seat {
    seats: Arc<Seats>,
    client_id: i64,
}

impl Seats {
    /// So many a client.
    pub(super) fn new(limit: u32) -> Arc<Seats> {
        Arc::new(Seats { taken: Mutex::default(), limit })
    }

    fn take(self: &Arc<Seats>, client_id: i64) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(client_id).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Seat { seats: Arc::clone(self), client_id })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.client_id) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.client_id);
            }
        }
    }
}

impl Observers {
    /// None yet.
    pub(super) fn new(limit: usize, seats: Arc<Seats>) -> Observers {
        let (all, by_token, recent) = (HashMap::new(), HashMap::new(), HashMap::new());
        Observers { all, by_token, recent, ids: 0, limit, seats, ended: Vec::new() }
    }

    /// A new observer; its token is not that of another one. None where there is no place for it: its request is
    /// answered as if it had not asked.
    pub(super) fn add(
        &mut self,
        now: Instant,
        unix_ms: u64,
        (peer, token): (Peer, Token),
        client_id: i64,
        known: Answer,
        block2: Option<Block>,
    ) -> Option<(ObserverId, u32)> {
        if self.all.len() >= self.limit {
            return None;
        }
        let seat = self.seats.take(client_id)?;
        self.ids += 1;
        let id = ObserverId(self.ids);
        let number = clock_number(unix_ms);
        self.by_token.insert((peer, token), id);
        self.all.insert(
            id,
            Observer {
                peer,
                token,
                newest: known,
                block2,
                number_of_newest: Some(number),
                number,
                outstanding: None,
                asked_at: now,
                recent: [None; RECENT],
                _seat: seat,
            },
        );
        Some((id, number))
    }

    /// An observer.
    pub(super) fn find(&mut self, id: ObserverId) -> Option<&mut Observer> {
        self.all.get_mut(&id)
    }

    /// An observer is told something in this message.
    pub(super) fn note_sent(&mut self, id: ObserverId, message_id: u16) {
        let Some(observer) = self.all.get_mut(&id) else { return };
        let peer = observer.peer;
        observer.recent.rotate_right(1);
        if let Some(old) = observer.recent[0].replace(message_id) {
            self.recent.remove(&Exchange { peer, id: old });
        }
        self.recent.insert(Exchange { peer, id: message_id }, id);
    }

    /// The observer that was told something in this message of late.
    pub(super) fn by_message(&self, exchange: Exchange) -> Option<ObserverId> {
        self.recent.get(&exchange).copied()
    }

    /// Ends an observation.
    pub(super) fn remove(&mut self, id: ObserverId) -> Option<Observer> {
        let observer = self.all.remove(&id)?;
        self.by_token.remove(&(observer.peer, observer.token));
        for message_id in observer.recent.into_iter().flatten() {
            self.recent.remove(&Exchange { peer: observer.peer, id: message_id });
        }
        self.ended.push(id);
        Some(observer)
    }

    /// The observer with this token.
    pub(super) fn by_token(&self, peer: Peer, token: Token) -> Option<ObserverId> {
        self.by_token.get(&(peer, token)).copied()
    }

    /// Every observer.
    pub(super) fn ids(&self) -> Vec<ObserverId> {
        self.all.keys().copied().collect()
    }

    /// Those that ended since this was asked last.
    pub(super) fn take_ended(&mut self) -> Vec<ObserverId> {
        std::mem::take(&mut self.ended)
    }
}

impl Observer {
    /// The number of the next notification: later than the last one, and than those of an earlier run of the server.
    pub(super) fn next_number(&mut self, unix_ms: u64) -> u32 {
        let by_clock = clock_number(unix_ms);
        let is_ahead = is_newer_notification(by_clock, self.number, 0);
        self.number = if is_ahead { by_clock } else { (self.number + 1) % NUMBERS };
        self.number
    }
}

fn clock_number(unix_ms: u64) -> u32 {
    (unix_ms / STEP_MS) as u32 % NUMBERS
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::coap::Code;

    fn observers(limit: usize, of_a_client: u32) -> Observers {
        Observers::new(limit, Seats::new(of_a_client))
    }

    fn add(observers: &mut Observers, port: u16, client_id: i64) -> Option<ObserverId> {
        let peer = Peer::new(([192, 0, 2, 1], port).into(), None);
        let token = Token::new(b"t").unwrap();
        let added = observers.add(Instant::now(), 0, (peer, token), client_id, Answer::empty(Code::CONTENT), None);
        added.map(|(id, _)| id)
    }

    #[test]
    fn a_client_has_only_so_many_observers_over_all_endpoints() {
        let seats = Seats::new(2);
        let mut one = Observers::new(10, Arc::clone(&seats));
        let mut other = Observers::new(10, seats);
        let first = add(&mut one, 1, 7).unwrap();
        assert!(add(&mut other, 2, 7).is_some());
        assert!(add(&mut one, 3, 7).is_none());
        assert!(add(&mut one, 4, 8).is_some(), "another client");
        one.remove(first);
        assert!(add(&mut other, 3, 7).is_some());
    }

    #[test]
    fn an_endpoint_has_only_so_many_observers() {
        let mut observers = observers(2, 10);
        assert!(add(&mut observers, 1, 1).is_some());
        assert!(add(&mut observers, 2, 2).is_some());
        assert!(add(&mut observers, 3, 3).is_none());
    }

    #[test]
    fn a_reset_means_one_of_the_last_messages() {
        let mut observers = observers(10, 10);
        let id = add(&mut observers, 1, 7).unwrap();
        let peer = observers.find(id).unwrap().peer;
        (0..6).for_each(|message_id| observers.note_sent(id, message_id));
        for (message_id, found) in [(1, None), (2, Some(id)), (5, Some(id)), (6, None)] {
            assert_eq!(observers.by_message(Exchange { peer, id: message_id }), found);
        }
        observers.remove(id);
        assert!(observers.recent.is_empty() && observers.by_token.is_empty());
    }

    #[test]
    fn numbers_rise_whatever_the_clock_does() {
        let mut observers = observers(10, 10);
        let id = add(&mut observers, 1, 7).unwrap();
        let observer = observers.find(id).unwrap();
        let wrap_ms = u64::from(NUMBERS) * STEP_MS;
        let mut last = observer.number;
        for unix_ms in
            [0, 0, 1, 1_600, 1_600, 3, 50_000, wrap_ms / 3, 2 * wrap_ms / 3, wrap_ms - 1, wrap_ms, wrap_ms + 16]
        {
            let next = observer.next_number(unix_ms);
            assert!(is_newer_notification(next, last, 0), "{next} after {last}");
            last = next;
        }
    }
}
