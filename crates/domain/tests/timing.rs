//! Comparing secrets takes the same time wherever they differ (threat T08, goal G12): Welch's t-test over the times of two
//! classes of inputs, in the manner of dudect. `CIKADA_TIMING_SAMPLES` makes a campaign of it (`scripts/timing`).

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a broken expectation ends the test")]

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

use cikada_domain::caller::{self, Credential};
use cikada_domain::found;
use model::{Limits, SecretKey, VendorName};
use store::{Clock, KeyHash, MasterKey, Options, Store};

/// Beyond it two means differ for a reason.
const CONSPICUOUS: f64 = 4.5;
/// Whatever else the machine does is noise that comes and goes; a leak is there each time.
const TRIES: usize = 5;

fn samples() -> usize {
    std::env::var("CIKADA_TIMING_SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000)
}

/// The largest t over some ways to leave out what took unusually long. Both classes are measured in one random order.
fn largest_t<I: Copy>(count: usize, inputs: [I; 2], mut run: impl FnMut(I)) -> f64 {
    let mut times: [Vec<f64>; 2] = Default::default();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let class = (state >> 32) as usize & 1;
        let input = black_box(inputs[class]);
        let began = Instant::now();
        run(input);
        times[class].push(began.elapsed().as_nanos() as f64);
    }
    let mut all: Vec<f64> = times.concat();
    all.sort_by(f64::total_cmp);
    let crops = [0.5, 0.75, 0.9, 0.99].map(|part| all[((all.len() - 1) as f64 * part) as usize]);
    crops.iter().map(|limit| t(&times[0], &times[1], *limit).abs()).fold(0.0, f64::max)
}

/// Welch's t of those values that are at most `limit`.
fn t(first: &[f64], second: &[f64], limit: f64) -> f64 {
    let moments = |values: &[f64]| {
        let kept: Vec<f64> = values.iter().copied().filter(|value| *value <= limit).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean, error), (other, other_error)) = (moments(first), moments(second));
    let spread = (error + other_error).sqrt();
    if spread == 0.0 { 0.0 } else { (mean - other) / spread }
}

/// The least t of a few tries.
fn least_of_tries(name: &str, mut measure: impl FnMut() -> f64) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..TRIES {
        least = least.min(measure());
        if least < CONSPICUOUS {
            break;
        }
    }
    println!("{name}: t = {least:.2} over {} samples", samples());
    least
}

/// Two that differ from a secret in their first byte only, and in their last byte only.
fn near_misses(secret: [u8; 32]) -> [[u8; 32]; 2] {
    let mut misses = [secret; 2];
    misses[0][0] ^= 1;
    misses[1][31] ^= 1;
    misses
}

#[test]
fn comparing_hashes_takes_as_long_wherever_they_differ() {
    let secret = [0x5a; 32];
    let kept = KeyHash::from_bytes(secret);
    let t = least_of_tries("KeyHash::matches", || {
        largest_t(samples(), near_misses(secret), |guess| {
            let guess = KeyHash::from_bytes(guess);
            for _ in 0..8 {
                black_box(black_box(&kept).matches(black_box(&guess)));
            }
        })
    });
    assert!(t < CONSPICUOUS, "t = {t}: the time tells where two hashes differ");
}

/// The control: the same measurement finds a comparison that stops early.
#[test]
fn the_measurement_finds_a_comparison_that_stops_at_the_first_difference() {
    fn stops_early(one: &[u8], other: &[u8]) -> bool {
        for place in 0..one.len() {
            if black_box(one[place]) != black_box(other[place]) {
                return false;
            }
        }
        true
    }
    let secret = [0x5a; 32];
    let t = largest_t(20_000, near_misses(secret), |guess| {
        for _ in 0..8 {
            black_box(stops_early(black_box(&secret), black_box(&guess)));
        }
    });
    assert!(t > CONSPICUOUS, "t = {t}: this measurement would find nothing");
}

#[test]
fn looking_a_key_up_takes_as_long_wherever_it_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("db"));
    let master = MasterKey::from_bytes([1; 32]);
    Store::create(&options, &master).unwrap();
    let store = Store::open(options, &master, Clock::system(), |_| ()).unwrap();
    let name = VendorName::parse("acme", &Limits::default()).unwrap();
    let founded = block_on(store.write(move |tx| found::found(tx, &name))).unwrap();
    // The first six bytes find the row; what follows is compared by its hash.
    let wrong = |key: &[u8; 20]| {
        let mut wrong = [*key; 2];
        wrong[0][6] ^= 1;
        wrong[1][19] ^= 1;
        wrong
    };
    let look_up = |credential: fn([u8; 20]) -> Credential| {
        let store = &store;
        move |key: [u8; 20]| {
            let credential = credential(key);
            let found = block_on(store.peek(move |tx| caller::vendor(tx, &credential).map(|_| ())));
            assert!(black_box(found).is_err());
        }
    };
    let count = samples() / 4;
    let by_cik = look_up(|key| Credential::Cik(model::Cik::from_bytes(key)));
    let t = least_of_tries("a CIK", || largest_t(count, wrong(founded.vendor.cik.expose_bytes()), by_cik));
    assert!(t < CONSPICUOUS, "t = {t}: the time tells where a CIK is wrong");
    let by_token = look_up(|key| Credential::Token(model::Token::from_bytes(key)));
    let t = least_of_tries("a token", || largest_t(count, wrong(founded.token.expose_bytes()), by_token));
    assert!(t < CONSPICUOUS, "t = {t}: the time tells where a token is wrong");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Unpark>) {
        self.0.unpark();
    }
}
