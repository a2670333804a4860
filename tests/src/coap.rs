//! CoAP as a peer speaks it, byte by byte (RFC 7252): messages written and read, and a socket that plays a device.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Methods, types and option numbers that the suites use.
#[allow(missing_docs)] // they are named as the RFCs name them
pub mod number {
    pub const CON: u8 = 0;
    pub const NON: u8 = 1;
    pub const ACK: u8 = 2;
    pub const RST: u8 = 3;
    pub const GET: u8 = 1;
    pub const POST: u8 = 2;
    pub const PUT: u8 = 3;
    pub const DELETE: u8 = 4;
    pub const ETAG: u16 = 4;
    pub const OBSERVE: u16 = 6;
    pub const URI_PATH: u16 = 11;
    pub const CONTENT_FORMAT: u16 = 12;
    pub const MAX_AGE: u16 = 14;
    pub const URI_QUERY: u16 = 15;
    pub const ACCEPT: u16 = 17;
    pub const BLOCK2: u16 = 23;
    pub const BLOCK1: u16 = 27;
    pub const SIZE2: u16 = 28;
    pub const SIZE1: u16 = 60;
    pub const ECHO: u16 = 252;
}
use number::*;

/// A message.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// CON, NON, ACK or RST.
    pub kind: u8,
    /// Method or response code: `class << 5 | detail`.
    pub code: u8,
    /// The message id.
    pub id: u16,
    /// The token.
    pub token: Vec<u8>,
    /// Numbers and values, in the order in which they stand.
    pub options: Vec<(u16, Vec<u8>)>,
    /// What follows them.
    pub payload: Vec<u8>,
}

impl Message {
    /// A confirmable request of a path with a query: `/1a/temp?key`. Its id and token are given when it is sent.
    pub fn request(method: u8, target: &str) -> Message {
        let mut message =
            Message { kind: CON, code: method, id: 0, token: Vec::new(), options: Vec::new(), payload: Vec::new() };
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        for segment in path.split('/').skip(1) {
            message.options.push((URI_PATH, segment.into()));
        }
        for part in query.into_iter().flat_map(|query| query.split('&')) {
            message.options.push((URI_QUERY, part.into()));
        }
        message
    }

    /// A GET.
    pub fn get(target: &str) -> Message {
        Message::request(GET, target)
    }

    /// A POST with a payload.
    pub fn post(target: &str, payload: impl Into<Vec<u8>>) -> Message {
        Message { payload: payload.into(), ..Message::request(POST, target) }
    }

    /// An empty message: an acknowledgement, a Reset or a ping.
    pub fn empty(kind: u8, id: u16) -> Message {
        Message { kind, code: 0, id, token: Vec::new(), options: Vec::new(), payload: Vec::new() }
    }

    /// With one more option.
    pub fn option(mut self, number: u16, value: impl Into<Vec<u8>>) -> Message {
        self.options.push((number, value.into()));
        self
    }

    /// With one more option, whose value is a number.
    pub fn uint(self, number: u16, value: u32) -> Message {
        let bytes = value.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        self.option(number, &bytes[zeros..])
    }

    /// With a block option.
    pub fn block(self, option: u16, number: u32, more: bool, bytes: usize) -> Message {
        let exponent = (bytes / 16).trailing_zeros();
        self.uint(option, number << 4 | u32::from(more) << 3 | exponent)
    }

    /// Not to be confirmed.
    pub fn non(mut self) -> Message {
        self.kind = NON;
        self
    }

    /// The class and detail of its code, as `2.05`.
    pub fn status(&self) -> String {
        format!("{}.{:02}", self.code >> 5, self.code & 31)
    }

    /// The value of its first option of that number.
    pub fn find(&self, number: u16) -> Option<&[u8]> {
        self.options.iter().find(|(of, _)| *of == number).map(|(_, value)| &value[..])
    }

