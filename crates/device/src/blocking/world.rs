//! The operating system's clock and randomness.

use std::time::{Duration, Instant};

use crate::board::World;
use crate::dialogue::Because;

/// The world of a process.
pub struct System {
    start: Instant,
    deadline: Option<Instant>,
    notice: fn(u32, Because),
}

impl Default for System {
    fn default() -> System {
        System { start: Instant::now(), deadline: None, notice: |_, _| {} }
    }
}

impl System {
    /// Gives up when the next try would come later than so long from now.
    pub fn for_at_most(self, patience: Duration) -> System {
        System { deadline: Instant::now().checked_add(patience), ..self }
    }

    /// Tells of every wait: how long in milliseconds, and why.
    pub fn telling(self, notice: fn(u32, Because)) -> System {
        System { notice, ..self }
    }
}

impl World for System {
    fn now_ms(&mut self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        // Without randomness there is no nonce that others can't guess: better not to go on.
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        bytes
    }

    fn pause(&mut self, for_ms: u32, because: Because) -> bool {
        let length = Duration::from_millis(u64::from(for_ms));
        if self.deadline.is_some_and(|deadline| Instant::now() + length > deadline) {
            return false;
        }
        (self.notice)(for_ms, because);
        std::thread::sleep(length);
        true
    }
}
