//! Service time (promise I6): never runs back, not over a restart either, and does not believe a sudden leap.
//!
//! It is the greater of the wall clock and the mark persisted last, carried on by the monotonic clock. A wall clock that
//! leaps ahead by more than [`BELIEVABLE_STEP_S`] against the monotonic one is followed, so that windows count as over, but no
//! mark is persisted from it: when the leap was a fault, a restart with the right clock mends everything.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use model::UnixSeconds;

const BELIEVABLE_STEP_S: i64 = 600;

/// The clock of one server process.
#[derive(Debug)]
pub struct Clock {
    state: Mutex<State>,
    started: Instant,
    skew: Skew,
}

#[derive(Debug)]
struct State {
    latest: UnixSeconds,
    /// Wall minus monotonic time when the wall clock was last believed.
    base: i64,
    leapt: bool,
}

/// What tests add to the wall clock.
#[derive(Debug)]
enum Skew {
    None,
    File(PathBuf),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock::with(Skew::None)
    }

    /// The machine's clock, turned by the number of seconds that the file holds whenever it is read. For tests only.
    pub fn turned_by(file: PathBuf) -> Clock {
        Clock::with(Skew::File(file))
    }

    fn with(skew: Skew) -> Clock {
        let started = Instant::now();
        let clock = Clock { state: Mutex::new(State { latest: 0, base: 0, leapt: false }), started, skew };
        let wall = clock.wall();
        *clock.lock() = State { latest: wall, base: wall, leapt: false };
        clock
    }

    /// Service time in whole Unix seconds.
    pub fn now(&self) -> UnixSeconds {
        let wall = self.wall();
        let running = self.started.elapsed().as_secs() as i64;
        let mut state = self.lock();
        let expected = state.base + running;
        if wall > expected + BELIEVABLE_STEP_S && matches!(self.skew, Skew::None) {
            if !state.leapt {
                tracing::error!(
                    ahead_s = wall - expected,
                    "the wall clock leapt ahead; windows count as over until it is confirmed"
                );
            }
            state.leapt = true;
        } else {
            state.leapt = false;
            state.base = wall - running;
        }
        state.latest = state.latest.max(wall);
        state.latest
    }

    /// The mark to persist, unless the clock is under suspicion.
    pub(crate) fn mark(&self) -> Option<UnixSeconds> {
        let state = self.lock();
        (!state.leapt).then_some(state.latest)
    }

    /// Takes up where an earlier process left off.
    pub(crate) fn resume_from(&self, mark: UnixSeconds) {
        let mut state = self.lock();
        if mark > state.latest + 1 {
            tracing::warn!(
                behind_s = mark - state.latest,
                "the wall clock is behind the last persisted time; service time waits for it"
            );
        }
        state.latest = state.latest.max(mark);
    }

    fn wall(&self) -> UnixSeconds {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        match &self.skew {
            Skew::None => wall,
            Skew::File(file) => {
                let text = std::fs::read_to_string(file).unwrap_or_default();
                wall + text.trim().parse::<i64>().unwrap_or(0)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_time_never_runs_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("skew");
        std::fs::write(&file, "0").unwrap();
        let clock = Clock::turned_by(file.clone());
        let first = clock.now();
        std::fs::write(&file, "5000").unwrap();
        let ahead = clock.now();
        assert!(ahead >= first + 5000);
        std::fs::write(&file, "-5000").unwrap();
        assert!(clock.now() >= ahead);
    }

    #[test]
    fn service_time_goes_on_from_the_persisted_mark() {
        let clock = Clock::system();
        let mark = clock.now() + 100;
        clock.resume_from(mark);
        assert!(clock.now() >= mark);
    }
}
