//! How many sockets and subscriptions a client may have at once (threat T25).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SOCKETS: u32 = 64;
const SUBSCRIPTIONS: u32 = 1_000;

/// What all clients hold, by row id.
#[derive(Clone, Default)]
pub struct Places {
    held: Arc<Mutex<HashMap<i64, Held>>>,
}

#[derive(Clone, Copy, Default)]
struct Held {
    sockets: u32,
    subscriptions: u32,
}

#[derive(Clone, Copy)]
enum Kind {
    Socket,
    Subscription,
}

/// One of them, given back when it is dropped.
pub(crate) struct Place {
    places: Places,
    client_id: i64,
    kind: Kind,
}

impl Places {
    /// A place for a socket, if there is one left.
    pub(crate) fn socket(&self, client_id: i64) -> Option<Place> {
        self.take(client_id, Kind::Socket, SOCKETS)
    }

    /// A place for a subscription, if there is one left.
    pub(crate) fn subscription(&self, client_id: i64) -> Option<Place> {
        self.take(client_id, Kind::Subscription, SUBSCRIPTIONS)
    }

    fn take(&self, client_id: i64, kind: Kind, most: u32) -> Option<Place> {
        let mut all = self.held();
        let count = all.entry(client_id).or_default().of(kind);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { places: self.clone(), client_id, kind })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<i64, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn of(&mut self, kind: Kind) -> &mut u32 {
        match kind {
            Kind::Socket => &mut self.sockets,
            Kind::Subscription => &mut self.subscriptions,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.places.held();
        let Some(held) = all.get_mut(&self.client_id) else { return };
        *held.of(self.kind) -= 1;
        if held.sockets == 0 && held.subscriptions == 0 {
            all.remove(&self.client_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_places_and_each_is_free_again_when_it_is_left() {
        let places = Places::default();
        let mut taken: Vec<Place> = (0..SOCKETS).map(|_| places.socket(1).unwrap()).collect();
        assert!(places.socket(1).is_none());
        assert!(places.socket(2).is_some() && places.subscription(1).is_some());
        taken.pop();
        assert!(places.socket(1).is_some());
        drop(taken);
        assert!(places.held().is_empty());
    }
}
