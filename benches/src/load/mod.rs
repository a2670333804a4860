//! A load generator: one thread, nonblocking sockets, keep-alive, one request under way on each connection.
//!
//! It checks every answer and takes the time of every request, and costs some 4 us of its core for each, so that with two
//! cores the server is what is measured.

mod connection;
mod measured;

use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::process::Watched;
use crate::{Outcome, failed};
pub use connection::Answer;
use connection::{Connection, Progress};
pub use measured::Measured;

/// Nothing may take longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked of a server, and how hard.
pub struct Load<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// Connections that each have one request under way.
    pub connections: usize,
    /// Time before anything is counted.
    pub warm_up: Duration,
    /// Time that is counted; less when the requests run out.
    pub measure: Duration,
    /// Whose CPU time is counted.
    pub server: Watched,
    /// Writes the next request; false when there are no more.
    pub next: &'a mut dyn FnMut(&mut Vec<u8>) -> bool,
    /// Whether an answer is the right one.
    pub good: &'a dyn Fn(&Answer<'_>) -> bool,
}

impl Load<'_> {
    /// Runs it on this thread. One wrong answer ends it: a fast wrong server is of no interest.
    pub fn run(self) -> Outcome<Measured> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(self.connections);
        for number in 0..self.connections {
            let connection = Connection::open(self.address)?;
            let interest = epoll::EventFlags::IN;
            epoll::add(&poll, connection.as_fd(), epoll::EventData::new_u64(number as u64), interest)?;
            connections.push(connection);
        }
        let mut run = Run { measured: Measured::default(), running: 0, counting: false, scratch: vec![0; 256 << 10] };
        for connection in &mut connections {
            run.ask(connection, self.next)?;
        }
        let begin = Instant::now();
        let mut window = None;
        let mut events = Vec::with_capacity(self.connections.max(1));
        while run.running > 0 {
            events.clear();
            let timeout = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
            epoll::wait(poll.as_fd(), spare_capacity(&mut events), Some(&timeout))?;
            if events.is_empty() {
                return failed(format!("no answer within {PATIENCE:?}"));
            }
            let now = Instant::now();
            if window.is_none() && now - begin >= self.warm_up {
                window = Some((now, self.server.cpu()?));
                run.counting = true;
            }
            let over = window.is_some_and(|(since, _)| now - since >= self.measure);
            for event in &events {
                let connection = &mut connections[event.data.u64() as usize];
                if let Progress::Answered(took) = connection.read(&mut run.scratch, self.good)? {
                    run.count(took, connection);
                    if !over {
                        run.ask(connection, self.next)?;
                    }
                }
            }
            // The window ends with the time, or with the first connection that had nothing more to ask.
            if run.counting && (over || run.running < self.connections) {
                let (since, cpu) = window.expect("counting begins with the window");
                run.measured.elapsed = since.elapsed();
                run.measured.server_cpu = self.server.cpu()?.saturating_sub(cpu);
                run.counting = false;
                if !over {
                    continue;
                }
                break;
            }
        }
        run.measured.finish()
    }
}

struct Run {
    measured: Measured,
    /// Connections with a request under way.
    running: usize,
    counting: bool,
    scratch: Vec<u8>,
}

impl Run {
    fn ask(&mut self, connection: &mut Connection, next: &mut dyn FnMut(&mut Vec<u8>) -> bool) -> Outcome<()> {
        self.running += usize::from(connection.ask(next)?);
        Ok(())
    }

    fn count(&mut self, took: Duration, connection: &Connection) {
        self.running -= 1;
        if self.counting {
            self.measured.count(took, connection.body_bytes());
        }
    }
}
