//! A guard in front of the HTTP/1 parser: it follows where each request of a connection begins and ends, and refuses what
//! two parsers could read in two ways (RFC 9112, section 11.2).
//!
//! It is stricter than the RFC where leniency is the hole: one of the two lengths, `chunked` alone, digits alone, CR LF
//! alone. What deployed devices need stays allowed: an empty line before a request, no `Host`, HTTP/1.0.
//! Sans I/O: feed it every read before the parser sees it.

mod head;

use std::collections::VecDeque;
use std::fmt;

use self::head::HeadSoFar;

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes from the first one to the empty line, which is included.
    pub bytes: usize,
    /// Fields, of a head and of the trailers of a chunked body.
    pub fields: usize,
}

impl Default for HeadLimits {
    fn default() -> HeadLimits {
        HeadLimits { bytes: 16 << 10, fields: 100 }
    }
}

/// What the listener has to know of a request before it is parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The request is HTTP/1.0.
    pub is_http_1_0: bool,
    /// `Connection` says `keep-alive`.
    pub keep_alive: bool,
    /// `Connection` says `close`.
    pub close: bool,
    /// `Connection` says `upgrade`, and `Upgrade` names `websocket`.
    pub upgrade_to_websocket: bool,
    /// Where the last digit of the version stands, counted from the first byte of the connection.
    pub version_at: u64,
}

impl Head {
    /// Whether the client expects the connection to go on after the answer.
    pub fn persists(&self) -> bool {
        !self.close && (self.keep_alive || !self.is_http_1_0)
    }
}

/// A request that must not reach the parser: answer 400 and close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong.
    pub violation: Violation,
    /// How many bytes of this read end requests that came before the refused one and are owed their answers.
    pub whole: usize,
    /// The refused request's head was whole before this read, so the 400 is the answer to it. Otherwise its head is not among
    /// those to take, and nobody but the caller answers.
    pub of_earlier_head: bool,
}

/// What is wrong with a request's framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // `text` says it for each of them
pub enum Violation {
    RequestLine,
    Version,
    BareLineFeed,
    BareReturn,
    FoldedLine,
    FieldName,
    FieldValue,
    HeadTooLarge,
    TooManyFields,
    DoubledHost,
    DoubledLength,
    BadLength,
    BothLengths,
    BadTransferCoding,
    BadChunk,
    BadTrailer,
}

impl Violation {
    /// One line for the answer's body.
    pub fn text(self) -> &'static str {
        match self {
            Violation::RequestLine => "malformed request line",
            Violation::Version => "the HTTP version is not 1.1 or 1.0",
            Violation::BareLineFeed => "a line ends without a carriage return",
            Violation::BareReturn => "a carriage return inside of a line",
            Violation::FoldedLine => "a header field goes on in a second line",
            Violation::FieldName => "malformed header field name",
            Violation::FieldValue => "a control character in a header field",
            Violation::HeadTooLarge => "the request's head is too large",
            Violation::TooManyFields => "too many header fields",
            Violation::DoubledHost => "more than one Host",
            Violation::DoubledLength => "more than one Content-Length",
            Violation::BadLength => "malformed Content-Length",
            Violation::BothLengths => "both Content-Length and Transfer-Encoding",
            Violation::BadTransferCoding => "a Transfer-Encoding other than chunked",
            Violation::BadChunk => "malformed chunk",
            Violation::BadTrailer => "a trailer that belongs in the head",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Where in its requests a connection is, for timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// No byte of the next request has come, save empty lines.
    Between,
    /// A head has begun and is not whole.
    InHead,
    /// A head is whole and its body is not.
    InBody,
    /// Nothing is looked at any more.
    PassedThrough,
}

/// The longest line with a chunk's size and extensions, its CR LF included.
const CHUNK_LINE_BYTES: usize = 256;

/// Follows the bytes of one connection.
#[derive(Debug)]
pub struct Guard {
    limits: HeadLimits,
    state: State,
    /// What has come of a line that is not whole yet.
    line: Vec<u8>,
    heads: VecDeque<Head>,
    /// Bytes of the connection that were followed.
    followed: u64,
}

#[derive(Debug)]
enum State {
    Head(HeadSoFar),
    Body { left: u64 },
    ChunkSize,
    ChunkData { left: u64 },
    ChunkEnd,
    Trailers { bytes: usize, fields: usize },
    PassThrough,
    Refused(Violation),
}

impl Guard {
    /// A guard for a new connection.
    pub fn new(limits: HeadLimits) -> Guard {
        let state = State::Head(HeadSoFar::default());
        Guard { limits, state, line: Vec::new(), heads: VecDeque::new(), followed: 0 }
    }

    /// Follows the bytes of one read. After a refusal everything is refused.
    pub fn accept(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let was_in_body = self.place() == Place::InBody;
        let mut rest = bytes;
        let mut whole = 0;
        while !rest.is_empty() {
            match self.step(rest) {
                Ok(consumed) => {
                    rest = &rest[consumed..];
                    self.followed += consumed as u64;
                }
                Err(violation) => {
                    let of_earlier_head = was_in_body && whole == 0;
                    if !of_earlier_head && self.place() == Place::InBody {
                        self.heads.pop_back();
                    }
                    self.state = State::Refused(violation);
                    return Err(Refused { violation, whole, of_earlier_head });
                }
            }
            if self.place() == Place::Between {
                whole = bytes.len() - rest.len();
            }
        }
        Ok(())
    }

