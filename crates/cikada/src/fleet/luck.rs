//! A device's luck: chance that a seed decides, so that a run can be repeated (SplitMix64).

/// One device's chance. It is not for secrets: a simulated device's keys are worth nothing.
pub struct Luck(u64);

impl Luck {
    /// The luck of one device in a run.
    pub fn of(seed: u64, device: usize) -> Luck {
        let mut luck = Luck(seed ^ (device as u64).wrapping_mul(0xa076_1d64_78bd_642f));
        luck.next();
        luck
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number from 0 to `most`, both included.
    pub fn up_to(&mut self, most: u64) -> u64 {
        self.next() % most.saturating_add(1).max(1)
    }

    /// Whether it happens this time.
    pub fn strikes(&mut self, percent: f64) -> bool {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64 * 100.0 < percent
    }

    /// From -1 to 1.
    pub fn lean(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    pub fn bytes(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        for half in bytes.chunks_exact_mut(8) {
            half.copy_from_slice(&self.next().to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_luck_and_another_device_has_another() {
        let draw = |seed, device| Luck::of(seed, device).bytes();
        assert_eq!(draw(7, 3), draw(7, 3));
        assert_ne!(draw(7, 3), draw(7, 4));
        assert_ne!(draw(7, 3), draw(8, 3));
    }

    #[test]
    fn chances_are_what_they_say() {
        let mut luck = Luck::of(1, 1);
        let struck = (0..100_000).filter(|_| luck.strikes(30.0)).count();
        assert!((29_000..31_000).contains(&struck), "{struck}");
        assert!(!(0..1_000).any(|_| luck.strikes(0.0)));
        assert!((0..1_000).all(|_| (-1.0..=1.0).contains(&luck.lean()) && luck.up_to(3) <= 3));
    }
}
