//! Failed tries of people who are signed in: adding devices by numbers that are not there, taking devices over by wrong codes. What
//! an owner may find out by trying is worth no more than what anybody finds out by activating.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use model::{Error, Result};
use quick_cache::sync::Cache;

/// Failures in a row before the first refusal.
const BURST: f64 = 20.0;
/// And so many a minute after that.
const PER_MINUTE: f64 = 1.0;
/// Accounts that are remembered.
const REMEMBERED: usize = 10_000;

/// Who failed how often, by account.
pub struct Budget {
    accounts: Cache<i64, Arc<Mutex<(f64, Instant)>>>,
}

impl Budget {
    /// Nobody has failed yet.
    pub fn new() -> Budget {
        Budget { accounts: Cache::new(REMEMBERED) }
    }

    /// Whether this account may try; otherwise after how many seconds.
    pub fn admit(&self, account_id: i64) -> Result<()> {
        let left = self.accounts.get(&account_id).map_or(BURST, |bucket| left(&bucket));
        if left >= 1.0 {
            return Ok(());
        }
        let retry_after_s = ((1.0 - left) / PER_MINUTE * 60.0).ceil().max(1.0) as u32;
        Err(Error::TooManyTries { retry_after_s })
    }

    /// The try failed.
    pub fn failed(&self, account_id: i64) {
        let fresh = || Arc::new(Mutex::new((BURST, Instant::now())));
        let made = self.accounts.get_or_insert_with(&account_id, || Ok::<_, std::convert::Infallible>(fresh()));
        let bucket = match made {
            Ok(bucket) => bucket,
            Err(never) => match never {},
        };
        let now_left = left(&bucket) - 1.0;
        *bucket.lock().unwrap_or_else(PoisonError::into_inner) = (now_left.max(0.0), Instant::now());
    }
}

fn left(bucket: &Mutex<(f64, Instant)>) -> f64 {
    let (left, at) = *bucket.lock().unwrap_or_else(PoisonError::into_inner);
    (left + at.elapsed().as_secs_f64() / 60.0 * PER_MINUTE).min(BURST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_guesses_has_to_wait_and_others_do_not() {
        let budget = Budget::new();
        for _ in 0..BURST as usize {
            budget.admit(1).unwrap();
            budget.failed(1);
        }
        assert!(matches!(budget.admit(1), Err(Error::TooManyTries { retry_after_s: 1..=60 })));
        budget.admit(2).unwrap();
    }
}