    /// The value of its first option of that number, as a number.
    pub fn find_uint(&self, number: u16) -> Option<u32> {
        self.find(number).map(|value| value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    /// A block option: number, more, size.
    pub fn find_block(&self, number: u16) -> Option<(u32, bool, usize)> {
        self.find_uint(number).map(|value| (value >> 4, value & 8 != 0, 16 << (value & 7)))
    }

    /// Its payload as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("UTF-8")
    }

    /// Ends the test unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: &str) -> Message {
        assert_eq!(self.status(), status, "{self:?}");
        self
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x40 | self.kind << 4 | self.token.len() as u8, self.code];
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(&self.token);
        let mut options = self.options.clone();
        options.sort_by_key(|(number, _)| *number);
        let mut before = 0;
        for (number, value) in options {
            let ((delta, more), (length, longer)) = (nibble(number - before), nibble(value.len() as u16));
            bytes.push(delta << 4 | length);
            bytes.extend(more.into_iter().chain(longer));
            bytes.extend(&value);
            before = number;
        }
        if !self.payload.is_empty() {
            bytes.push(0xff);
            bytes.extend(&self.payload);
        }
        bytes
    }

    /// Reads bytes, strictly.
    pub fn parse(bytes: &[u8]) -> Option<Message> {
        let (&[first, code, high, low], rest) = bytes.split_first_chunk()?;
        let (token, mut rest) = rest.split_at_checked(usize::from(first & 15))?;
        let (id, token) = (u16::from_be_bytes([high, low]), token.to_vec());
        let (mut options, mut payload, mut number) = (Vec::new(), Vec::new(), 0);
        while let Some((byte, after)) = rest.split_first() {
            if *byte == 0xff {
                payload = after.to_vec();
                if payload.is_empty() {
                    return None;
                }
                break;
            }
            let (delta, after) = unnibble(byte >> 4, after)?;
            let (length, after) = unnibble(byte & 15, after)?;
            let (value, after) = after.split_at_checked(usize::from(length))?;
            number += delta;
            options.push((number, value.to_vec()));
            rest = after;
        }
        (first >> 6 == 1).then_some(Message { kind: first >> 4 & 3, code, id, token, options, payload })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = ["CON", "NON", "ACK", "RST"][usize::from(self.kind)];
        write!(f, "{kind} {} #{} {:02x?} {:02x?} ", self.status(), self.id, self.token, self.options)?;
        write!(f, "{:?}", String::from_utf8_lossy(&self.payload))
    }
}

fn nibble(value: u16) -> (u8, Vec<u8>) {
    match value {
        0..=12 => (value as u8, Vec::new()),
        13..=268 => (13, vec![(value - 13) as u8]),
        _ => (14, (value - 269).to_be_bytes().to_vec()),
    }
}

fn unnibble(nibble: u8, rest: &[u8]) -> Option<(u16, &[u8])> {
    match (nibble, rest) {
        (0..=12, _) => Some((u16::from(nibble), rest)),
        (13, [byte, rest @ ..]) => Some((u16::from(*byte) + 13, rest)),
        (14, [high, low, rest @ ..]) => Some((u16::from_be_bytes([*high, *low]).checked_add(269)?, rest)),
        _ => None,
    }
}

/// A socket that speaks to one server.
pub struct Peer {
    /// The socket.
    pub socket: UdpSocket,
    next: u16,
    /// How often a request is sent again, half a second apart, before the test gives up.
    pub tries: u32,
}

impl Peer {
    /// From the usual address.
    pub fn new(server: SocketAddr) -> Peer {
        Peer::from(Ipv4Addr::LOCALHOST, server)
    }

    /// From a chosen address.
    pub fn from(address: Ipv4Addr, server: SocketAddr) -> Peer {
        let socket = UdpSocket::bind((address, 0)).expect("a free port");
        socket.connect(server).expect("an address");
        Peer { socket, next: 1, tries: 20 }
    }

