//! Limits on failed activations (THREATS section 2, "Rate limits").
//!
//! Only failures cost. An address pays once a day for each different number, so a device that polls while it waits does not lock
//! out others behind its address; and a number that is knocked at from everywhere is never refused what would succeed:
//! its refusals only stop leaving traces. Everything is bounded in memory; what is forgotten is forgotten in favour of the
//! caller.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

/// A bucket that holds so many tries and fills at so many a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Failures in a row before the first refusal.
    pub burst: u32,
    /// Failures a minute after that.
    pub per_minute: f64,
}

/// The operator's budgets.
#[derive(Clone, Debug, PartialEq)]
pub struct Budgets {
    /// Different numbers that one address fails with.
    pub address: Budget,
    /// The same in a day, which begins with the first of them.
    pub address_per_day: u32,
    /// Different numbers that one network (/24, /48) fails with.
    pub network: Budget,
    /// Failures of one address with one number.
    pub address_and_number: Budget,
    /// Failures with one number from everywhere; beyond them refusals leave no trace.
    pub number: Budget,
    /// Networks that are not limited, such as a factory's: (address, bits).
    pub trusted: Vec<(IpAddr, u8)>,
    /// Addresses, numbers and pairs remembered at most, each.
    pub remembered: usize,
}

impl Default for Budgets {
    fn default() -> Budgets {
        Budgets {
            address: Budget { burst: 100, per_minute: 10.0 },
            address_per_day: 600,
            network: Budget { burst: 600, per_minute: 60.0 },
            address_and_number: Budget { burst: 10, per_minute: 10.0 },
            number: Budget { burst: 60, per_minute: 60.0 },
            trusted: Vec::new(),
            remembered: 200_000,
        }
    }
}

/// Who failed how often.
pub struct Tries {
    budgets: Budgets,
    hasher: RandomState,
    addresses: Cache<u64, Arc<Buckets>>,
    networks: Cache<u64, Arc<Buckets>>,
    pairs: Cache<u64, Arc<Buckets>>,
    numbers: Cache<u64, Arc<Buckets>>,
}

/// A try that may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// False when the number's budget is used up: a refusal leaves no trace and is answered as one too many.
    pub logged: bool,
}

struct Buckets(Mutex<(Bucket, Day)>);

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// How many have failed in the day that began then.
#[derive(Clone, Copy)]
struct Day {
    failed: u32,
    began: Instant,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Tries {
    /// Nobody has failed yet.
    pub fn new(budgets: Budgets) -> Tries {
        let cache = || Cache::new(budgets.remembered);
        let (addresses, networks, pairs, numbers) = (cache(), cache(), cache(), cache());
        Tries { budgets, hasher: RandomState::new(), addresses, networks, pairs, numbers }
    }

    /// Whether this address may try this number now; otherwise after how many seconds. `number` is anything that stands for
    /// vendor, model and serial number together.
    pub fn admit(&self, address: IpAddr, number: &impl Hash, now: Instant) -> Result<Admitted, u32> {
        let logged = left(&self.numbers, self.key(number), self.budgets.number, now) >= 1.0;
        if self.is_trusted(address) {
            return Ok(Admitted { logged });
        }
        let (peer, network) = (self.key(peer(address)), self.key(network(address)));
        let pair = self.key((peer, self.key(number)));
        let lacking = [
            (&self.pairs, pair, self.budgets.address_and_number),
            (&self.addresses, peer, self.budgets.address),
            (&self.networks, network, self.budgets.network),
        ];
        let wait = lacking.into_iter().map(|(cache, key, budget)| {
            let left = left(cache, key, budget, now);
            if left >= 1.0 { 0.0 } else { (1.0 - left) / budget.per_minute * 60.0 }
        });
        let wait = wait.fold(self.rest_of_day_s(peer, now), f64::max);
        if wait > 0.0 { Err(wait.ceil().clamp(1.0, 86_400.0) as u32) } else { Ok(Admitted { logged }) }
    }

    /// The try failed.
    pub fn failed(&self, address: IpAddr, number: &impl Hash, now: Instant) {
        spend(&self.numbers, self.key(number), self.budgets.number, now);
        if self.is_trusted(address) {
            return;
        }
        let (peer, network) = (self.key(peer(address)), self.key(network(address)));
        let pair = self.key((peer, self.key(number)));
        // Once a day for each number: whoever asks for the same ones for ever could watch more and more of them otherwise.
        let is_different = self.pairs.peek(&pair).is_none_or(|pair| pair.lock().1.is_over(now));
        spend(&self.pairs, pair, self.budgets.address_and_number, now);
        if is_different {
            spend(&self.addresses, peer, self.budgets.address, now);
            spend(&self.networks, network, self.budgets.network, now);
        }
    }

    /// The number was enabled: what others did to it is forgotten.
    pub fn forget_number(&self, number: &impl Hash) {
        self.numbers.remove(&self.key(number));
    }

    /// How long an address has to wait that has used up its day; 0 where it has not.
    fn rest_of_day_s(&self, peer: u64, now: Instant) -> f64 {
        let Some(buckets) = self.addresses.peek(&peer) else { return 0.0 };
        let (_, day) = *buckets.lock();
        if day.failed < self.budgets.address_per_day || day.is_over(now) {
            return 0.0;
        }
        (DAY - now.saturating_duration_since(day.began)).as_secs_f64()
    }

    fn key(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.budgets.trusted.iter().any(|(network, bits)| within(address, *network, *bits))
    }
}

impl Buckets {
    fn lock(&self) -> MutexGuard<'_, (Bucket, Day)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn filled(self, budget: Budget, now: Instant) -> Bucket {
        let minutes = now.saturating_duration_since(self.at).as_secs_f64() / 60.0;
        Bucket { left: (self.left + minutes * budget.per_minute).min(f64::from(budget.burst)), at: now }
    }
}

impl Day {
    fn is_over(self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= DAY
    }
}

fn left(cache: &Cache<u64, Arc<Buckets>>, key: u64, budget: Budget, now: Instant) -> f64 {
    cache.peek(&key).map_or(f64::from(budget.burst), |buckets| buckets.lock().0.filled(budget, now).left)
}

fn spend(cache: &Cache<u64, Arc<Buckets>>, key: u64, budget: Budget, now: Instant) {
    let full = Bucket { left: f64::from(budget.burst), at: now };
    let made = cache.get_or_insert_with(&key, || {
        Ok::<_, std::convert::Infallible>(Arc::new(Buckets(Mutex::new((full, Day { failed: 0, began: now })))))
    });
    let Ok(buckets) = made;
    let mut both = buckets.lock();
    let (bucket, day) = &mut *both;
    *bucket = bucket.filled(budget, now);
    bucket.left = (bucket.left - 1.0).max(0.0);
    if day.is_over(now) {
        *day = Day { failed: 0, began: now };
    }
    day.failed += 1;
}

/// What counts as one peer: an IPv4 address, or an IPv6 /64.
fn peer(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address) >> 64 | 1 << 127,
    }
}

fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(u32::from(address) >> 8),
        IpAddr::V6(address) => u128::from(address) >> 80 | 1 << 127,
    }
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, width) = match (address.to_canonical(), network.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(u32::from(a)), u128::from(u32::from(n)), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (u128::from(a), u128::from(n), 128),
        _ => return false,
    };
    let shift = u32::from(width - bits.min(width));
    address.checked_shr(shift).unwrap_or(0) == network.checked_shr(shift).unwrap_or(0)
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
