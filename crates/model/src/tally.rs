//! Counting what happens, for whoever watches a server: counts and histograms that cost an addition each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something there are now. A [`Present`] is one of them.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// One of what a gauge counts, as long as it lives.
#[derive(Debug)]
pub struct Present<'a>(&'a Gauge);

impl Gauge {
    /// One more, until what is given back is dropped.
    pub fn enter(&self) -> Present<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Present(self)
    }

    /// How many there are.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The upper bounds of a histogram's buckets in their order; what is above the last is only in the count.
#[derive(Debug)]
pub struct Histogram<const BUCKETS: usize> {
    bounds: &'static [u64; BUCKETS],
    buckets: [AtomicU64; BUCKETS],
    above: AtomicU64,
    sum: AtomicU64,
}

/// Times from a tenth of a millisecond to ten seconds, in microseconds.
pub const TIMES_US: [u64; 11] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 10_000_000];
/// Sizes of what is done at once.
pub const SIZES: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// A histogram of times.
pub type Times = Histogram<11>;
/// A histogram of sizes.
pub type Sizes = Histogram<9>;

impl Default for Times {
    fn default() -> Times {
        Histogram::new(&TIMES_US)
    }
}

impl Default for Sizes {
    fn default() -> Sizes {
        Histogram::new(&SIZES)
    }
}

impl<const BUCKETS: usize> Histogram<BUCKETS> {
    fn new(bounds: &'static [u64; BUCKETS]) -> Histogram<BUCKETS> {
        let buckets = std::array::from_fn(|_| AtomicU64::new(0));
        Histogram { bounds, buckets, above: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets.get(bucket).unwrap_or(&self.above).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Each bound with how many values were not above it.
    pub fn cumulated(&self) -> impl Iterator<Item = (u64, u64)> {
        self.bounds.iter().zip(&self.buckets).scan(0, |below, (bound, bucket)| {
            *below += bucket.load(Ordering::Relaxed);
            Some((*bound, *below))
        })
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().chain([&self.above]).map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// What they come to.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}

impl Times {
    /// Counts a duration.
    pub fn took(&self, time: Duration) {
        self.observe(time.as_micros().try_into().unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_bucket_that_it_does_not_exceed_and_in_all_above() {
        let sizes = Sizes::default();
        for value in [1, 2, 3, 256, 257] {
            sizes.observe(value);
        }
        let cumulated: Vec<u64> = sizes.cumulated().map(|(_, count)| count).collect();
        assert_eq!(cumulated, [1, 2, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!((sizes.count(), sizes.sum()), (5, 519));
    }

    #[test]
    fn who_is_gone_is_not_there() {
        let gauge = Gauge::default();
        let (first, second) = (gauge.enter(), gauge.enter());
        drop(first);
        assert_eq!(gauge.get(), 1);
        drop(second);
        assert_eq!(gauge.get(), 0);
    }
}
