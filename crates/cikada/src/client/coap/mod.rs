//! A server as a device sees it over CoAP (contract, coap.md; RFC 7252): one request at a time, sent again until it is
//! answered.

mod download;
mod observe;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::{Duration, Instant};

use model::{Cik, SecretKey as _};
use wire::coap::{Block, Code, Draft, Kind, Message, Response, Token, number};

use crate::failure::{Failure, Outcome};
use crate::output::visible;

pub use download::download;

const PORT: u16 = 5683;
/// How long an answer may take at first, and how often a request is sent (RFC 7252, section 4.8).
const FIRST_WAIT: Duration = Duration::from_millis(2500);
const TRIES: u32 = 5;
/// How long a server that has acknowledged a request may work on it.
const ACKNOWLEDGED_WAIT: Duration = Duration::from_secs(60);
/// The longest piece of a server's answer that is shown.
const SHOWN_CHARACTERS: usize = 300;

/// A server, and the device that speaks to it.
pub struct Coap {
    socket: UdpSocket,
    base: String,
    /// In the form in which it is sent.
    cik: Option<String>,
    next_id: std::cell::Cell<u16>,
}

/// What is asked.
pub struct Ask<'a> {
    pub method: Code,
    pub path: &'a [&'a str],
    pub payload: &'a [u8],
    /// Which block of the answer is wanted.
    pub block: Option<Block>,
    /// Completes "cannot …" when it is refused.
    pub doing: &'a str,
    /// What to try when the answer is one of these codes.
    pub advice: &'a [(Code, &'a str)],
}

/// What came back, with a code that says that it was done.
pub struct Reply {
    pub payload: Vec<u8>,
    pub etag: Option<Vec<u8>>,
    pub block: Option<Block>,
    pub total_bytes: Option<u64>,
}

impl Coap {
    /// `base` is `coap://host` or `coap://host:port`.
    pub fn at(base: &str, cik: Option<Cik>) -> Outcome<Coap> {
        let address = resolve(base)?;
        let unreachable = |error: io::Error| Failure::new(format!("cannot reach {base}: {error}"));
        let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).map_err(unreachable)?;
        socket.connect(address).map_err(unreachable)?;
        let first_id = std::cell::Cell::new(u16::from_be_bytes(random()?));
        let cik = cik.map(|cik| cik.expose_hex());
        Ok(Coap { socket, base: base.to_owned(), cik, next_id: first_id })
    }

    /// Asks, and gives the answer if it is a good one.
    pub fn ask(&self, ask: &Ask<'_>) -> Outcome<Reply> {
        let token = Token::new(&random::<4>()?).unwrap_or_default();
        let mut draft = self.draft(ask, token);
        ask.block.into_iter().for_each(|block| draft.add_block(number::BLOCK2, block));
        let answer = self.send(ask, &draft)?;
        // It was read once already: `is_answer` lets nothing else through.
        let message = Message::decode(&answer).map_err(|_| self.nonsense(ask))?;
        let response = Response::read(&message).map_err(|_| self.nonsense(ask))?;
        if message.code.class() != 2 {
            return Err(refused(ask, &message));
        }
        Ok(Reply {
            payload: message.payload.to_vec(),
            etag: response.etag.map(<[u8]>::to_vec),
            block: response.block2,
            total_bytes: response.size2.map(u64::from),
        })
    }

    /// The whole body, block by block.
    pub fn ask_whole(&self, ask: &Ask<'_>) -> Outcome<Vec<u8>> {
        let (mut body, mut next) = (Vec::new(), None);
        loop {
            let reply = self.ask(&Ask { block: next, ..*ask })?;
            body.extend_from_slice(&reply.payload);
            let Some(block) = reply.block.filter(|block| block.more) else { return Ok(body) };
            next = Block::new(block.number + 1, false, block.bytes());
        }
    }

    /// The request without its block.
    fn draft<'a>(&'a self, ask: &Ask<'a>, token: Token) -> Draft<'a> {
        let id = self.next_id.get();
        self.next_id.set(id.wrapping_add(1));
        let mut draft = Draft::new(Kind::Confirmable, ask.method, id, token).with_payload(ask.payload);
        ask.path.iter().for_each(|segment| draft.add_bytes(number::URI_PATH, segment.as_bytes()));
        self.cik.iter().for_each(|cik| draft.add_bytes(number::URI_QUERY, cik.as_bytes()));
        draft
    }

    /// Sends a request and gives the datagram that answers it.
    fn send(&self, ask: &Ask<'_>, draft: &Draft<'_>) -> Outcome<Vec<u8>> {
        let mut datagram = Vec::new();
        draft.encode(&mut datagram).map_err(|_| Failure::new(format!("cannot {}: a name is too long", ask.doing)))?;
        self.exchange(&datagram, draft.id, draft.token).map_err(|why| {
            Failure::new(format!("cannot {}: {} did not answer: {why}", ask.doing, self.base))
                .advise("check --server, that the server was started with --coap, and that UDP gets through")
        })
    }

    /// Sends a request until its answer comes, which may come in a message of its own.
    fn exchange(&self, datagram: &[u8], id: u16, token: Token) -> io::Result<Vec<u8>> {
        let mut wait = FIRST_WAIT;
        for _ in 0..TRIES {
            self.socket.send(datagram)?;
            let mut until = Instant::now() + wait;
            while let Some(received) = self.receive(until)? {
                let Ok(message) = Message::decode(&received) else { continue };
                if message.kind == Kind::Acknowledgement && message.id == id && message.code == Code::EMPTY {
                    until = Instant::now() + ACKNOWLEDGED_WAIT;
                } else if message.kind == Kind::Reset && message.id == id {
                    return Err(io::Error::other("it does not understand the request"));
                } else if message.code.is_response() && message.token == token {
                    if message.kind == Kind::Confirmable {
                        self.socket.send(&Draft::empty(Kind::Acknowledgement, message.id))?;
                    }
                    return Ok(received);
                }
            }
            wait *= 2;
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "nothing came back"))
    }

    /// The next datagram; none in time.
    fn receive(&self, until: Instant) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; 2048];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.recv(&mut buffer) {
                Ok(length) => return Ok(Some(buffer[..length].to_vec())),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(None);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn nonsense(&self, ask: &Ask<'_>) -> Failure {
        Failure::new(format!("cannot {}: {} gave an answer that makes no sense", ask.doing, self.base))
    }
}

