//! What happened to the fleet: counts, times, and the promises that were checked.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use crate::when::span;

/// The most violations that are kept for showing.
const SHOWN: usize = 5;

#[derive(Default)]
pub struct Tally {
    devices: usize,
    asked: Cell<u64>,
    lost: Cell<u64>,
    cut: Cell<u64>,
    unreachable: Cell<u64>,
    crashes: Cell<u64>,
    waits: Cell<u64>,
    keys: RefCell<HashMap<[u8; 40], usize>>,
    activated: RefCell<Vec<Option<Duration>>>,
    updated: RefCell<Vec<Option<Duration>>>,
    broken: RefCell<Vec<String>>,
}

fn add(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

impl Tally {
    pub fn new(devices: usize) -> Tally {
        Tally {
            devices,
            activated: RefCell::new(vec![None; devices]),
            updated: RefCell::new(vec![None; devices]),
            ..Tally::default()
        }
    }

    pub fn asked(&self) {
        add(&self.asked);
    }

    pub fn lost(&self) {
        add(&self.lost);
    }

    pub fn cut(&self) {
        add(&self.cut);
    }

    pub fn unreachable(&self) {
        add(&self.unreachable);
    }

    pub fn crashed(&self) {
        add(&self.crashes);
    }

    pub fn waited(&self) {
        add(&self.waits);
    }

    /// A promise was broken.
    pub fn breaks(&self, what: String) {
        self.broken.borrow_mut().push(what);
    }

    /// A device holds this key: nobody else may.
    pub fn holds(&self, device: usize, key: &[u8; 40], at: Duration) {
        let other = *self.keys.borrow_mut().entry(*key).or_insert(device);
        if other != device {
            self.breaks(format!("devices {other} and {device} hold the same key"));
        }
        if let Some(place) = self.activated.borrow_mut().get_mut(device) {
            place.get_or_insert(at);
        }
    }

    /// A device runs the newest firmware and its key works.
    pub fn is_done(&self, device: usize, at: Duration) {
        if let Some(place) = self.updated.borrow_mut().get_mut(device) {
            place.get_or_insert(at);
        }
    }

    /// How many are activated, and how many are done.
    pub fn counts(&self) -> (u64, u64) {
        let count = |times: &RefCell<Vec<Option<Duration>>>| times.borrow().iter().flatten().count() as u64;
        (count(&self.activated), count(&self.updated))
    }

    /// `31,000 questions, 9,300 answers lost, 12 crashes`
    pub fn line(&self) -> String {
        format!(
            "{} questions, {} answers lost, {} cut, {} crashes",
            self.asked.get(),
            self.lost.get(),
            self.cut.get(),
            self.crashes.get()
        )
    }

    /// The summary, a line each.
    pub fn fields(&self, elapsed: Duration) -> Vec<(&'static str, String)> {
        let (activated, updated) = self.counts();
        let of = |count: u64| format!("{count} of {}", self.devices);
        vec![
            ("took", span(elapsed)),
            ("activated", of(activated)),
            ("until_the_key", percentiles(&self.activated.borrow())),
            ("updated", of(updated)),
            ("until_the_update", percentiles(&self.updated.borrow())),
            ("questions", self.asked.get().to_string()),
            ("answers_lost", self.lost.get().to_string()),
            ("answers_cut", self.cut.get().to_string()),
            ("unreachable", self.unreachable.get().to_string()),
            ("crashes", self.crashes.get().to_string()),
            ("waits", self.waits.get().to_string()),
            ("broken_promises", self.broken.borrow().len().to_string()),
        ]
    }

    /// Whether every promise was kept.
    pub fn verdict(&self) -> Result<(), String> {
        let broken = self.broken.borrow();
        if !broken.is_empty() {
            let shown: Vec<&str> = broken.iter().take(SHOWN).map(String::as_str).collect();
            return Err(format!("{} promises were broken: {}", broken.len(), shown.join("; ")));
        }
        let unfinished: Vec<String> = (self.updated.borrow().iter().enumerate())
            .filter(|(_, at)| at.is_none())
            .map(|(number, _)| number.to_string())
            .collect();
        match &unfinished[..] {
            [] => Ok(()),
            some => Err(format!(
                "{} of {} devices did not finish, among them {}",
                some.len(),
                self.devices,
                some[..some.len().min(SHOWN)].join(", ")
            )),
        }
    }
}

/// `half within 1.2 s, 90 % 3.0 s, 99 % 9.1 s, all 12.0 s`
fn percentiles(times: &[Option<Duration>]) -> String {
    let mut times: Vec<Duration> = times.iter().flatten().copied().collect();
    times.sort();
    let within = |percent: usize| {
        let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
        span(times.get(index).copied().unwrap_or_default())
    };
    format!("half within {}, 90 % {}, 99 % {}, all {}", within(50), within(90), within(99), within(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_in_two_devices_breaks_a_promise_and_twice_in_one_does_not() {
        let tally = Tally::new(2);
        for device in 0..2 {
            tally.is_done(device, Duration::from_secs(1));
        }
        tally.holds(0, &[b'a'; 40], Duration::from_secs(1));
        tally.holds(0, &[b'a'; 40], Duration::from_secs(2));
        tally.holds(0, &[b'b'; 40], Duration::from_secs(2));
        assert_eq!(tally.verdict(), Ok(()));
        tally.holds(1, &[b'a'; 40], Duration::from_secs(3));
        assert!(tally.verdict().unwrap_err().contains("devices 0 and 1 hold the same key"));
    }

    #[test]
    fn a_device_that_did_not_finish_is_told() {
        let tally = Tally::new(3);
        tally.is_done(0, Duration::from_secs(1));
        tally.is_done(2, Duration::from_secs(3));
        assert_eq!(tally.verdict().unwrap_err(), "1 of 3 devices did not finish, among them 1");
        assert_eq!(percentiles(&tally.updated.borrow()), "half within 1.0 s, 90 % 3.0 s, 99 % 3.0 s, all 3.0 s");
    }
}
