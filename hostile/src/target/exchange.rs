//! The exchange layer: datagrams, time and answers in any order. What goes out is in form, and never much for little.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use api::coap::{Answer, Bounds, Endpoint, ObserverId, Peer, Request, Shared, Ticket};
use wire::coap::{Code, Kind, Message};

use crate::seen::{magnitude, seen};

/// What an endpoint may hold in these runs.
const BOUNDS: Bounds = Bounds {
    requests: 8,
    remembered_bytes: 4096,
    remembered_reads_bytes: 2048,
    body_bytes: 2048,
    observers: 4,
    refresh: Duration::from_secs(60),
    demands_echo: false,
};

/// The input is a list of steps: what to do, how many bytes belong to it, and these.
pub fn exchange(bytes: &[u8]) -> u64 {
    let epoch = Instant::now();
    let demands_echo = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let shared = Shared::new(8192, 2, [7; 32], (epoch, 1_700_000_000_000));
    let mut run = Run {
        endpoint: Endpoint::new(Bounds { demands_echo, ..BOUNDS }, shared),
        now: epoch,
        pending: VecDeque::new(),
        observers: VecDeque::new(),
        came: HashMap::new(),
        went: HashMap::new(),
        is_known: HashMap::new(),
        ways: (0, 0, 0, 0),
    };
    let mut rest = bytes;
    while let [what, length, after @ ..] = rest {
        let (piece, after) = after.split_at(usize::from(*length).min(after.len()));
        run.step(*what, piece);
        run.look();
        rest = after;
    }
    // Everything that waits comes to an end.
    for _ in 0..40 {
        run.now += Duration::from_secs(30);
        run.endpoint.tick(run.now);
        run.look();
    }
    while let Some(ticket) = run.pending.pop_front() {
        run.answer(ticket, 0);
        run.look();
    }
    let (requests, observers, notices, classes) = run.ways;
    seen((requests.min(9), observers.min(3), notices.min(5), classes, magnitude(run.went.values().sum())))
}

struct Run {
    endpoint: Endpoint,
    now: Instant,
    pending: VecDeque<(Ticket, Request)>,
    observers: VecDeque<ObserverId>,
    /// Bytes that came from a peer, and that went to it.
    came: HashMap<Peer, usize>,
    went: HashMap<Peer, usize>,
    /// Peers that have shown a key, or that they are where they say: the bound does not hold for them.
    is_known: HashMap<Peer, bool>,
    ways: (u32, u32, u32, u32),
}

impl Run {
    fn step(&mut self, what: u8, piece: &[u8]) {
        match what & 7 {
            0..=3 => {
                let peer = Peer::new(([192, 0, 2, what & 3], 5683).into(), None);
                *self.came.entry(peer).or_default() += piece.len();
                if let Some((ticket, request)) = self.endpoint.receive(self.now, peer, piece) {
                    assert!(request.body.len() <= BOUNDS.body_bytes, "a body over its limit");
                    self.endpoint.wait(self.now, &ticket);
                    self.pending.push_back((ticket, request));
                    assert!(self.pending.len() <= BOUNDS.requests, "more requests than are worked on at a time");
                    self.ways.0 += 1;
                }
            }
            4 => {
                self.now += Duration::from_millis(u64::from(piece.first().copied().unwrap_or(1)) * 500);
                self.endpoint.tick(self.now);
            }
            5 | 6 => {
                if let Some(ticket) = self.pending.pop_front() {
                    self.answer(ticket, piece.first().copied().unwrap_or_default());
                }
            }
            _ => {
                if let Some(observer) = self.observers.pop_front() {
                    let value = Answer::text(piece.to_vec()).authenticated();
                    if piece.is_empty() {
                        self.endpoint.end_observation(self.now, observer, &Answer::empty(Code::FORBIDDEN));
                    } else if self.endpoint.notify(self.now, observer, &value) {
                        self.observers.push_back(observer);
                    }
                    self.ways.2 += 1;
                }
            }
        }
    }

    fn answer(&mut self, (ticket, request): (Ticket, Request), how: u8) {
        let peer = ticket.peer();
        let body = vec![b'x'; usize::from(how) * 40];
        let answer = match how & 3 {
            0 => Answer::refusal(Code::NOT_FOUND, body),
            1 => Answer::text(body),
            _ => {
                self.is_known.insert(peer, true);
                let observed_for = Some(i64::from(how & 7));
                Answer { observed_for, ..Answer::text(body).authenticated() }
            }
        };
        if let Some(observer) = self.endpoint.answer(self.now, ticket, answer) {
            assert!(request.observes, "who did not ask is no observer");
            self.observers.push_back(observer);
            assert!(self.endpoint.take_ended_observers().len() <= 64);
            self.ways.1 += 1;
        }
    }

    /// What is to be sent.
    fn look(&mut self) {
        for (peer, datagram) in self.endpoint.outbound.iter() {
            let message = Message::decode(datagram).expect("what goes out is in form");
            assert!(datagram.len() <= 1200, "{} bytes in one datagram", datagram.len());
            assert!(!message.code.is_request(), "a server does not ask");
            assert!(message.kind != Kind::Reset || datagram.len() == 4);
            *self.went.entry(peer).or_default() += datagram.len();
            self.ways.3 |= 1 << (message.code.class() & 7);
        }
        self.endpoint.outbound.clear();
        for (peer, went) in &self.went {
            let came = self.came.get(peer).copied().unwrap_or_default();
            assert!(
                self.is_known.contains_key(peer) || *went <= 3 * came.max(4),
                "{went} bytes for {came} to who has shown nothing"
            );
        }
    }
}