fn refused(ask: &Ask<'_>, message: &Message<'_>) -> Failure {
    let said = visible(&String::from_utf8_lossy(message.payload));
    let said: String = said.chars().take(SHOWN_CHARACTERS).collect();
    let said = if said.is_empty() { said } else { format!(": {said}") };
    let failure = Failure::new(format!("cannot {} ({}{said})", ask.doing, message.code));
    match ask.advice.iter().find(|(code, _)| *code == message.code) {
        Some((_, advice)) => failure.advise(advice),
        None => failure,
    }
}

fn resolve(base: &str) -> Outcome<SocketAddr> {
    let wrong = || {
        Failure::new(format!("`{base}` is no address such as coap://host or coap://host:5683"))
            .advise("give the server's own address with --server")
    };
    let authority = base.strip_prefix("coap://").ok_or_else(wrong)?.trim_end_matches('/');
    let has_port = authority.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
    let with_port = if has_port { authority.to_owned() } else { format!("{authority}:{PORT}") };
    let found = with_port.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(wrong)
}

fn random<const BYTES: usize>() -> Outcome<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Failure::new(format!("no randomness to be had: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_its_port() {
        for (base, address) in [
            ("coap://127.0.0.1", "127.0.0.1:5683"),
            ("coap://127.0.0.1/", "127.0.0.1:5683"),
            ("coap://127.0.0.1:99", "127.0.0.1:99"),
            ("coap://[::1]", "[::1]:5683"),
            ("coap://[::1]:99", "[::1]:99"),
        ] {
            assert_eq!(resolve(base).unwrap(), address.parse().unwrap(), "{base}");
        }
        for base in ["coaps://127.0.0.1", "http://127.0.0.1", "coap://", "coap://127.0.0.1:x", "coap://a b"] {
            assert!(resolve(base).is_err(), "{base}");
        }
    }

    #[test]
    fn an_answer_is_waited_for_through_loss_and_strays() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let coap = Coap::at(&format!("coap://{}", server.local_addr().unwrap()), None).unwrap();
        let playing = std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            let (_, _) = server.recv_from(&mut buffer).unwrap();
            // The first one is lost; the second one is acknowledged, and answered by itself.
            let (length, from) = server.recv_from(&mut buffer).unwrap();
            let asked = Message::decode(&buffer[..length]).unwrap();
            server.send_to(b"stray", from).unwrap();
            server.send_to(&Draft::empty(Kind::Acknowledgement, asked.id), from).unwrap();
            let mut datagram = Vec::new();
            let answer = Draft::new(Kind::Confirmable, Code::CONTENT, 99, asked.token).with_payload(b"1700000000");
            answer.encode(&mut datagram).unwrap();
            server.send_to(&datagram, from).unwrap();
            let (length, _) = server.recv_from(&mut buffer).unwrap();
            assert_eq!(buffer[..length], Draft::empty(Kind::Acknowledgement, 99));
        });
        let ask = Ask { method: Code::GET, path: &["ts"], payload: b"", block: None, doing: "ask", advice: &[] };
        assert_eq!(coap.ask(&ask).unwrap().payload, b"1700000000");
        playing.join().unwrap();
    }

    #[test]
    fn a_refusal_says_what_was_tried_and_what_to_do() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let coap = Coap::at(&format!("coap://{}", server.local_addr().unwrap()), None).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            let (length, from) = server.recv_from(&mut buffer).unwrap();
            let asked = Message::decode(&buffer[..length]).unwrap();
            let mut datagram = Vec::new();
            let answer = Draft::new(Kind::Acknowledgement, Code::NOT_FOUND, asked.id, asked.token);
            answer.with_payload(b"no such\nthing").encode(&mut datagram).unwrap();
            server.send_to(&datagram, from).unwrap();
        });
        let advice = [(Code::NOT_FOUND, "look for it")];
        let ask = Ask { method: Code::GET, path: &["x"], payload: b"", block: None, doing: "find x", advice: &advice };
        let failure = coap.ask(&ask).map(|_| ()).unwrap_err().to_string();
        assert!(failure.starts_with("cannot find x (4.04: no such") && !failure.contains('\n'), "{failure}");
    }
}