    /// The next head that is whole, in the order of the requests. Take one a request: they wait here until then.
    pub fn take_head(&mut self) -> Option<Head> {
        self.heads.pop_front()
    }

    /// How many of the bytes so far belong to a head that is not whole, the empty lines before it included. The parser need
    /// not see them before the rest of it.
    pub fn unfinished_head_bytes(&self) -> usize {
        match &self.state {
            State::Head(head) => head.bytes + self.line.len(),
            _ => 0,
        }
    }

    /// How many bytes of a body of known length have not come yet.
    pub fn rest_of_body(&self) -> u64 {
        match self.state {
            State::Body { left } => left,
            _ => 0,
        }
    }

    /// Looks at nothing any more: the connection was upgraded to another protocol.
    pub fn pass_through(&mut self) {
        self.state = State::PassThrough;
        self.line = Vec::new();
    }

    /// Where in its requests the connection is.
    pub fn place(&self) -> Place {
        match &self.state {
            State::Head(head) if !head.has_begun() && self.line.is_empty() => Place::Between,
            State::Head(_) | State::Refused(_) => Place::InHead,
            State::PassThrough => Place::PassedThrough,
            _ => Place::InBody,
        }
    }

    /// Follows at least one byte of some, and says how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let line_bytes = match &mut self.state {
            State::Body { left } => {
                let consumed = count(*left, bytes);
                *left -= consumed as u64;
                if *left == 0 {
                    self.state = State::Head(HeadSoFar::default());
                }
                return Ok(consumed);
            }
            State::ChunkData { left } => {
                let consumed = count(*left, bytes);
                *left -= consumed as u64;
                if *left == 0 {
                    self.state = State::ChunkEnd;
                }
                return Ok(consumed);
            }
            State::PassThrough => return Ok(bytes.len()),
            State::Refused(violation) => return Err(*violation),
            State::Head(head) => self.limits.bytes - head.bytes,
            State::Trailers { bytes, .. } => self.limits.bytes - *bytes,
            State::ChunkSize => CHUNK_LINE_BYTES,
            State::ChunkEnd => b"\r\n".len(),
        };
        self.step_line(bytes, line_bytes)
    }

    /// Follows to the end of a line of at most `limit` bytes, or keeps what there is of it.
    fn step_line(&mut self, bytes: &[u8], limit: usize) -> Result<usize, Violation> {
        let end = memchr::memchr(b'\n', bytes).map(|at| at + 1);
        let consumed = end.unwrap_or(bytes.len());
        let so_far = self.line.len() + consumed;
        if so_far > limit || so_far == limit && end.is_none() {
            return Err(match self.state {
                State::ChunkSize | State::ChunkEnd => Violation::BadChunk,
                _ => Violation::HeadTooLarge,
            });
        }
        let (line, rest_of_line) = (std::mem::take(&mut self.line), &bytes[..consumed]);
        if line.is_empty() && end.is_some() {
            // Nearly always: the line is whole in this read.
            self.end_line(rest_of_line, self.followed + consumed as u64)?;
        } else {
            self.line = line;
            self.line.extend_from_slice(rest_of_line);
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                self.end_line(&line, self.followed + consumed as u64)?;
            }
        }
        Ok(consumed)
    }

    /// Reads a whole line, its LF included, which is that byte of the connection.
    fn end_line(&mut self, line: &[u8], ends_at: u64) -> Result<(), Violation> {
        let content = line.strip_suffix(b"\r\n").ok_or(Violation::BareLineFeed)?;
        match &mut self.state {
            State::Head(head) => {
                head.bytes += line.len();
                if !content.is_empty() {
                    if !head.has_begun() {
                        head.facts.version_at = ends_at - b"1\r\n".len() as u64;
                    }
                    return head.read_line(content, self.limits.fields);
                }
                if head.has_begun() {
                    let (body, facts) = (head.body()?, head.facts);
                    self.heads.push_back(facts);
                    self.state = match body {
                        head::Body::Chunked => State::ChunkSize,
                        head::Body::Length(0) => State::Head(HeadSoFar::default()),
                        head::Body::Length(left) => State::Body { left },
                    };
                }
            }
            State::ChunkSize => {
                self.state = match head::chunk_size(content)? {
                    0 => State::Trailers { bytes: 0, fields: 0 },
                    left => State::ChunkData { left },
                }
            }
            State::ChunkEnd if content.is_empty() => self.state = State::ChunkSize,
            State::ChunkEnd => return Err(Violation::BadChunk),
            State::Trailers { .. } if content.is_empty() => self.state = State::Head(HeadSoFar::default()),
            State::Trailers { bytes, fields } => {
                *bytes += line.len();
                *fields += 1;
                if *fields > self.limits.fields {
                    return Err(Violation::TooManyFields);
                }
                head::check_trailer(content)?;
            }
            State::Body { .. } | State::ChunkData { .. } | State::PassThrough | State::Refused(_) => {}
        }
        Ok(())
    }
}

fn count(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len())
}

#[cfg(test)]
mod tests;
