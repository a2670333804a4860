//! Bodies that are under way in blocks, for as long as their peers go on: bounded in memory, the one that has waited longest
//! makes room (threat T27).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    taken: AtomicUsize,
    bytes: usize,
}

/// Bodies under way. `T` is what is kept of each.
pub(super) struct Bodies<T> {
    room: Arc<Room>,
    bodies: HashMap<BodyKey, Body<T>>,
    /// In the order in which they were touched.
    order: BTreeMap<u64, BodyKey>,
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
        Arc::new(Room { taken: AtomicUsize::new(0), bytes })
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= self.bytes);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl<T> Bodies<T> {
    /// None yet.
    pub(super) fn new(room: &Arc<Room>) -> Bodies<T> {
        Bodies { room: Arc::clone(room), bodies: HashMap::new(), order: BTreeMap::new(), turns: 0 }
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
        if !self.make_room(taken) {
            return false;
        }
        self.turns += 1;
        self.order.insert(self.turns, key);
        self.bodies.insert(key, Body { content, taken, touched: now, turn: self.turns });
        true
    }

    /// A body, which is kept alive by this look at it.
    pub(super) fn find(&mut self, now: Instant, key: BodyKey) -> Option<&mut T> {
        let body = self.bodies.get_mut(&key).filter(|body| !body.is_given_up(now))?;
        self.turns += 1;
        self.order.remove(&body.turn);
        self.order.insert(self.turns, key);
        (body.touched, body.turn) = (now, self.turns);
        Some(&mut body.content)
    }

    /// Takes more memory for a body, perhaps from another one. False where there is none; the body may be gone then.
    pub(super) fn enlarge(&mut self, key: BodyKey, bytes: usize) -> bool {
        if !self.make_room(bytes) {
            return false;
        }
        match self.bodies.get_mut(&key) {
            Some(body) => body.taken += bytes,
            None => self.room.give_back(bytes),
        }
        self.bodies.contains_key(&key)
    }

    /// Takes a body out.
    pub(super) fn remove(&mut self, key: BodyKey) -> Option<T> {
        let body = self.bodies.remove(&key)?;
        self.order.remove(&body.turn);
        self.room.give_back(body.taken);
        Some(body.content)
    }

    /// Takes memory. Who floods us with beginnings does not keep others out: the longest silence ends.
    fn make_room(&mut self, bytes: usize) -> bool {
        while !self.room.take(bytes) {
            let Some(oldest) = self.oldest() else { return false };
            self.remove(oldest);
        }
        true
    }

    fn oldest(&self) -> Option<BodyKey> {
        self.order.first_key_value().map(|(_, key)| *key)
    }
}

impl<T> Body<T> {
    fn is_given_up(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.touched) >= PATIENCE
    }
}

impl<T> Drop for Bodies<T> {
    fn drop(&mut self) {
        self.room.give_back(self.bodies.values().map(|body| body.taken).sum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> BodyKey {
        (Peer::new(([192, 0, 2, 1], port).into(), None), 1)
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
        assert_eq!((room.taken(), bodies.order.len(), bodies.bodies.len()), (0, 0, 0));
    }

    #[test]
    fn the_longest_silence_makes_room_and_all_room_is_given_back() {
        let (room, now) = (Room::new(3 * (BODY_BYTES + 100)), Instant::now());
        let mut bodies = Bodies::new(&room);
        for port in 1..=3 {
            assert!(bodies.put(now, key(port), port, 100));
        }
        assert!(bodies.find(now, key(1)).is_some());
        assert!(bodies.put(now, key(4), 4, 100));
        assert!(bodies.find(now, key(2)).is_none());
        assert!(bodies.enlarge(key(4), 50), "at the cost of the third");
        assert!(bodies.find(now, key(3)).is_none());
        assert!(!bodies.put(now, key(9), 9, 10_000));
        let mut others = Bodies::new(&room);
        assert!(others.put(now, key(1), 1, 3 * 100 + 2 * BODY_BYTES));
        assert!(!bodies.put(now, key(9), 9, 0), "the other bodies are not ours to end");
        drop((bodies, others));
        assert_eq!(room.taken(), 0);
    }

    #[test]
    fn a_body_that_makes_room_for_itself_is_gone() {
        let (room, now) = (Room::new(BODY_BYTES + 100), Instant::now());
        let mut bodies = Bodies::new(&room);
        assert!(bodies.put(now, key(1), 1, 60));
        assert!(!bodies.enlarge(key(1), 60));
        assert_eq!(room.taken(), 0);
    }
}
