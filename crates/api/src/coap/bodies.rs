//! Bodies that are under way in blocks, for as long as their peers go on: bounded in memory, the one that has waited longest
//! makes room. One address has at most half of it, and makes room from its own beyond that (threat T27).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::peer::Peer;

/// How long nothing may come for a body before it is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// What a body costs beside its bytes.
const BODY_BYTES: usize = 320;

/// Whose body it is: there is one a peer and resource, which the number stands for.
pub(super) type BodyKey = (Peer, u64);

/// The memory that all bodies of one server may take.
pub(super) struct Room {
    taken: Mutex<Taken>,
    bytes: usize,
}

#[derive(Default)]
struct Taken {
    by_all: usize,
    by_each: HashMap<IpAddr, usize>,
}

/// Whose memory is used up.
enum Full {
    OfThisAddress,
    OfAll,
}

/// Bodies under way. `T` is what is kept of each.
pub(super) struct Bodies<T> {
    room: Arc<Room>,
    bodies: HashMap<BodyKey, Body<T>>,
    /// In the order in which they were touched.
    order: BTreeMap<u64, BodyKey>,
    /// The same of each address.
    orders: HashMap<IpAddr, BTreeSet<u64>>,
    turns: u64,
}

struct Body<T> {
    content: T,
    taken: usize,
    touched: Instant,
    turn: u64,
}

impl Room {
    /// Room for so many bytes.
    pub(super) fn new(bytes: usize) -> Arc<Room> {
        Arc::new(Room { taken: Mutex::default(), bytes })
    }

    fn take(&self, source: IpAddr, bytes: usize) -> Result<(), Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let by_this = taken.by_each.get(&source).copied().unwrap_or_default().saturating_add(bytes);
        if by_this > self.bytes / 2 {
            return Err(Full::OfThisAddress);
        }
        if taken.by_all.saturating_add(bytes) > self.bytes {
            return Err(Full::OfAll);
        }
        taken.by_all += bytes;
        taken.by_each.insert(source, by_this);
        Ok(())
    }

    fn give_back(&self, source: IpAddr, bytes: usize) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.by_all -= bytes;
        if let Some(by_this) = taken.by_each.get_mut(&source) {
            *by_this -= bytes;
            if *by_this == 0 {
                taken.by_each.remove(&source);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        let taken = self.taken.lock().unwrap();
        assert_eq!(taken.by_each.values().sum::<usize>(), taken.by_all);
        taken.by_all
    }
}

impl<T> Bodies<T> {
    /// None yet.
    pub(super) fn new(room: &Arc<Room>) -> Bodies<T> {
        let (bodies, order, orders) = (HashMap::new(), BTreeMap::new(), HashMap::new());
        Bodies { room: Arc::clone(room), bodies, order, orders, turns: 0 }
    }

    /// Gives up those for which nothing has come for long.
    pub(super) fn forget_old(&mut self, now: Instant) {
        while let Some(key) = self.oldest() {
            if self.bodies.get(&key).is_some_and(|body| !body.is_given_up(now)) {
                return;
            }
            self.remove(key);
        }
    }

    /// Puts a body in the place of the one that was there. False where there is no room.
    pub(super) fn put(&mut self, now: Instant, key: BodyKey, content: T, bytes: usize) -> bool {
        self.remove(key);
        let taken = BODY_BYTES + bytes;
        if !self.make_room(key.0.source(), taken) {
            return false;
        }
        let turn = self.next_turn(key);
        self.bodies.insert(key, Body { content, taken, touched: now, turn });
        true
    }

    /// A body, which is kept alive by this look at it.
    pub(super) fn find(&mut self, now: Instant, key: BodyKey) -> Option<&mut T> {
        let last = self.bodies.get(&key).filter(|body| !body.is_given_up(now))?.turn;
        self.forget_turn(key, last);
        let turn = self.next_turn(key);
        let body = self.bodies.get_mut(&key)?;
        (body.touched, body.turn) = (now, turn);
        Some(&mut body.content)
    }

    /// Takes more memory for a body, perhaps from another one. False where there is none; the body may be gone then.
    pub(super) fn enlarge(&mut self, key: BodyKey, bytes: usize) -> bool {
        if !self.make_room(key.0.source(), bytes) {
            return false;
        }
        match self.bodies.get_mut(&key) {
            Some(body) => body.taken += bytes,
            None => self.room.give_back(key.0.source(), bytes),
        }
        self.bodies.contains_key(&key)
    }

    /// Takes a body out.
    pub(super) fn remove(&mut self, key: BodyKey) -> Option<T> {
        let body = self.bodies.remove(&key)?;
        self.forget_turn(key, body.turn);
        self.room.give_back(key.0.source(), body.taken);
        Some(body.content)
    }

