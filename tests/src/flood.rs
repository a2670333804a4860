//! Datagrams in quick succession from many addresses, and what comes back for them (threat T22, goal G10).

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::coap::Message;
use crate::coap::number::{ACCEPT, BLOCK1, BLOCK2, CON, DELETE, OBSERVE, RST};

/// How much is sent at a time, before the clock is looked at.
const SLICE: Duration = Duration::from_millis(2);
/// How long answers may take after the last datagram.
const AFTERMATH: Duration = Duration::from_millis(300);

/// A flood under way.
pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Toll>,
}

/// What was sent, and what came back.
#[derive(Clone, Debug, Default)]
pub struct Toll {
    /// Datagrams sent.
    pub datagrams: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Datagrams that came back.
    pub answers: u64,
    /// Their bytes.
    pub answer_bytes: u64,
    /// The largest answer beside its request.
    pub worst_ratio: f64,
    /// The largest error or Reset beside its request.
    pub worst_error_ratio: f64,
    /// For how long.
    pub elapsed: Duration,
}

impl Flood {
    /// Sends so many datagrams a second from as many sockets as there are sources, each at an address of its own.
    pub fn begin(to: SocketAddr, datagrams_per_second: u32, sources: u16, requests: Vec<Message>) -> Flood {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            // A flood comes from elsewhere: it is to take the network from the server, not the cores.
            let _ = rustix::process::setpriority_process(None, 5);
            Sender::new(to, sources, requests).send(datagrams_per_second, &until)
        });
        Flood { stop, thread }
    }

    /// Ends it.
    pub fn end(self) -> Toll {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a flood does not panic")
    }
}

/// What a stranger may send: requests of every kind without a key or with one that nobody has, and bytes that are none.
pub fn requests_of_strangers() -> Vec<Message> {
    let key = crate::UNKNOWN_KEY;
    vec![
        Message::get("/ts"),
        Message::get("/ts").non(),
        Message::get("/.well-known/core"),
        Message::get("/.well-known/core").block(BLOCK2, 0, false, 1024),
        Message::get(&format!("/1a/t?{key}")),
        Message::get(&format!("/1a/t?{key}")).uint(OBSERVE, 0).non(),
        Message::post(&format!("/1a/t?{key}"), "21.5"),
        Message::get(&format!("/provision/download/nobody/nothing?{key}")),
        Message::get(&format!("/provision/download/nobody/nothing/fw?{key}")).block(BLOCK2, 5, false, 1024),
        Message::post("/provision/activate/nobody/nothing/A0001", ""),
        Message::post("/rpc", br#"{"auth":{"cik":""},"calls":[]}"#).uint(ACCEPT, 50),
        Message::post("/rpc", [0xa1; 16]).block(BLOCK1, 0, true, 16),
        Message::request(DELETE, "/ts"),
        Message::get("/nothing").uint(65_001, 1),
        Message::empty(CON, 0),
        Message::empty(RST, 0),
        // A code of a reserved class.
        Message::request(0x20, "/ts"),
    ]
}

struct Sender {
    sources: Vec<UdpSocket>,
    requests: Vec<Message>,
    /// The bytes of the requests that have no token, by source and message id: what comes back for them names nothing else.
    bare: HashMap<(usize, u16), usize>,
    toll: Toll,
}

impl Sender {
    fn new(to: SocketAddr, sources: u16, requests: Vec<Message>) -> Sender {
        let open = |number: u16| {
            let [high, low] = number.to_be_bytes();
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 200 + high, low, 9), 0)).expect("a free port");
            socket.connect(to).expect("an address");
            socket.set_nonblocking(true).expect("a socket that does not wait");
            socket
        };
        let sources = (0..sources).map(open).collect();
        Sender { sources, requests, bare: HashMap::new(), toll: Toll::default() }
    }

    fn send(mut self, datagrams_per_second: u32, stop: &AtomicBool) -> Toll {
        let begin = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let due = (begin.elapsed().as_secs_f64() * f64::from(datagrams_per_second)) as u64;
            // What could not be sent in time is not made up for: that would be a burst.
            let behind = due.saturating_sub(self.toll.datagrams).min(u64::from(datagrams_per_second / 50).max(1));
            (0..behind).for_each(|_| self.send_one());
            self.receive();
            thread::sleep(SLICE);
        }
        self.toll.elapsed = begin.elapsed();
        thread::sleep(AFTERMATH);
        self.receive();
        self.toll
    }

    fn send_one(&mut self) {
        let number = self.toll.datagrams;
        let source = (number % self.sources.len() as u64) as usize;
        let round = number / self.sources.len() as u64;
        let which = (number.wrapping_mul(2_654_435_761) >> 16) as usize % self.requests.len();
        let mut message = self.requests[which].clone();
        message.id = round as u16;
        if message.code != 0 {
            message.token = [&(which as u16).to_be_bytes()[..], &(round as u32).to_be_bytes()].concat();
        }
        let bytes = message.to_bytes();
        // Whether somebody is there shows when something comes back.
        let _ = self.sources[source].send(&bytes);
        self.bare.insert((source, message.id), bytes.len());
        self.toll.datagrams += 1;
        self.toll.bytes += bytes.len() as u64;
    }

    fn receive(&mut self) {
        let mut buffer = [0; 2048];
        for source in 0..self.sources.len() {
            while let Ok(length) = self.sources[source].recv(&mut buffer) {
                let answer = Message::parse(&buffer[..length]).expect("a message");
                let asked = match answer.token[..] {
                    [high, low, ..] => {
                        let which = usize::from(u16::from_be_bytes([high, low]));
                        self.requests[which].to_bytes().len() + answer.token.len()
                    }
                    _ => self.bare.get(&(source, answer.id)).copied().expect("an answer to what was sent"),
                };
                let ratio = length as f64 / asked as f64;
                self.toll.answers += 1;
                self.toll.answer_bytes += length as u64;
                self.toll.worst_ratio = self.toll.worst_ratio.max(ratio);
                if answer.code >> 5 != 2 {
                    self.toll.worst_error_ratio = self.toll.worst_error_ratio.max(ratio);
                }
            }
        }
    }
}
