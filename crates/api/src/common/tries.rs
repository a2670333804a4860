//! Limits on failed activations (THREATS section 2, "Rate limits").
//!
//! Only failures cost. An address pays once for each different number, so a device that polls while it waits does not lock
//! out others behind its address; and a number that is knocked at from everywhere is never refused what would succeed:
//! its refusals only stop leaving traces. Everything is bounded in memory; what is forgotten is forgotten in favour of the
//! caller.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

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
    /// The same, over a day.
    pub address_day: Budget,
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
            address_day: Budget { burst: 600, per_minute: 600.0 / 1440.0 },
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

struct Buckets(Mutex<[Bucket; 2]>);

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Tries {
    /// Nobody has failed yet.
    pub fn new(budgets: Budgets) -> Tries {
        let cache = || Cache::new(budgets.remembered);
        let (addresses, networks, pairs, numbers) = (cache(), cache(), cache(), cache());
        Tries { budgets, hasher: RandomState::new(), addresses, networks, pairs, numbers }
    }

    /// Whether this address may try this number now; otherwise after how many seconds. `number` is anything that stands for
    /// vendor, model and serial number together.
    pub fn admit(&self, address: IpAddr, number: &impl Hash) -> Result<Admitted, u32> {
        let logged = self.left(&self.numbers, self.key(number), 0, self.budgets.number) >= 1.0;
        if self.is_trusted(address) {
            return Ok(Admitted { logged });
        }
        let (peer, network) = (self.key(peer(address)), self.key(network(address)));
        let pair = self.key((peer, self.key(number)));
        let lacking = [
            (&self.pairs, pair, 0, self.budgets.address_and_number),
            (&self.addresses, peer, 0, self.budgets.address),
            (&self.addresses, peer, 1, self.budgets.address_day),
            (&self.networks, network, 0, self.budgets.network),
        ];
        let wait = lacking.into_iter().map(|(cache, key, place, budget)| {
            let left = self.left(cache, key, place, budget);
            if left >= 1.0 { 0.0 } else { (1.0 - left) / budget.per_minute * 60.0 }
        });
        let wait = wait.fold(0.0, f64::max);
        if wait > 0.0 { Err(wait.ceil().clamp(1.0, 86_400.0) as u32) } else { Ok(Admitted { logged }) }
    }

    /// The try failed.
    pub fn failed(&self, address: IpAddr, number: &impl Hash) {
        self.spend(&self.numbers, self.key(number), &[self.budgets.number]);
        if self.is_trusted(address) {
            return;
        }
        let (peer, network) = (self.key(peer(address)), self.key(network(address)));
        let pair = self.key((peer, self.key(number)));
        let is_different = self.pairs.peek(&pair).is_none();
        self.spend(&self.pairs, pair, &[self.budgets.address_and_number]);
        if is_different {
            self.spend(&self.addresses, peer, &[self.budgets.address, self.budgets.address_day]);
            self.spend(&self.networks, network, &[self.budgets.network]);
        }
    }

    /// The number was enabled: what others did to it is forgotten.
    pub fn forget_number(&self, number: &impl Hash) {
        self.numbers.remove(&self.key(number));
    }

    fn left(&self, cache: &Cache<u64, Arc<Buckets>>, key: u64, place: usize, budget: Budget) -> f64 {
        match cache.peek(&key) {
            Some(buckets) => buckets.filled(place, budget, Instant::now()).left,
            None => f64::from(budget.burst),
        }
    }

    fn spend(&self, cache: &Cache<u64, Arc<Buckets>>, key: u64, budgets: &[Budget]) {
        let now = Instant::now();
        let full = |place: usize| {
            let burst = budgets.get(place).map_or(0, |budget| budget.burst);
            Bucket { left: f64::from(burst), at: now }
        };
        let made = cache.get_or_insert_with(&key, || {
            Ok::<_, std::convert::Infallible>(Arc::new(Buckets(Mutex::new([full(0), full(1)]))))
        });
        let Ok(buckets) = made;
        for (place, budget) in budgets.iter().enumerate() {
            let mut bucket = buckets.filled(place, *budget, now);
            bucket.left = (bucket.left - 1.0).max(0.0);
            buckets.0.lock().unwrap_or_else(PoisonError::into_inner)[place] = bucket;
        }
    }

    fn key(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.budgets.trusted.iter().any(|(network, bits)| within(address, *network, *bits))
    }
}

impl Buckets {
    fn filled(&self, place: usize, budget: Budget, now: Instant) -> Bucket {
        let bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner)[place];
        let minutes = now.saturating_duration_since(bucket.at).as_secs_f64() / 60.0;
        Bucket { left: (bucket.left + minutes * budget.per_minute).min(f64::from(budget.burst)), at: now }
    }
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
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    #[test]
    fn an_address_pays_once_for_each_different_number() {
        let tries = Tries::new(Budgets::default());
        for number in 0..100 {
            assert!(tries.admit(HOME, &number).is_ok(), "{number}");
            tries.failed(HOME, &number);
        }
        assert!(tries.admit(HOME, &1000).is_err_and(|wait| (1..=6).contains(&wait)));
        let polling = Tries::new(Budgets::default());
        for _ in 0..9 {
            polling.failed(HOME, &"sn");
        }
        assert!(polling.admit(HOME, &"sn").is_ok());
        polling.failed(HOME, &"sn");
        assert!(polling.admit(HOME, &"sn").is_err());
        assert!(polling.admit(HOME, &"another").is_ok());
    }

    #[test]
    fn a_number_knocked_at_from_everywhere_is_admitted_without_a_trace() {
        let tries = Tries::new(Budgets::default());
        for last in 0..60u8 {
            tries.failed(IpAddr::from([203, 0, last, 1]), &"sn");
        }
        assert_eq!(tries.admit(HOME, &"sn"), Ok(Admitted { logged: false }));
        tries.forget_number(&"sn");
        assert_eq!(tries.admit(HOME, &"sn"), Ok(Admitted { logged: true }));
    }

    #[test]
    fn a_network_and_a_prefix_pay_together() {
        let tries = Tries::new(Budgets::default());
        for number in 0..600u32 {
            tries.failed(IpAddr::from([198, 51, 100, (number % 200) as u8]), &number);
        }
        assert!(tries.admit(IpAddr::from([198, 51, 100, 250]), &"x").is_err());
        assert!(tries.admit(IpAddr::from([198, 51, 101, 250]), &"x").is_ok());
        let six = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        for number in 0..100 {
            tries.failed(six(number), &number);
        }
        assert!(tries.admit(six(1000), &"x").is_err());
    }

    #[test]
    fn a_trusted_network_is_not_limited() {
        let trusted = vec![(IpAddr::from([198, 51, 100, 0]), 24)];
        let tries = Tries::new(Budgets { trusted, ..Budgets::default() });
        for number in 0..1000 {
            tries.failed(HOME, &number);
        }
        assert!(tries.admit(HOME, &"x").is_ok());
        assert!(within(HOME, IpAddr::from([0, 0, 0, 0]), 0));
        assert!(!within(HOME, IpAddr::from([198, 51, 100, 8]), 32));
    }
}
