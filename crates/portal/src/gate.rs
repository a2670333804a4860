//! The gate where passwords are verified: few at a time, a short queue, and the more patience the more often one was wrong
//! (threat T35). Nobody is locked out: a right password gets in, late.

use std::net::IpAddr;
use std::time::Duration;

use domain::account::{Hashed, Password, Proof};
use model::{Error, Result};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Passwords hashed at a time: each takes 19 MiB and a core.
const AT_ONCE: usize = 4;
/// And so many more may wait.
const QUEUE: usize = 16;
const COME_BACK_S: u32 = 5;
/// Wrong ones that cost nothing.
const FREE: u32 = 3;
const LONGEST: Duration = Duration::from_secs(8);
/// After that time without a wrong one all is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);
/// Names and addresses that are remembered.
const REMEMBERED: usize = 10_000;

/// Where passwords and one-time codes are tried.
pub struct Gate {
    places: Semaphore,
    queue: Semaphore,
    wrong: Cache<String, (u32, Instant)>,
}

impl Gate {
    /// Nobody has tried anything.
    pub fn new() -> Gate {
        Gate { places: Semaphore::new(AT_ONCE), queue: Semaphore::new(AT_ONCE + QUEUE), wrong: Cache::new(REMEMBERED) }
    }

    /// Verifies a password, in its turn.
    pub async fn verify(&self, kept: Hashed, typed: Password) -> Result<Option<Proof>> {
        self.in_turn(move || kept.verify(&typed)).await
    }

    /// Runs something that takes a core and memory, in its turn; `TooManyTries` where too many wait.
    pub async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let _queued = self.queue.try_acquire().map_err(|_| Error::TooManyTries { retry_after_s: COME_BACK_S })?;
        let _place = self.places.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }

    /// Waits as long as this name, or one from this address, has to after its last wrong tries. A try counts as wrong until
    /// [`Gate::forget`] says otherwise, so that many at once are no way around it.
    pub async fn pause(&self, name: &str, peer: IpAddr) {
        let pause =
            [format!("name {name}"), format!("peer {}", network(peer))].map(|key| self.count(key)).into_iter().max();
        if let Some(pause) = pause.filter(|pause| !pause.is_zero()) {
            tokio::time::sleep(pause).await;
        }
    }

    /// The try was right.
    pub fn forget(&self, name: &str, peer: IpAddr) {
        self.wrong.remove(&format!("name {name}"));
        self.wrong.remove(&format!("peer {}", network(peer)));
    }

    fn count(&self, key: String) -> Duration {
        let now = Instant::now();
        let fresh = |since: Instant| now.duration_since(since) < FORGOTTEN_AFTER;
        let before = self.wrong.get(&key).filter(|(_, since)| fresh(*since)).map_or(0, |(count, _)| count);
        self.wrong.insert(key, (before.saturating_add(1), now));
        match before.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(beyond) => LONGEST.min(Duration::from_millis(250 << beyond.min(8))),
        }
    }
}

/// An IPv6 peer owns at least a /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_wrong_often_waits_longer_and_never_for_ever() {
        let (gate, peer) = (Gate::new(), IpAddr::from([192, 0, 2, 1]));
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let before = Instant::now();
            gate.pause("ada", peer).await;
            pauses.push(before.elapsed());
        }
        assert_eq!(pauses[..3], [Duration::ZERO; 3]);
        assert!(pauses[3] >= Duration::from_millis(250) && pauses[4] > pauses[3]);
        assert!(pauses[11] <= LONGEST + Duration::from_millis(5));
        gate.forget("ada", peer);
        let before = Instant::now();
        gate.pause("ada", peer).await;
        assert!(before.elapsed() < Duration::from_millis(5));
    }
}
