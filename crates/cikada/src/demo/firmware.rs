//! HTTP as small firmware speaks it: a socket, a request put together by hand, a fixed buffer, and a look for a few words
//! in the answer (contract, README "Rules for every HTTP answer").

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::failure::{Failure, Outcome};

/// The whole answer of an activation has to fit in here.
const ANSWER_BYTES: usize = 200;
/// The head of a download's answer has to fit in here.
const HEAD_BYTES: usize = 1024;
const WAIT: Duration = Duration::from_secs(30);

/// What came of an activation.
#[derive(Debug, PartialEq, Eq)]
pub enum Activation {
    /// The key.
    Key(String),
    /// A status that brings none.
    Refused(u16),
}

/// Calls in.
pub fn activate(server: SocketAddr, vendor: &str, model: &str, sn: &str, nonce: Option<&str>) -> Outcome<Activation> {
    activate_once(server, vendor, model, sn, nonce)
        .map_err(|error| Failure::new(format!("{sn} could not call in: {error}")))
}

fn activate_once(
    server: SocketAddr,
    vendor: &str,
    model: &str,
    sn: &str,
    nonce: Option<&str>,
) -> io::Result<Activation> {
    let mut socket = connect(server)?;
    send_activation(&mut socket, server, vendor, model, sn, nonce)?;
    let mut answer = [0; ANSWER_BYTES];
    let mut length = 0;
    while !is_whole(&answer[..length]) {
        let count = socket.read(&mut answer[length..])?;
        if count == 0 {
            return Err(io::Error::other("the answer does not fit in 200 bytes, or was cut"));
        }
        length += count;
    }
    let answer = &answer[..length];
    let body = find(answer, b"\r\n\r\n").map_or(&[][..], |end| &answer[end + 4..]);
    if find(answer, b"HTTP/1.1 200 OK").is_some() && body.len() == 40 {
        return Ok(Activation::Key(String::from_utf8_lossy(body).into_owned()));
    }
    Ok(Activation::Refused(status(answer)))
}

/// Calls in and hangs up before the answer: what a device behind a bad link does without wanting to.
pub fn activate_and_hang_up(server: SocketAddr, vendor: &str, model: &str, sn: &str, nonce: &str) -> Outcome {
    let lost = || -> io::Result<()> {
        let mut socket = connect(server)?;
        send_activation(&mut socket, server, vendor, model, sn, Some(nonce))?;
        // The server has answered once the first byte is here; the rest is lost.
        socket.read_exact(&mut [0])
    };
    lost().map_err(|error| Failure::new(format!("{sn} could not call in: {error}")))
}

