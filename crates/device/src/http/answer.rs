//! Reads an HTTP/1.1 answer from pieces of any size, in constant memory (RFC 9112).
//!
//! The server of the contract gives small heads and a Content-Length; a proxy in between may not, so chunked bodies,
//! bodies that end with the connection, interim answers and long heads are read too.

use crate::buffer::parse_number;

/// A head line longer than this is skipped; none that a device needs is.
const LINE: usize = 192;
/// A head longer than this is not an answer to a device.
const HEAD: u32 = 16 << 10;

/// The reader. Feed it what came in until it says [`Part::End`].
pub struct Answer {
    state: State,
    line: [u8; LINE],
    line_length: usize,
    /// Where the name and the value of the field just found end in the line.
    name_end: usize,
    value_end: usize,
    head_length: u32,
    status: u16,
    content_length: Option<u64>,
    chunked: bool,
    closes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Status,
    Fields,
    Body(u64),
    UntilClose,
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Over,
}

/// What was found in the bytes that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All bytes are used up and more are needed.
    More,
    /// A header field: see [`Answer::name`] and [`Answer::value`].
    Field,
    /// The head is complete: see [`Answer::status`].
    Head,
    /// The last so many of the bytes taken belong to the body.
    Body(usize),
    /// The answer is complete.
    End,
}

/// The bytes are no HTTP answer, or the connection ended inside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Default for Answer {
    fn default() -> Answer {
        Answer::new()
    }
}

impl Answer {
    /// A reader that expects a status line.
    pub const fn new() -> Answer {
        Answer {
            state: State::Status,
            line: [0; LINE],
            line_length: 0,
            name_end: 0,
            value_end: 0,
            head_length: 0,
            status: 0,
            content_length: None,
            chunked: false,
            closes: false,
        }
    }

    /// The status code, once the status line has been read; 0 before.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The length of the body, where the head gave it.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Whether the connection can't be used for another request.
    pub fn closes(&self) -> bool {
        self.closes
    }

    /// Whether the field just found has this name, whatever its case.
    pub fn is(&self, name: &str) -> bool {
        same(self.name(), name.as_bytes())
    }

    /// The name of the field just found, as it was written.
    pub fn name(&self) -> &[u8] {
        self.line.get(..self.name_end).unwrap_or_default()
    }

    /// The value of the field just found, without the space around it.
    pub fn value(&self) -> &[u8] {
        self.line.get(self.name_end + 1..self.value_end).unwrap_or_default().trim_ascii()
    }

    /// Whether nothing has been fed yet.
    pub(crate) fn untouched(&self) -> bool {
        self.state == State::Status && self.head_length == 0
    }

