//! Somebody who guesses serial numbers, in virtual time (threat T01, goal G11): how many open windows it hits stays within what the
//! budgets allow, and memory stays bounded however many sources it has. `CIKADA_DAYS=365` makes a year of it.

use super::*;

/// Windows that are open at any moment.
const OPEN: u64 = 100;
const DAYS: u64 = 20;

/// How numbers are given out, and how many there are.
const LAYOUTS: [(&str, u64); 6] = [
    ("five digits", 100_000),
    ("a million in sequence", 1_000_000),
    ("MAC addresses of one maker", 1 << 24),
    ("six letters and digits", 2_176_782_336),
    ("ten digits", 10_000_000_000),
    ("twelve letters and digits", 4_738_381_338_321_616_896),
];

/// Numbers that look like chance, and are the same each time (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// Tries and hits of somebody who knows the layout, asks from one address, and waits no longer than it must.
fn guess(space: u64, days: u64, dice: &mut Dice) -> (Vec<u32>, u64) {
    let tries = Tries::new(Budgets::default());
    let address = IpAddr::from([203, 0, 113, 9]);
    let start = Instant::now();
    let end = start + DAY * days as u32;
    let (mut now, mut hits, mut a_day) = (start, 0, vec![0u32; days as usize]);
    while now < end {
        // Where the open windows are changes all the time; which numbers they have does not matter to somebody who guesses.
        let number = dice.below(space);
        match tries.admit(address, &number, now) {
            Ok(_) => {
                a_day[(now.duration_since(start).as_secs() / 86_400) as usize] += 1;
                if dice.below(space) < OPEN {
                    hits += 1;
                } else {
                    tries.failed(address, &number, now);
                }
            }
            Err(wait_s) => now += Duration::from_secs(u64::from(wait_s)),
        }
    }
    (a_day, hits)
}

#[test]
fn guessing_hits_no_more_than_the_budgets_allow() {
    let mut dice = Dice(11);
    let days = std::env::var("CIKADA_DAYS").ok().and_then(|text| text.parse().ok()).unwrap_or(DAYS);
    for (layout, space) in LAYOUTS {
        let (a_day, hits) = guess(space, days, &mut dice);
        let tries: u64 = a_day.iter().map(|tries| u64::from(*tries)).sum();
        // A number that is guessed twice within a day costs once, and is no other guess either; a hit costs nothing.
        assert!(tries <= 604 * days + hits, "{layout}: {tries} tries in {days} days");
        let expected = tries as f64 * OPEN as f64 / space as f64;
        assert!((hits as f64) < expected + 6.0 * expected.sqrt() + 3.0, "{layout}: {hits} hits, {expected} expected");
        println!("{layout}: {} tries and {:.4} hits a day", tries / days, hits as f64 / days as f64);
    }
}

#[test]
fn good_devices_behind_the_address_of_one_who_guesses_are_answered_once_it_waits() {
    let tries = Tries::new(Budgets::default());
    let address = IpAddr::from([203, 0, 113, 9]);
    let now = Instant::now();
    // 5,000 that succeed cost nothing, so the last is admitted like the first.
    for device in 0..5_000u32 {
        assert!(tries.admit(address, &device, now).is_ok(), "device {device}");
    }
}

#[test]
fn a_hundred_thousand_sources_cost_bounded_memory() {
    let budgets = Budgets { remembered: 1_000, ..Budgets::default() };
    let most = budgets.remembered + budgets.remembered / 10;
    let tries = Tries::new(budgets);
    let now = Instant::now();
    for source in 0..100_000u32 {
        tries.failed(IpAddr::from(source.to_be_bytes()), &source, now);
    }
    for cache in [&tries.addresses, &tries.networks, &tries.pairs, &tries.numbers] {
        assert!(cache.len() <= most, "{} are remembered", cache.len());
    }
}
