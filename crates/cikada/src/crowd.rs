//! Many at once: the same act for each of many things, on many threads, with the time that each took.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::failure::{Failure, Outcome};
use crate::when::span;

/// Each thread needs little: a socket and some text.
const STACK_BYTES: usize = 512 << 10;

/// What came of it, in the order of the things, and the times.
pub struct Crowd<T> {
    pub results: Vec<T>,
    times: Vec<Duration>,
    pub elapsed: Duration,
}

/// Does `act` to each of `0..count`, at most `at_once` at a time; the first failure is the whole's.
pub fn crowd<T: Send>(
    count: usize,
    at_once: usize,
    bar: &ProgressBar,
    act: impl Fn(usize) -> Outcome<T> + Sync,
) -> Outcome<Crowd<T>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, T, Duration)>> = Mutex::new(Vec::with_capacity(count));
    let failed: Mutex<Option<Failure>> = Mutex::new(None);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count || failed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                return;
            }
            let begun = Instant::now();
            match act(index) {
                Ok(value) => {
                    let took = begun.elapsed();
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, value, took));
                    bar.inc(1);
                }
                Err(failure) => *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure),
            }
        }
    };
    let begun = Instant::now();
    let spawned = thread::scope(|scope| {
        let threads =
            (0..at_once.min(count)).map(|_| thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work));
        threads.collect::<Result<Vec<_>, _>>().map(|_| ())
    });
    let elapsed = begun.elapsed();
    bar.finish_and_clear();
    spawned.map_err(|error| Failure::new(format!("cannot start {at_once} threads: {error}")))?;
    if let Some(failure) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, ..)| *index);
    let mut times: Vec<Duration> = done.iter().map(|(.., took)| *took).collect();
    times.sort();
    Ok(Crowd { results: done.into_iter().map(|(_, value, _)| value).collect(), times, elapsed })
}

impl<T> Crowd<T> {
    /// `312 ms: 641 a second, half of them within 80 ms, all but one in a hundred within 190 ms`
    pub fn pace(&self) -> String {
        let rate = self.times.len() as f64 / self.elapsed.as_secs_f64().max(1e-6);
        let (half, most) = (span(self.within(50)), span(self.within(99)));
        format!("{}: {rate:.0} a second, half of them within {half}, 99 of 100 within {most}", span(self.elapsed))
    }

    /// The time within which so many of a hundred were done.
    fn within(&self, percent: usize) -> Duration {
        let index = (self.times.len() * percent).div_ceil(100).saturating_sub(1);
        self.times.get(index).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_and_a_failure_ends_it() {
        let all = crowd(100, 7, &ProgressBar::hidden(), |index| Ok(index * 2)).unwrap();
        assert_eq!(all.results, (0..100).map(|index| index * 2).collect::<Vec<_>>());
        let failed = crowd(100, 7, &ProgressBar::hidden(), |index| match index {
            42 => Err(Failure::new("no")),
            _ => Ok(()),
        });
        assert_eq!(failed.map(|_| ()).unwrap_err().to_string(), "no");
    }
}