fn send_activation(
    socket: &mut TcpStream,
    server: SocketAddr,
    vendor: &str,
    model: &str,
    sn: &str,
    nonce: Option<&str>,
) -> io::Result<()> {
    let mut form = format!("vendor={vendor}&model={model}&sn={}", sn.replace(':', "%3A"));
    if let Some(nonce) = nonce {
        form.push_str("&nonce=");
        form.push_str(nonce);
    }
    let request = format!(
        "POST /provision/activate HTTP/1.1\r\nHost: {server}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    socket.write_all(request.as_bytes())
}

/// Writes one value; it is on the server's disk when this is answered.
pub fn write(server: SocketAddr, cik: &str, alias: &str, value: &str) -> Outcome {
    let written = || -> io::Result<u16> {
        let mut socket = connect(server)?;
        let form = format!("{alias}={value}");
        let request = format!(
            "POST /onep:v1/stack/alias HTTP/1.1\r\nHost: {server}\r\nX-Exosite-CIK: {cik}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        socket.write_all(request.as_bytes())?;
        let mut answer = [0; ANSWER_BYTES];
        let mut length = 0;
        while find(&answer[..length], b"\r\n\r\n").is_none() {
            match socket.read(&mut answer[length..])? {
                0 => return Err(io::Error::other("the answer does not fit in 200 bytes, or was cut")),
                count => length += count,
            }
        }
        Ok(status(&answer[..length]))
    };
    match written() {
        Ok(204) => Ok(()),
        Ok(status) => Err(Failure::new(format!("a write of {alias} was answered {status}"))),
        Err(error) => Err(Failure::new(format!("a device could not write {alias}: {error}"))),
    }
}

/// A connection that fetches content piece by piece.
pub struct Fetcher {
    server: SocketAddr,
    socket: TcpStream,
    cik: String,
    path: String,
}

/// One answer to a fetch.
pub struct Piece {
    pub status: u16,
    /// The length of the whole content, where the answer tells it.
    pub total: Option<u64>,
    /// The tag of the content these bytes belong to.
    pub tag: String,
    pub bytes: Vec<u8>,
}

impl Fetcher {
    /// `id` needs no escaping here.
    pub fn connect(server: SocketAddr, cik: &str, vendor: &str, model: &str, id: &str) -> io::Result<Fetcher> {
        let path = format!("/provision/download?vendor={vendor}&model={model}&id={id}");
        Ok(Fetcher { server, socket: connect(server)?, cik: cik.to_owned(), path })
    }

    /// Asks for `length` bytes from `first` on, if the content is still the one with `tag`.
    pub fn piece(&mut self, first: u64, length: u64, tag: Option<&str>) -> io::Result<Piece> {
        self.ask(first, length, tag)?;
        let (head, mut bytes) = self.read_head()?;
        let body_length: usize = field(&head, "Content-Length: ").and_then(|text| text.parse().ok()).unwrap_or(0);
        if body_length > 64 << 20 {
            return Err(io::Error::other("the answer is longer than a piece can be"));
        }
        let begun = bytes.len();
        bytes.resize(body_length, 0);
        self.socket.read_exact(&mut bytes[begun..])?;
        let total = field(&head, "Content-Range: ").and_then(|text| text.rsplit('/').next()?.parse().ok());
        Ok(Piece {
            status: status(head.as_bytes()),
            total,
            tag: field(&head, "ETag: ").unwrap_or_default().to_owned(),
            bytes,
        })
    }

    /// Asks for a piece, reads `keep` bytes of it, and loses the connection.
    pub fn piece_cut_after(mut self, first: u64, length: u64, tag: Option<&str>, keep: usize) -> io::Result<Vec<u8>> {
        self.ask(first, length, tag)?;
        let (_, mut bytes) = self.read_head()?;
        let begun = bytes.len().min(keep);
        bytes.resize(keep, 0);
        self.socket.read_exact(&mut bytes[begun..])?;
        Ok(bytes)
    }

    fn ask(&mut self, first: u64, length: u64, tag: Option<&str>) -> io::Result<()> {
        let condition = tag.map(|tag| format!("If-Range: {tag}\r\n")).unwrap_or_default();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nX-Exosite-CIK: {}\r\nRange: bytes={first}-{}\r\n{condition}\r\n",
            self.path,
            self.server,
            self.cik,
            first + length - 1
        );
        self.socket.write_all(request.as_bytes())
    }

    /// The head as text, and the first bytes of the body that came with it.
    fn read_head(&mut self) -> io::Result<(String, Vec<u8>)> {
        let mut answer = Vec::with_capacity(HEAD_BYTES);
        let mut buffer = [0; HEAD_BYTES];
        loop {
            if let Some(end) = find(&answer, b"\r\n\r\n") {
                let body = answer.split_off(end + 4);
                return Ok((String::from_utf8_lossy(&answer).into_owned(), body));
            }
            let count = self.socket.read(&mut buffer)?;
            if count == 0 || answer.len() + count > 2 * HEAD_BYTES {
                return Err(io::Error::other("the answer has no end of its head"));
            }
            answer.extend_from_slice(&buffer[..count]);
        }
    }
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&server, WAIT)?;
    socket.set_read_timeout(Some(WAIT))?;
    socket.set_write_timeout(Some(WAIT))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Whether head and body are there.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = find(answer, b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end + 2]);
    let body_length = field(&head, "Content-Length: ").and_then(|text| text.parse().ok()).unwrap_or(0);
    answer.len() >= end + 4 + body_length
}

fn find(text: &[u8], words: &[u8]) -> Option<usize> {
    text.windows(words.len()).position(|window| window == words)
}

fn status(answer: &[u8]) -> u16 {
    let digits = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or_default();
    String::from_utf8_lossy(digits).parse().unwrap_or(0)
}

/// The rest of the line that begins with `name`.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").find_map(|line| line.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"));
        assert!(is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd"));
        assert!(is_whole(b"HTTP/1.1 204 No Content\r\n\r\n"));
        assert_eq!(status(b"HTTP/1.1 409 Conflict\r\n"), 409);
        assert_eq!(status(b"nonsense"), 0);
    }
}