    /// Takes bytes from the front of `input`: how many were taken, and what they were. Call it again with the rest until it
    /// says [`Part::More`] or [`Part::End`].
    pub fn feed(&mut self, input: &[u8]) -> Result<(usize, Part), Broken> {
        let mut taken = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            match self.state {
                State::Over => return Ok((taken, Part::End)),
                State::Body(0) => self.state = State::Over,
                State::Chunk(0) => self.state = State::ChunkEnd,
                _ if rest.is_empty() => return Ok((taken, Part::More)),
                State::UntilClose => return Ok((taken + rest.len(), Part::Body(rest.len()))),
                State::Body(left) => {
                    let length = clamp(left, rest.len());
                    self.state = State::Body(left - length as u64);
                    return Ok((taken + length, Part::Body(length)));
                }
                State::Chunk(left) => {
                    let length = clamp(left, rest.len());
                    self.state = State::Chunk(left - length as u64);
                    return Ok((taken + length, Part::Body(length)));
                }
                State::Status | State::Fields | State::ChunkSize | State::ChunkEnd | State::Trailers => {
                    let (length, whole) = self.collect(rest)?;
                    taken += length;
                    if whole && let Some(part) = self.read_line()? {
                        return Ok((taken, part));
                    }
                }
            }
        }
    }

    /// The connection ended: fine only where that is how the body ends.
    pub fn end(&mut self) -> Result<(), Broken> {
        match self.state {
            State::UntilClose | State::Over => {
                self.state = State::Over;
                self.closes = true;
                Ok(())
            }
            _ => Err(Broken),
        }
    }

    /// Collects a line up to its line feed. What is too long for the buffer is counted and dropped.
    fn collect(&mut self, input: &[u8]) -> Result<(usize, bool), Broken> {
        for (position, &byte) in input.iter().enumerate() {
            self.head_length += 1;
            if self.head_length > HEAD {
                return Err(Broken);
            }
            if byte == b'\n' {
                return Ok((position + 1, true));
            }
            if let Some(place) = self.line.get_mut(self.line_length) {
                *place = byte;
            }
            self.line_length += 1;
        }
        Ok((input.len(), false))
    }

    fn read_line(&mut self) -> Result<Option<Part>, Broken> {
        let mut length = core::mem::take(&mut self.line_length);
        if length > LINE {
            // Too long to be one that matters; but then nothing that frames the body may hide in it.
            return if self.state == State::Fields || self.state == State::Trailers { Ok(None) } else { Err(Broken) };
        }
        if length > 0 && self.line.get(length - 1) == Some(&b'\r') {
            length -= 1;
        }
        match self.state {
            State::Status if length == 0 => Ok(None),
            State::Status => self.read_status(length).map(|()| None),
            State::Fields if length == 0 => self.end_head(),
            State::Fields => self.read_field(length),
            State::ChunkSize => self.read_chunk_size(length).map(|()| None),
            State::ChunkEnd if length == 0 => {
                self.state = State::ChunkSize;
                Ok(None)
            }
            State::Trailers => {
                if length == 0 {
                    self.state = State::Over;
                }
                Ok(None)
            }
            _ => Err(Broken),
        }
    }

    fn read_status(&mut self, length: usize) -> Result<(), Broken> {
        let line = self.line.get(..length).unwrap_or_default();
        let Some((&[b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor, b' ', a, b, c], rest)) = line.split_first_chunk()
        else {
            return Err(Broken);
        };
        if !minor.is_ascii_digit() || rest.first().is_some_and(|&next| next != b' ') {
            return Err(Broken);
        }
        self.closes = minor == b'0';
        self.status = parse_number(&[a, b, c]).filter(|&code| code >= 100).ok_or(Broken)? as u16;
        self.content_length = None;
        self.chunked = false;
        self.state = State::Fields;
        Ok(())
    }

    fn read_field(&mut self, length: usize) -> Result<Option<Part>, Broken> {
        let line = self.line.get(..length).unwrap_or_default();
        // A line without a colon, or the continuation of a folded one, says nothing that a device needs.
        let Some(colon) = line.iter().position(|&byte| byte == b':').filter(|&at| at > 0 && line[0] > b' ') else {
            return Ok(None);
        };
        self.name_end = colon;
        self.value_end = length;
        self.read_framing()?;
        Ok(Some(Part::Field))
    }

    fn read_framing(&mut self) -> Result<(), Broken> {
        let value = self.value();
        if self.is("Content-Length") {
            let length = parse_number(value).ok_or(Broken)?;
            if self.content_length.is_some_and(|earlier| earlier != length) {
                return Err(Broken);
            }
            self.content_length = Some(length);
        } else if self.is("Transfer-Encoding") {
            if !same(value, b"chunked") {
                return Err(Broken);
            }
            self.chunked = true;
        } else if self.is("Connection") {
            if same(value, b"close") {
                self.closes = true;
            } else if same(value, b"keep-alive") {
                self.closes = false;
            }
        }
        Ok(())
    }

    fn end_head(&mut self) -> Result<Option<Part>, Broken> {
        self.head_length = 0;
        if self.status == 101 {
            return Err(Broken);
        }
        if self.status < 200 {
            self.state = State::Status;
            return Ok(None);
        }
        self.state = match self.content_length {
            _ if matches!(self.status, 204 | 304) => State::Over,
            _ if self.chunked => State::ChunkSize,
            Some(length) => State::Body(length),
            None => {
                self.closes = true;
                State::UntilClose
            }
        };
        Ok(Some(Part::Head))
    }

    fn read_chunk_size(&mut self, length: usize) -> Result<(), Broken> {
        self.head_length = 0;
        let line = self.line.get(..length).unwrap_or_default();
        let digits = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        if digits.is_empty() || digits.len() > 15 {
            return Err(Broken);
        }
        let size = digits.iter().try_fold(0u64, |size, &digit| {
            char::from(digit).to_digit(16).map(|value| size << 4 | u64::from(value)).ok_or(Broken)
        })?;
        self.state = if size == 0 { State::Trailers } else { State::Chunk(size) };
        Ok(())
    }
}

