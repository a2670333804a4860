//! A bad link: a UDP relay that loses, doubles, delays and reorders datagrams in both directions, as its seed says.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How bad the link is, in percent of the datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// How many are lost.
    pub loss: u64,
    /// How many come twice.
    pub double: u64,
    /// How many come late, so that others overtake them.
    pub late: u64,
    /// What decides which.
    pub seed: u64,
}

/// A relay in front of a server, for one peer.
pub struct Relay {
    /// Where the peer sends to.
    pub address: SocketAddr,
    ending: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Puts a relay in front of a server.
    pub fn before(server: SocketAddr, weather: Weather) -> Relay {
        let inside = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let outside = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        inside.connect(server).expect("an address");
        let address = outside.local_addr().expect("an address");
        let (ending, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let link = Link { inside, outside, weather, state: weather.seed | 1, lost: Arc::clone(&lost) };
        let flag = Arc::clone(&ending);
        let thread = thread::spawn(move || link.carry(&flag));
        Relay { address, ending, lost, thread: Some(thread) }
    }

    /// How many datagrams it has lost.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_none_or(|ended| ended.is_ok()), "the relay panicked");
    }
}

struct Link {
    inside: UdpSocket,
    outside: UdpSocket,
    weather: Weather,
    state: u64,
    lost: Arc<AtomicU64>,
}

/// A datagram on its way: when it arrives, whether at the server, its bytes.
type Flight = (Instant, bool, Vec<u8>);

impl Link {
    fn carry(mut self, ending: &AtomicBool) {
        for socket in [&self.inside, &self.outside] {
            socket.set_nonblocking(true).expect("a socket of ours");
        }
        let (mut peer, mut flights) = (None, Vec::<Flight>::new());
        let mut buffer = vec![0; 65_536];
        while !ending.load(Ordering::Relaxed) {
            let mut idle = true;
            if let Ok((length, from)) = self.outside.recv_from(&mut buffer) {
                peer = Some(from);
                self.take_off(&mut flights, true, &buffer[..length]);
                idle = false;
            }
            if let Ok(length) = self.inside.recv(&mut buffer) {
                self.take_off(&mut flights, false, &buffer[..length]);
                idle = false;
            }
            let now = Instant::now();
            for (_, inward, bytes) in flights.extract_if(.., |(at, ..)| *at <= now) {
                // A link makes no promises.
                let _ = match (inward, peer) {
                    (true, _) => self.inside.send(&bytes),
                    (false, Some(peer)) => self.outside.send_to(&bytes, peer),
                    (false, None) => Ok(0),
                };
            }
            if idle {
                thread::sleep(Duration::from_micros(200));
            }
        }
    }

    fn take_off(&mut self, flights: &mut Vec<Flight>, inward: bool, bytes: &[u8]) {
        if self.happens(self.weather.loss) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let copies = if self.happens(self.weather.double) { 2 } else { 1 };
        for _ in 0..copies {
            let delay_ms = if self.happens(self.weather.late) { 20 + self.roll() % 60 } else { self.roll() % 3 };
            flights.push((Instant::now() + Duration::from_millis(delay_ms), inward, bytes.to_vec()));
        }
    }

    fn happens(&mut self, percent: u64) -> bool {
        self.roll() % 100 < percent
    }

    /// Chance, the same for the same seed.
    fn roll(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 11
    }
}
