//! One connection of the generator: a request out, its answer in, checked.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use memchr::memmem;

use crate::{Outcome, failed};

/// Bodies up to this size are shown to the check; of bigger ones only the length.
const KEPT_BODY_BYTES: u64 = 64 << 10;

pub struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    asked: Instant,
    unread: Vec<u8>,
    /// The head that was read, while its body is still coming.
    awaiting: Option<Head>,
    body_bytes: u64,
}

/// An answer as the check sees it.
pub struct Answer<'a> {
    /// `200` and so on.
    pub status: u16,
    /// The length of the body.
    pub length: u64,
    /// The body, where it is at most 64 KiB long.
    pub body: &'a [u8],
}

pub enum Progress {
    /// A whole, good answer, and how long it took from the request on.
    Answered(Duration),
    Waiting,
}

#[derive(Clone, Copy)]
struct Head {
    status: u16,
    length: u64,
    /// Bytes of a big body still to come.
    missing: u64,
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Connection {
    pub fn open(address: SocketAddr) -> Outcome<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let (request, unread) = (Vec::new(), Vec::new());
        Ok(Connection { stream, request, asked: Instant::now(), unread, awaiting: None, body_bytes: 0 })
    }

    /// Sends the next request; false when there is none.
    pub fn ask(&mut self, next: &mut dyn FnMut(&mut Vec<u8>) -> bool) -> Outcome<bool> {
        self.request.clear();
        if !next(&mut self.request) {
            return Ok(false);
        }
        self.asked = Instant::now();
        let sent = self.stream.write(&self.request)?;
        // The generator's requests are smaller than any socket's buffer, which is empty between two requests.
        if sent == self.request.len() { Ok(true) } else { failed("a request did not fit the socket") }
    }

    /// Reads what has come, and says whether the answer is whole now.
    pub fn read(&mut self, scratch: &mut [u8], good: &dyn Fn(&Answer<'_>) -> bool) -> Outcome<Progress> {
        loop {
            let count = match self.stream.read(scratch) {
                Ok(0) => return failed("the server closed a connection"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Progress::Waiting),
                Err(error) => return Err(error.into()),
            };
            let Some(mut head) = self.awaiting else { return self.parse(&scratch[..count], good) };
            head.missing = head.missing.checked_sub(count as u64).ok_or("a body was longer than its length")?;
            if head.missing == 0 {
                return self.answered(head, &[], good);
            }
            self.awaiting = Some(head);
        }
    }

    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    fn parse(&mut self, come: &[u8], good: &dyn Fn(&Answer<'_>) -> bool) -> Outcome<Progress> {
        let mut earlier = std::mem::take(&mut self.unread);
        let bytes = if earlier.is_empty() {
            come
        } else {
            earlier.extend_from_slice(come);
            &earlier
        };
        let whole = match memmem::find(bytes, b"\r\n\r\n") {
            Some(end) => Some((Head::parse(&bytes[..end + 4])?, &bytes[end + 4..])),
            None => None,
        };
        match whole {
            Some((head, body)) if body.len() as u64 == head.length => return self.answered(head, body, good),
            Some((head, body)) if body.len() as u64 > head.length => {
                return failed("the server sent more than was asked for");
            }
            Some((head, body)) if head.length > KEPT_BODY_BYTES => {
                self.awaiting = Some(Head { missing: head.length - body.len() as u64, ..head });
            }
            _ => self.unread = bytes.to_vec(),
        }
        Ok(Progress::Waiting)
    }

    fn answered(&mut self, head: Head, body: &[u8], good: &dyn Fn(&Answer<'_>) -> bool) -> Outcome<Progress> {
        self.awaiting = None;
        self.body_bytes = head.length;
        let answer = Answer { status: head.status, length: head.length, body };
        if good(&answer) {
            return Ok(Progress::Answered(self.asked.elapsed()));
        }
        failed(format!(
            "a wrong answer: {} with {} bytes, {:?}, to {:?}",
            head.status,
            head.length,
            String::from_utf8_lossy(&body[..body.len().min(200)]),
            String::from_utf8_lossy(&self.request[..self.request.len().min(300)])
        ))
    }
}

impl Head {
    fn parse(head: &[u8]) -> Outcome<Head> {
        let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let status = status.ok_or("a status line without a status")?;
        if matches!(status, 204 | 304) {
            return Ok(Head { status, length: 0, missing: 0 });
        }
        let lines = std::str::from_utf8(head)?.split("\r\n");
        let mut lengths = lines.filter_map(|line| {
            let (name, value) = line.split_at_checked(15)?;
            name.eq_ignore_ascii_case("content-length:").then(|| value.trim().parse())
        });
        let length = lengths.next().ok_or("an answer without a length")??;
        Ok(Head { status, length, missing: 0 })
    }
}
