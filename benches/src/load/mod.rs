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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server that gives each request on each connection these bytes, in pieces of that size.
    fn server(answer: Vec<u8>, piece: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, answer) = (stream.unwrap(), answer.clone());
                thread::spawn(move || {
                    stream.set_nodelay(true).unwrap();
                    while stream.read(&mut [0; 1000]).is_ok_and(|count| count > 0) {
                        for piece in answer.chunks(piece) {
                            if stream.write_all(piece).is_err() {
                                return;
                            }
                        }
                    }
                });
            }
        });
        address
    }

    fn ask(address: SocketAddr, requests: usize, good: &dyn Fn(&Answer<'_>) -> bool) -> Outcome<Measured> {
        let mut left = requests;
        let mut next = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
            left = left.saturating_sub(1);
            left > 0
        };
        let (warm_up, measure) = (Duration::ZERO, Duration::from_secs(20));
        Load { address, connections: 3, warm_up, measure, server: Watched::Here, next: &mut next, good }.run()
    }

    fn answer(status: &str, body: &[u8]) -> Vec<u8> {
        [format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
    }

    #[test]
    fn answers_are_read_whole_however_they_come() {
        for body in [0, 1, 40, 60_000, 70_000, 1_000_000] {
            let body = vec![7; body];
            for piece in [5, 1000, 100_000].map(|piece: usize| piece.max(body.len() / 100)) {
                let address = server(answer("200 OK", &body), piece);
                let good = |answer: &Answer<'_>| {
                    answer.status == 200
                        && answer.length == body.len() as u64
                        && (answer.body == body || (answer.body.is_empty() && answer.length > 64 << 10))
                };
                let measured = ask(address, 50, &good).unwrap();
                assert!(measured.requests() > 30 && measured.latency(1.0) >= measured.latency(0.5));
                assert_eq!(measured.body_bytes, (measured.requests() * body.len()) as u64);
            }
        }
    }

    #[test]
    fn a_wrong_answer_ends_the_run() {
        let good = |answer: &Answer<'_>| answer.status == 200 && answer.body == b"right";
        for wrong in [
            answer("200 OK", b"wrong"),
            answer("500 Internal Server Error", b"right"),
            [answer("200 OK", b"right"), b"more".to_vec()].concat(),
            b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
            b"rubbish\r\n\r\n".to_vec(),
        ] {
            assert!(ask(server(wrong, 1 << 20), 50, &good).is_err());
        }
        assert!(ask(server(answer("200 OK", b"right"), 1 << 20), 50, &good).is_ok());
    }
}