    /// Takes memory. Who floods us with beginnings does not keep others out: the longest silence ends, and beyond its share
    /// that of the address itself.
    fn make_room(&mut self, source: IpAddr, bytes: usize) -> bool {
        while let Err(full) = self.room.take(source, bytes) {
            let ends = match full {
                Full::OfThisAddress => self.oldest_of(source),
                Full::OfAll => self.oldest(),
            };
            let Some(key) = ends else { return false };
            self.remove(key);
        }
        true
    }

    fn next_turn(&mut self, key: BodyKey) -> u64 {
        self.turns += 1;
        self.order.insert(self.turns, key);
        self.orders.entry(key.0.source()).or_default().insert(self.turns);
        self.turns
    }

    fn forget_turn(&mut self, key: BodyKey, turn: u64) {
        self.order.remove(&turn);
        let source = key.0.source();
        if let Some(turns) = self.orders.get_mut(&source) {
            turns.remove(&turn);
            if turns.is_empty() {
                self.orders.remove(&source);
            }
        }
    }

    fn oldest(&self) -> Option<BodyKey> {
        self.order.first_key_value().map(|(_, key)| *key)
    }

    fn oldest_of(&self, source: IpAddr) -> Option<BodyKey> {
        self.order.get(self.orders.get(&source)?.first()?).copied()
    }
}

impl<T> Body<T> {
    fn is_given_up(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.touched) >= PATIENCE
    }
}

impl<T> Drop for Bodies<T> {
    fn drop(&mut self) {
        self.bodies.iter().for_each(|(key, body)| self.room.give_back(key.0.source(), body.taken));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each number at an address of its own.
    fn key(number: u8) -> BodyKey {
        (Peer::new(([192, 0, 2, number], 5683).into(), None), 1)
    }

    #[test]
    fn a_body_lives_as_long_as_its_peer_goes_on() {
        let (room, now) = (Room::new(10_000), Instant::now());
        let mut bodies = Bodies::new(&room);
        assert!(bodies.put(now, key(1), "a", 10));
        let nearly = now + PATIENCE - Duration::from_millis(1);
        assert!(bodies.find(nearly, key(1)).is_some());
        assert!(bodies.find(nearly + PATIENCE, key(1)).is_none());
        bodies.forget_old(nearly + PATIENCE);
        assert_eq!((room.taken(), bodies.order.len(), bodies.orders.len(), bodies.bodies.len()), (0, 0, 0, 0));
    }

    #[test]
    fn the_longest_silence_makes_room_and_all_room_is_given_back() {
        let (room, now) = (Room::new(3 * (BODY_BYTES + 100)), Instant::now());
        let mut bodies = Bodies::new(&room);
        for number in 1..=3 {
            assert!(bodies.put(now, key(number), number, 100));
        }
        assert!(bodies.find(now, key(1)).is_some());
        assert!(bodies.put(now, key(4), 4, 100));
        assert!(bodies.find(now, key(2)).is_none());
        assert!(bodies.enlarge(key(4), 50), "at the cost of the third");
        assert!(bodies.find(now, key(3)).is_none());
        assert!(!bodies.put(now, key(9), 9, 10_000));
        assert!(bodies.find(now, key(1)).is_some(), "what never fits costs nobody anything");
        drop(bodies);
        assert_eq!(room.taken(), 0);
        let (mut bodies, mut others) = (Bodies::new(&room), Bodies::new(&room));
        assert!(others.put(now, key(1), 1, 300) && others.put(now, key(2), 2, 300));
        assert!(!bodies.put(now, key(9), 9, 0), "the other bodies are not ours to end");
        drop((bodies, others));
        assert_eq!(room.taken(), 0);
    }

    #[test]
    fn a_body_that_makes_room_for_itself_is_gone() {
        let (room, now) = (Room::new(2 * (BODY_BYTES + 100)), Instant::now());
        let mut bodies = Bodies::new(&room);
        assert!(bodies.put(now, key(1), 1, 60));
        assert!(!bodies.enlarge(key(1), 60));
        assert_eq!(room.taken(), 0);
    }

    #[test]
    fn an_address_that_begins_much_ends_its_own_and_nobody_elses() {
        let (room, now) = (Room::new(10 * (BODY_BYTES + 100)), Instant::now());
        let mut bodies = Bodies::new(&room);
        assert!(bodies.put(now, key(2), 0, 100));
        let flooder = |port: u16| (Peer::new(([192, 0, 2, 1], port).into(), None), u64::from(port));
        for port in 1..1000 {
            assert!(bodies.put(now, flooder(port), port, 100));
        }
        assert_eq!((bodies.bodies.len(), room.taken()), (6, 6 * (BODY_BYTES + 100)));
        assert!(bodies.find(now, key(2)).is_some() && bodies.find(now, flooder(999)).is_some());
        assert!(bodies.find(now, flooder(994)).is_none());
        // Its share counts over all endpoints.
        let mut others = Bodies::new(&room);
        assert!(!others.put(now, flooder(2000), 0, 100) && others.put(now, key(3), 0, 100));
    }
}
