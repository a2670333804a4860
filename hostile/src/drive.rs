//! Runs a target on the stable toolchain: its stored corpus, then what a seed makes of it, for a time.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::mutate::{Dice, mutate};
use crate::{Target, corpus, keep};

/// No input may take longer (goal G7).
const HANG: Duration = Duration::from_secs(1);
/// No input may take more memory (goal G7).
const MEMORY_BYTES: u64 = 64 << 20;
/// Inputs that brought up something new and are gone on from, at most.
const INTERESTING: usize = 2000;

/// What a run found.
#[derive(Debug, Default)]
pub struct Run {
    /// Inputs tried.
    pub inputs: u64,
    /// Different things that the target saw.
    pub ways: usize,
    /// How much the resident memory of the process grew.
    pub grown_bytes: u64,
    /// The inputs that broke something, and what.
    pub broken: Vec<(PathBuf, String)>,
}

/// Runs the stored corpus, then mutates it until the time is over or something is broken.
pub fn drive(target: &Target, seed: u64, time: Duration) -> Run {
    let mut run = Run::default();
    let mut ways = HashSet::new();
    let mut inputs: Vec<Vec<u8>> = Vec::new();
    for (_, bytes) in corpus(target) {
        run.one(target, &bytes, &mut ways);
        inputs.push(bytes);
    }
    if inputs.is_empty() {
        inputs.push(Vec::new());
    }
    // What the target keeps for good, such as a server, is there by now.
    forget_peak();
    let before = peak_bytes();
    let (mut dice, begin) = (Dice::new(seed), Instant::now());
    while run.broken.is_empty() && begin.elapsed() < time {
        for _ in 0..32 {
            let (from, other) = (dice.roll(inputs.len()), dice.roll(inputs.len()));
            let made = mutate(&mut dice, &inputs[from], &inputs[other], target.words, target.max_bytes);
            if run.one(target, &made, &mut ways) && inputs.len() < INTERESTING {
                inputs.push(made);
            }
        }
    }
    run.grown_bytes = peak_bytes().saturating_sub(before);
    if run.grown_bytes > MEMORY_BYTES {
        run.broken.push((PathBuf::new(), format!("memory grew by {} bytes", run.grown_bytes)));
    }
    run.ways = ways.len();
    run
}

impl Run {
    /// Tries one input; true where the target saw something new in it.
    fn one(&mut self, target: &Target, bytes: &[u8], ways: &mut HashSet<u64>) -> bool {
        let begin = Instant::now();
        let seen = catch_unwind(AssertUnwindSafe(|| (target.check)(bytes)));
        let took = begin.elapsed();
        self.inputs += 1;
        let why = match &seen {
            // A machine that is busy may stop us for that long: only what takes long again is slow.
            Ok(_) if took > HANG && is_slow_again(target, bytes) => format!("it took {took:?}"),
            Ok(seen) => return ways.insert(*seen),
            Err(panic) => message(&**panic),
        };
        self.broken.push((keep(target, bytes), why));
        false
    }
}

fn is_slow_again(target: &Target, bytes: &[u8]) -> bool {
    (0..3).all(|_| {
        let begin = Instant::now();
        (target.check)(bytes);
        begin.elapsed() > HANG
    })
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

/// The largest resident memory since it was forgotten last.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}

fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