    /// Sends bytes.
    pub fn send_bytes(&self, bytes: &[u8]) {
        // Whether somebody is there shows when something comes back.
        let _ = self.socket.send(bytes);
    }

    /// Sends a message as it is.
    pub fn send(&self, message: &Message) {
        self.send_bytes(&message.to_bytes());
    }

    /// The next message that comes within this time.
    pub fn receive(&self, within: Duration) -> Option<Message> {
        let bytes = self.receive_bytes(within)?;
        Some(Message::parse(&bytes).unwrap_or_else(|| panic!("not a message: {bytes:02x?}")))
    }

    /// The next datagram that comes within this time.
    pub fn receive_bytes(&self, within: Duration) -> Option<Vec<u8>> {
        let (mut buffer, since) = ([0; 65_536], Instant::now());
        loop {
            let left = within.checked_sub(since.elapsed()).filter(|left| !left.is_zero())?;
            self.socket.set_read_timeout(Some(left)).expect("a positive time");
            match self.socket.recv(&mut buffer) {
                Ok(length) => return Some(buffer[..length].to_vec()),
                Err(why) if matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => return None,
                // A port that nobody listened on, some datagrams ago.
                Err(_) => {}
            }
        }
    }

    /// The message with an id and a token that this peer has not used.
    pub fn fresh(&mut self, mut message: Message) -> Message {
        message.id = self.next;
        message.token = [&b"t"[..], &self.next.to_be_bytes()].concat();
        self.next = self.next.wrapping_add(1);
        message
    }

    /// Sends a request until it is answered; the answer may come by itself, and is acknowledged then.
    #[track_caller]
    pub fn ask(&mut self, message: Message) -> Message {
        let message = self.fresh(message);
        self.ask_as_it_is(&message).unwrap_or_else(|| panic!("no answer to {message:?}"))
    }

    /// The same with the id and token that it has.
    pub fn ask_as_it_is(&self, message: &Message) -> Option<Message> {
        for _ in 0..self.tries {
            self.send(message);
            let since = Instant::now();
            while let Some(left) =
                Duration::from_millis(500).checked_sub(since.elapsed()).filter(|left| !left.is_zero())
            {
                let Some(answer) = self.receive(left) else { break };
                if answer.kind == CON {
                    self.send(&Message::empty(ACK, answer.id));
                }
                if answer.token == message.token && answer.code != 0 {
                    return Some(answer);
                }
            }
        }
        None
    }

    /// Fetches a resource block by block; what it was told of the first block, and the body.
    #[track_caller]
    pub fn fetch(&mut self, request: &Message, bytes: usize) -> (Message, Vec<u8>) {
        let first = self.ask(request.clone().block(BLOCK2, 0, false, bytes)).expect("2.05");
        let (mut body, mut number) = (first.payload.clone(), 0);
        let mut more = first.find_block(BLOCK2).is_some_and(|(_, more, _)| more);
        while more {
            number += 1;
            let next = self.ask(request.clone().block(BLOCK2, number, false, bytes)).expect("2.05");
            assert_eq!(next.find(ETAG), first.find(ETAG), "another body in the middle");
            body.extend(&next.payload);
            more = next.find_block(BLOCK2).expect("a block").1;
        }
        (first, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let mut message = Message::post("/1a/temp?key&other", "21").uint(ACCEPT, 60).block(BLOCK2, 3, true, 1024);
        (message.id, message.token) = (7, b"tok".to_vec());
        message = message.option(65_000, vec![1; 300]).option(ECHO, "e");
        let read = Message::parse(&message.to_bytes()).unwrap();
        assert_eq!(read.find_block(BLOCK2), Some((3, true, 1024)));
        message.options.sort_by_key(|(number, _)| *number);
        assert_eq!(read, message);
        assert_eq!(Message::parse(b"\x40\x01\0\x01\xff"), None);
    }
}
