//! Thousands of connections that wait for a value each: one thread, nonblocking sockets, every answer read and counted.

mod frame;
mod way;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{Outcome, failed};
pub use way::{Seen, Way};

/// Connections from one loopback address: the ports of one do not last for all, and those of a round before may still be
/// remembered by the kernel.
const OF_ONE_ADDRESS: usize = 5_000;

/// The connections of a round.
pub struct Crowd {
    way: Way,
    poll: OwnedFd,
    connections: Vec<Waiting>,
    scratch: Vec<u8>,
    /// How many said that they wait; those of HTTP cannot.
    pub acknowledged: usize,
}

struct Waiting {
    stream: TcpStream,
    unread: Vec<u8>,
    /// What is said once the server has agreed to speak WebSocket.
    then: Vec<u8>,
    /// When each value came.
    woken: Vec<Instant>,
}

impl Crowd {
    /// Connects one for each key and alias, and asks. `round` keeps the addresses of rounds apart.
    pub fn open(address: SocketAddr, way: Way, round: usize, watched: &[(&str, &str)]) -> Outcome<Crowd> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut crowd = Crowd { way, poll, connections: Vec::new(), scratch: vec![0; 64 << 10], acknowledged: 0 };
        for (number, (cik, alias)) in watched.iter().enumerate() {
            let host = u8::try_from(2 + round * 16 + number / OF_ONE_ADDRESS)?;
            let mut stream = connect(Ipv4Addr::new(127, 0, 0, host), address)?;
            stream.write_all(way.asks(cik, alias).as_bytes())?;
            stream.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(&crowd.poll, stream.as_fd(), data, epoll::EventFlags::IN)?;
            let then = way.then(cik, alias);
            crowd.connections.push(Waiting { stream, unread: Vec::new(), then, woken: Vec::new() });
            if number % 500 == 499 {
                crowd.attend(Duration::ZERO)?;
            }
        }
        Ok(crowd)
    }

    /// Reads what has come within a time.
    pub fn attend(&mut self, at_most: Duration) -> Outcome<()> {
        let until = Instant::now() + at_most;
        let mut events = Vec::with_capacity(1024);
        loop {
            events.clear();
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            epoll::wait(self.poll.as_fd(), spare_capacity(&mut events), Some(&timeout))?;
            for event in &events {
                self.read(event.data.u64() as usize)?;
            }
            if events.is_empty() && left.is_zero() {
                return Ok(());
            }
        }
    }

    fn read(&mut self, number: usize) -> Outcome<()> {
        let connection = &mut self.connections[number];
        loop {
            match connection.stream.read(&mut self.scratch) {
                Ok(0) => return failed(format!("connection {number} was ended")),
                Ok(count) => connection.unread.extend_from_slice(&self.scratch[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return failed(format!("connection {number}: {error}")),
            }
        }
        while let Some((seen, length)) = self.way.read(&connection.unread)? {
            connection.unread.drain(..length);
            match seen {
                Seen::Agreed => {
                    let then = std::mem::take(&mut connection.then);
                    connection.stream.write_all(&then)?;
                }
                Seen::Acknowledged => self.acknowledged += 1,
                Seen::Asked => connection.stream.write_all(&frame::pong())?,
                Seen::Value => connection.woken.push(Instant::now()),
                Seen::Other => {}
            }
        }
        if connection.unread.is_empty() {
            connection.unread = Vec::new();
        }
        Ok(())
    }

    /// How many have had a value.
    pub fn woken(&self) -> usize {
        self.connections.iter().filter(|connection| !connection.woken.is_empty()).count()
    }

    /// How many have had more than one.
    pub fn woken_again(&self) -> usize {
        self.connections.iter().filter(|connection| connection.woken.len() > 1).count()
    }

    /// When each had its first value.
    pub fn moments(&self) -> impl Iterator<Item = Option<Instant>> + '_ {
        self.connections.iter().map(|connection| connection.woken.first().copied())
    }
}

fn connect(from: Ipv4Addr, to: SocketAddr) -> Outcome<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect(&to.into())?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Asks the system for as many open files as it gives to this process and to the server that it starts, at most so many; how
/// many that are.
pub fn allow_files(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let more = Rlimit { current: Some(wanted), maximum: limit.maximum.map(|most| most.max(wanted)) };
    if setrlimit(Resource::Nofile, more).is_ok() {
        return wanted;
    }
    let most = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(wanted)
}
