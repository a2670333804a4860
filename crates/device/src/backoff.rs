//! How long to stay away after a failure: exponential, with full jitter, never less than the server asked for.

/// The times of a back-off, in milliseconds. The default suits a device that a person has just unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Up to so long a device waits before its first call after power-up.
    pub start_ms: u32,
    /// Never come back sooner than this.
    pub least_ms: u32,
    /// The upper end of the first random wait; it doubles with each failure.
    pub first_ms: u32,
    /// The upper end never grows beyond this.
    pub most_ms: u32,
    /// A Retry-After is believed up to this.
    pub trust_ms: u32,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { start_ms: 2_000, least_ms: 1_000, first_ms: 4_000, most_ms: 300_000, trust_ms: 86_400_000 }
    }
}

/// Counts failures in a row and says how long to wait after each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u8,
}

impl Backoff {
    /// The wait after one more failure. `retry_after_s` is what the server asked for, 0 where it asked for nothing.
    pub(crate) fn wait_ms(&mut self, pace: &Pace, chance: u32, retry_after_s: u32) -> u32 {
        let ceiling =
            pace.first_ms.checked_shl(u32::from(self.failures)).filter(|ms| ms >> self.failures == pace.first_ms);
        let ceiling = ceiling.unwrap_or(u32::MAX).min(pace.most_ms);
        self.failures = self.failures.saturating_add(1).min(31);
        if retry_after_s == 0 {
            return pick(chance, ceiling).max(pace.least_ms);
        }
        // All that were sent away together were given the same number: spread them over as long again.
        let asked = retry_after_s.saturating_mul(1_000).min(pace.trust_ms);
        asked.saturating_add(pick(chance, ceiling.min(asked))).max(pace.least_ms)
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A number from 0 to `ceiling`, both included.
pub(crate) fn pick(chance: u32, ceiling: u32) -> u32 {
    ((u64::from(chance) * (u64::from(ceiling) + 1)) >> 32) as u32
}

/// A wait that ends at a point in time, so that waking early does not shorten it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until {
    at_ms: u64,
    length_ms: u32,
}

impl Until {
    /// Over already.
    pub(crate) const NOW: Until = Until { at_ms: 0, length_ms: 0 };

    pub(crate) fn after(now_ms: u64, length_ms: u32) -> Until {
        Until { at_ms: now_ms.saturating_add(u64::from(length_ms)), length_ms }
    }

    /// What is left of it. A clock that was set back cannot make it longer than it was.
    pub(crate) fn left_ms(&self, now_ms: u64) -> u32 {
        let left = u32::try_from(self.at_ms.saturating_sub(now_ms)).unwrap_or(u32::MAX);
        left.min(self.length_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { start_ms: 0, least_ms: 10, first_ms: 1_000, most_ms: 60_000, trust_ms: 3_600_000 };

    #[test]
    fn the_ceiling_doubles_until_it_is_high_enough_and_never_overflows() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<u32> = (0..300).map(|_| backoff.wait_ms(&PACE, u32::MAX, 0)).collect();
        assert_eq!(ceilings[..7], [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
        assert!(ceilings[7..].iter().all(|&ms| ms == 60_000));
        backoff.reset();
        assert_eq!(backoff.wait_ms(&PACE, u32::MAX, 0), 1_000);
    }

    #[test]
    fn the_jitter_covers_everything_from_the_least_to_the_ceiling() {
        assert_eq!(Backoff::default().wait_ms(&PACE, 0, 0), 10);
        assert_eq!(Backoff::default().wait_ms(&PACE, 1 << 31, 0), 500);
    }

    #[test]
    fn a_retry_after_is_never_undercut_and_a_mad_one_not_believed() {
        for chance in [0, 1, 1 << 31, u32::MAX] {
            let ms = Backoff::default().wait_ms(&PACE, chance, 30);
            assert!((30_000..=60_000).contains(&ms), "{ms}");
            assert!(Backoff::default().wait_ms(&PACE, chance, u32::MAX) <= 3_601_000);
        }
    }

    #[test]
    fn waking_early_or_a_clock_set_back_neither_shortens_nor_lengthens_a_wait() {
        let until = Until::after(1_000, 500);
        assert_eq!(until.left_ms(1_000), 500);
        assert_eq!(until.left_ms(1_499), 1);
        assert_eq!(until.left_ms(1_500), 0);
        assert_eq!(until.left_ms(0), 500);
    }
}
