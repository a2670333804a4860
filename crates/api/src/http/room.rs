//! How many connections there are, how many there may be, and who is told when room is wanted or made (threat T18, fault F16).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The places of one listener.
pub(super) struct Room {
    limit: usize,
    limit_per_peer: Option<usize>,
    taken: AtomicUsize,
    per_peer: Mutex<HashMap<IpAddr, usize>>,
    is_wanted: AtomicBool,
    /// Rung when a place is given up while room is wanted.
    freed: Notify,
    /// One a worker: rung when room is wanted.
    bells: Vec<Notify>,
    /// How many connections of each worker only waited when it looked last.
    waiting: Vec<AtomicUsize>,
}

/// One connection among those that are counted.
pub(super) struct Ticket {
    room: Arc<Room>,
    peer: Option<IpAddr>,
}

impl Room {
    pub(super) fn new(limit: usize, limit_per_peer: Option<usize>, workers: usize) -> Arc<Room> {
        Arc::new(Room {
            limit,
            limit_per_peer,
            taken: AtomicUsize::new(0),
            per_peer: Mutex::default(),
            is_wanted: AtomicBool::new(false),
            freed: Notify::new(),
            bells: (0..workers).map(|_| Notify::new()).collect(),
            waiting: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
        })
    }

    /// Counts a connection, also where it is one too many; None where its peer has too many already.
    pub(super) fn take(self: &Arc<Room>, peer: IpAddr) -> Option<Ticket> {
        let peer = match self.limit_per_peer {
            None => None,
            Some(limit) => {
                let network = network(peer);
                let mut per_peer = self.per_peer();
                let count = per_peer.entry(network).or_default();
                if *count >= limit {
                    return None;
                }
                *count += 1;
                Some(network)
            }
        };
        self.taken.fetch_add(1, Ordering::SeqCst);
        Some(Ticket { room: Arc::clone(self), peer })
    }

    /// Whether there are more connections than there should be.
    pub(super) fn is_overfull(&self) -> bool {
        self.taken.load(Ordering::SeqCst) > self.limit
    }

    /// Asks the workers to part with connections that only wait.
    pub(super) fn ask(&self) {
        self.is_wanted.store(true, Ordering::SeqCst);
        self.bells.iter().for_each(Notify::notify_one);
    }

    /// There is enough.
    pub(super) fn has_enough(&self) {
        self.is_wanted.store(false, Ordering::SeqCst);
    }

    /// Whether somebody waits for a place.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::SeqCst)
    }

    /// A worker says how many of its connections only wait.
    pub(super) fn tell_waiting(&self, worker: usize, count: usize) {
        if let Some(waiting) = self.waiting.get(worker) {
            waiting.store(count, Ordering::SeqCst);
        }
    }

    /// Whether there will be room soon, because some only wait.
    pub(super) fn has_waiting(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.load(Ordering::SeqCst) > 0)
    }

    /// Ends when a place was given up.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Ends when that worker is asked for room.
    pub(super) async fn asked(&self, worker: usize) {
        match self.bells.get(worker) {
            Some(bell) => bell.notified().await,
            None => std::future::pending().await,
        }
    }

    fn per_peer(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.per_peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(1, Ordering::SeqCst);
        if self.room.is_wanted() {
            self.room.freed.notify_one();
        }
        if let Some(network) = self.peer {
            let mut per_peer = self.room.per_peer();
            if let Some(count) = per_peer.get_mut(&network) {
                *count -= 1;
                if *count == 0 {
                    per_peer.remove(&network);
                }
            }
        }
    }
}

/// What counts as one peer: an IPv4 address, or a /64 of IPv6.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}
