//! What a run of the generator found.

use std::time::Duration;

use crate::{Outcome, failed};

/// Requests that were answered well within the window, and what they took.
#[derive(Default)]
pub struct Measured {
    /// The window.
    pub elapsed: Duration,
    /// CPU time that the server used in it.
    pub server_cpu: Duration,
    /// Bytes of bodies.
    pub body_bytes: u64,
    /// One a request, in microseconds; sorted at the end.
    latencies_us: Vec<u32>,
}

impl Measured {
    /// One more.
    pub fn count(&mut self, took: Duration, body_bytes: u64) {
        self.latencies_us.push(took.as_micros().try_into().unwrap_or(u32::MAX));
        self.body_bytes += body_bytes;
    }

    /// The whole, unless it is nothing.
    pub fn finish(mut self) -> Outcome<Measured> {
        if self.latencies_us.is_empty() || self.elapsed.is_zero() {
            return failed("nothing was measured: the requests ran out before the warm-up was over");
        }
        self.latencies_us.sort_unstable();
        Ok(self)
    }

    /// Requests counted.
    pub fn requests(&self) -> usize {
        self.latencies_us.len()
    }

    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests() as f64 / self.elapsed.as_secs_f64()
    }

    /// 10^9 bytes of bodies a second.
    pub fn gigabytes_a_second(&self) -> f64 {
        self.body_bytes as f64 / self.elapsed.as_secs_f64() / 1e9
    }

    /// The latency that this part (0 to 1) of the requests stayed within.
    pub fn latency(&self, part: f64) -> Duration {
        let last = self.latencies_us.len() - 1;
        Duration::from_micros(self.latencies_us[(last as f64 * part).round() as usize].into())
    }

    /// Server CPU time a request, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1e6 / self.requests() as f64
    }
}