/// Compares without case, byte by byte: the library's way is fast and large.
fn same(text: &[u8], other: &[u8]) -> bool {
    text.len() == other.len() && text.iter().zip(other).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

fn clamp(left: u64, available: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(available)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, fields, body, how it ended: fed in pieces of that many bytes.
    fn read(bytes: &[u8], piece: usize) -> Result<(u16, Vec<String>, Vec<u8>, usize), Broken> {
        let mut answer = Answer::new();
        let (mut fields, mut body, mut at) = (Vec::new(), Vec::new(), 0);
        loop {
            let input = &bytes[at..bytes.len().min(at + piece)];
            let (taken, part) = answer.feed(input)?;
            at += taken;
            match part {
                Part::Field => {
                    fields.push(String::from_utf8_lossy(&[answer.name(), b"=", answer.value()].concat()).into_owned());
                }
                Part::Body(length) => body.extend_from_slice(&bytes[at - length..at]),
                Part::Head => {}
                Part::End => return Ok((answer.status(), fields, body, at)),
                Part::More if at == bytes.len() => {
                    answer.end()?;
                    return Ok((answer.status(), fields, body, at));
                }
                Part::More => {}
            }
        }
    }

    fn read_in_any_pieces(bytes: &[u8]) -> Result<(u16, Vec<String>, Vec<u8>, usize), Broken> {
        let whole = read(bytes, usize::MAX / 2);
        for piece in 1..=bytes.len().min(40) {
            assert_eq!(read(bytes, piece), whole, "in pieces of {piece}");
        }
        whole
    }

    #[test]
    fn an_answer_is_the_same_however_it_was_cut_into_pieces() {
        let text = b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length:  5 \r\n\r\nhelloHTTP/1.1 ";
        let (status, fields, body, end) = read_in_any_pieces(text).unwrap();
        assert_eq!((status, &body[..], end), (200, &b"hello"[..], text.len() - 9));
        assert_eq!(fields, ["Date=x", "Content-Length=5"]);
    }

    #[test]
    fn bodies_end_by_length_by_chunks_or_with_the_connection() {
        let rows: [(&str, u16, &str); 9] = [
            ("HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", 204, ""),
            ("HTTP/1.1 304 Not Modified\r\n\r\n", 304, ""),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end"),
            ("HTTP/1.0 409 \r\n\r\n", 409, ""),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
                200,
                "abc0123456789",
            ),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x"),
            ("\r\nHTTP/1.1 404 Not Found\ncontent-length: 2\n\nno", 404, "no"),
            ("HTTP/1.1 200\r\nno colon\r\n folded: 1\r\nContent-Length: 1\r\n\r\nx", 200, "x"),
        ];
        for (text, status, body) in rows {
            let answer = read_in_any_pieces(text.as_bytes()).expect(text);
            assert_eq!((answer.0, &answer.2[..]), (status, body.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_line_too_long_to_matter_is_skipped_and_a_head_without_end_refused() {
        let long = format!("HTTP/1.1 200 OK\r\nSet-Cookie: {}\r\nContent-Length: 2\r\n\r\nok", "x".repeat(500));
        assert_eq!(read_in_any_pieces(long.as_bytes()).unwrap().2, b"ok");
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(4000));
        assert_eq!(read(endless.as_bytes(), 1000), Err(Broken));
    }

    #[test]
    fn what_is_no_answer_or_is_cut_short_is_broken() {
        for text in [
            "",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 2x0 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "SSH-2.0-x\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Le",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        ] {
            assert_eq!(read_in_any_pieces(text.as_bytes()), Err(Broken), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), piece in 1usize..50) {
            let _ = read(&bytes, piece);
            let _ = read(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &bytes[..]].concat(), piece);
        }
    }
}
