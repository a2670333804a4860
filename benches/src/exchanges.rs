//! A load generator for CoAP: one thread, many sockets, one exchange under way on each. It checks every answer, acknowledges
//! what is to be acknowledged, and sends again what was lost.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use wire::coap::{Draft, Kind, Message, Token};

use crate::load::Measured;
use crate::process::Watched;
use crate::{Outcome, failed};

/// After this an exchange is sent again; on loopback only a full buffer loses anything.
const RESEND_AFTER: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked of a server over CoAP, and how hard.
pub struct Exchanges<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// Sockets that each have one exchange under way.
    pub sockets: usize,
    /// Time before anything is counted.
    pub warm_up: Duration,
    /// Time that is counted; less when the requests run out.
    pub measure: Duration,
    /// Whose CPU time is counted.
    pub server: Watched,
    /// Writes the next request with that message id and token; false when there are no more.
    pub next: &'a mut dyn FnMut(&mut Vec<u8>, u16, Token) -> bool,
    /// Whether an answer is the right one.
    pub good: &'a dyn Fn(&Message<'_>) -> bool,
}

/// A socket that speaks to one server.
pub struct Peer {
    socket: UdpSocket,
    request: Vec<u8>,
    token: Token,
    count: u32,
    answers: u32,
    asked: Instant,
    /// How often this request was sent again.
    tries: u32,
    sent_again: u32,
}

/// Many sockets, and which of them have something.
pub struct Crowd {
    poll: OwnedFd,
    /// The sockets, by number.
    pub peers: Vec<Peer>,
    scratch: Vec<u8>,
}

impl Exchanges<'_> {
    /// Runs it on this thread. One wrong answer ends it. Also how many requests had to be sent again.
    pub fn run(self) -> Outcome<(Measured, u32)> {
        let mut crowd = Crowd::open(self.address, self.sockets)?;
        let (mut running, mut measured, mut window) = (0, Measured::default(), None);
        for peer in &mut crowd.peers {
            running += usize::from(peer.ask(self.next)?);
        }
        let begin = Instant::now();
        let (mut looked, mut is_over) = (begin, false);
        while running > 0 {
            let now = Instant::now();
            if window.is_none() && now - begin >= self.warm_up {
                window = Some((now, self.server.cpu()?));
            }
            if now - looked > RESEND_AFTER / 4 {
                looked = now;
                crowd.send_again(now)?;
            }
            let counting = window.is_some() && !is_over;
            crowd.hear(Duration::from_millis(250), |peer, message| {
                if message.token != peer.token || !message.code.is_response() {
                    return Ok(());
                }
                if !(self.good)(message) {
                    return failed(format!("a wrong answer: {message:?}"));
                }
                if counting {
                    measured.count(peer.asked.elapsed(), message.payload.len() as u64);
                }
                peer.answered();
                running -= 1;
                running += usize::from(!is_over && peer.ask(self.next)?);
                Ok(())
            })?;
            // The window ends with the time, or with the first socket that had nothing more to ask; what is under way then
            // is waited for.
            if let Some((since, cpu)) =
                window.filter(|(since, _)| !is_over && (since.elapsed() >= self.measure || running < self.sockets))
            {
                measured.elapsed = since.elapsed();
                measured.server_cpu = self.server.cpu()?.saturating_sub(cpu);
                is_over = true;
            }
        }
        Ok((measured.finish()?, crowd.peers.iter().map(|peer| peer.sent_again).sum()))
    }
}

impl Crowd {
    /// So many sockets.
    pub fn open(address: SocketAddr, sockets: usize) -> Outcome<Crowd> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut peers = Vec::with_capacity(sockets);
        for number in 0..sockets {
            let peer = Peer::open(address)?;
            epoll::add(&poll, peer.socket.as_fd(), epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)?;
            peers.push(peer);
        }
        Ok(Crowd { poll, peers, scratch: vec![0; 2048] })
    }

    /// Waits for datagrams, at most so long, and gives each to `each`. What asks for an acknowledgement gets it.
    pub fn hear(
        &mut self,
        at_most: Duration,
        mut each: impl FnMut(&mut Peer, &Message<'_>) -> Outcome<()>,
    ) -> Outcome<()> {
        let mut events = Vec::with_capacity(256);
        let timeout = Timespec { tv_sec: at_most.as_secs() as i64, tv_nsec: at_most.subsec_nanos().into() };
        epoll::wait(self.poll.as_fd(), spare_capacity(&mut events), Some(&timeout))?;
        for event in &events {
            let peer = &mut self.peers[event.data.u64() as usize];
            loop {
                let length = match peer.socket.recv(&mut self.scratch) {
                    Ok(length) => length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                let Ok(message) = Message::decode(&self.scratch[..length]) else { return failed("not a message") };
                if message.kind == Kind::Confirmable {
                    peer.socket.send(&Draft::empty(Kind::Acknowledgement, message.id))?;
                }
                each(peer, &message)?;
            }
        }
        Ok(())
    }

    /// Sends again what was not answered in time.
    pub fn send_again(&mut self, now: Instant) -> Outcome<()> {
        for peer in &mut self.peers {
            let waits = now.saturating_duration_since(peer.asked);
            if peer.is_waiting() && waits > PATIENCE {
                return failed("a request was not answered within a minute");
            }
            if peer.is_waiting() && waits > RESEND_AFTER * (1 + peer.tries) {
                (peer.tries, peer.sent_again) = (peer.tries + 1, peer.sent_again + 1);
                peer.socket.send(&peer.request)?;
            }
        }
        Ok(())
    }
}

impl Peer {
    fn open(address: SocketAddr) -> Outcome<Peer> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(address)?;
        socket.set_nonblocking(true)?;
        let (token, asked) = (Token::default(), Instant::now());
        Ok(Peer { socket, request: Vec::new(), token, count: 0, answers: 0, asked, tries: 0, sent_again: 0 })
    }

    /// Sends the next request; false when there is none.
    pub fn ask(&mut self, next: &mut dyn FnMut(&mut Vec<u8>, u16, Token) -> bool) -> Outcome<bool> {
        self.count += 1;
        self.request.clear();
        let token = Token::new(&self.count.to_be_bytes()).unwrap_or_default();
        if !next(&mut self.request, self.count as u16, token) {
            return Ok(false);
        }
        (self.token, self.asked, self.tries) = (token, Instant::now(), 0);
        self.socket.send(&self.request)?;
        Ok(true)
    }

    /// The token of the request under way; an empty one where there is none.
    pub fn token(&self) -> Token {
        self.token
    }

    /// The request was answered.
    pub fn answered(&mut self) {
        self.token = Token::default();
        self.answers += 1;
    }

    /// How many requests were answered.
    pub fn answers(&self) -> u32 {
        self.answers
    }

    fn is_waiting(&self) -> bool {
        self.token != Token::default()
    }
}
