//! The lines of a request's head, one after another, and what of them decides where the request ends.

use super::{Head, Violation};
use crate::http::is_token_byte;

/// A head as far as it has come.
#[derive(Debug, Default)]
pub(super) struct HeadSoFar {
    /// Bytes, with the empty lines before the request line.
    pub(super) bytes: usize,
    /// What will be told of it.
    pub(super) facts: Head,
    has_request_line: bool,
    fields: usize,
    has_host: bool,
    is_chunked: bool,
    has_length: bool,
    length: u64,
    connection_upgrade: bool,
    upgrade_websocket: bool,
}

/// Where the body ends.
pub(super) enum Body {
    Length(u64),
    Chunked,
}

impl HeadSoFar {
    /// Whether a request line has come; before it, empty lines are skipped.
    pub(super) fn has_begun(&self) -> bool {
        self.has_request_line
    }

    /// Reads a line that is not empty, without its CR LF.
    pub(super) fn read_line(&mut self, line: &[u8], max_fields: usize) -> Result<(), Violation> {
        if !self.has_request_line {
            self.has_request_line = true;
            self.facts.is_http_1_0 = read_request_line(line)?;
            return Ok(());
        }
        self.fields += 1;
        if self.fields > max_fields {
            return Err(Violation::TooManyFields);
        }
        let (name, value) = split_field(line)?;
        self.read_field(name, value)
    }

    /// The body that follows, once the head is whole.
    pub(super) fn body(&self) -> Result<Body, Violation> {
        match (self.is_chunked, self.has_length) {
            (true, true) => Err(Violation::BothLengths),
            // HTTP/1.0 knows no codings: a peer that does not either would read the chunks as the next request.
            (true, false) if self.facts.is_http_1_0 => Err(Violation::BadTransferCoding),
            (true, false) => Ok(Body::Chunked),
            (false, _) => Ok(Body::Length(self.length)),
        }
    }

    /// The length of the name is looked at first: it leaves at most one name to compare with.
    fn read_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Violation> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is(b"host") => refuse_second(&mut self.has_host, Violation::DoubledHost)?,
            7 if is(b"upgrade") => {
                self.upgrade_websocket |= words(value).any(|word| word.eq_ignore_ascii_case(b"websocket"));
            }
            10 if is(b"connection") => words(value).for_each(|word| self.read_connection(word)),
            14 if is(b"content-length") => {
                let length = read_length(value)?;
                refuse_second(&mut self.has_length, Violation::DoubledLength)?;
                self.length = length;
            }
            17 if is(b"transfer-encoding") => {
                refuse_second(&mut self.is_chunked, Violation::BadTransferCoding)?;
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Violation::BadTransferCoding);
                }
            }
            _ => {}
        }
        self.facts.upgrade_to_websocket = self.connection_upgrade && self.upgrade_websocket;
        Ok(())
    }

    fn read_connection(&mut self, word: &[u8]) {
        self.facts.close |= word.eq_ignore_ascii_case(b"close");
        self.facts.keep_alive |= word.eq_ignore_ascii_case(b"keep-alive");
        self.connection_upgrade |= word.eq_ignore_ascii_case(b"upgrade");
    }
}

/// Reads the size of a chunk. Extensions are allowed after a semicolon, and looked at by nobody.
pub(super) fn chunk_size(line: &[u8]) -> Result<u64, Violation> {
    let end = memchr::memchr(b';', line).unwrap_or(line.len());
    let (digits, extensions) = line.split_at(end);
    let add = |size: u64, c: &u8| {
        let digit = char::from(*c).to_digit(16)?;
        size.checked_mul(16)?.checked_add(u64::from(digit))
    };
    let size = digits.iter().try_fold(0, add);
    match size {
        Some(size) if !digits.is_empty() && check_text(extensions).is_ok() => Ok(size),
        _ => Err(Violation::BadChunk),
    }
}

/// Checks a trailer, which is a field but not one that says where a request ends or for whom it is.
pub(super) fn check_trailer(line: &[u8]) -> Result<(), Violation> {
    let (name, _) = split_field(line)?;
    let of_head: [&[u8]; 3] = [b"content-length", b"transfer-encoding", b"host"];
    match of_head.iter().any(|of_head| name.eq_ignore_ascii_case(of_head)) {
        true => Err(Violation::BadTrailer),
        false => Ok(()),
    }
}

/// Whether the version is 1.0 and not 1.1. Method and target are the parser's business, as long as there are three words.
fn read_request_line(line: &[u8]) -> Result<bool, Violation> {
    let (method, rest) = split_token(line).ok_or(Violation::RequestLine)?;
    let rest = rest.strip_prefix(b" ").ok_or(Violation::RequestLine)?;
    let target_end = memchr::memrchr(b' ', rest).ok_or(Violation::RequestLine)?;
    let (target, version) = rest.split_at(target_end);
    let is_blank = |c: u8| c <= b' ' || c == 0x7f;
    match version {
        _ if memchr::memchr(b'\r', line).is_some() => Err(Violation::BareReturn),
        _ if method.is_empty() || target.is_empty() || any(target, is_blank) => Err(Violation::RequestLine),
        b" HTTP/1.1" => Ok(false),
        b" HTTP/1.0" => Ok(true),
        b" " => Err(Violation::RequestLine),
        _ => Err(Violation::Version),
    }
}

/// Name and trimmed value of a field line.
fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), Violation> {
    let (name, rest) = split_token(line).ok_or(Violation::FieldName)?;
    match rest {
        [b':', value @ ..] if !name.is_empty() => check_text(value).map(|()| (name, trim(value))),
        [b' ' | b'\t', ..] if name.is_empty() => Err(Violation::FoldedLine),
        _ if memchr::memchr(b'\r', line).is_some() => Err(Violation::BareReturn),
        _ => Err(Violation::FieldName),
    }
}

/// What there is of a token at the start, and what follows it; none if nothing does.
fn split_token(line: &[u8]) -> Option<(&[u8], &[u8])> {
    line.iter().position(|&c| !is_token_byte(c)).map(|end| line.split_at(end))
}

/// Refuses control characters, the tab excepted.
fn check_text(text: &[u8]) -> Result<(), Violation> {
    match any(text, |c| c < b' ' && c != b'\t' || c == 0x7f) {
        false => Ok(()),
        true if memchr::memchr(b'\r', text).is_some() => Err(Violation::BareReturn),
        true => Err(Violation::FieldValue),
    }
}

/// Without an early end, so that the compiler makes a vector loop of it.
fn any(text: &[u8], is: impl Fn(u8) -> bool) -> bool {
    text.iter().fold(false, |any, &c| any | is(c))
}

fn refuse_second(has_one: &mut bool, violation: Violation) -> Result<(), Violation> {
    if std::mem::replace(has_one, true) { Err(violation) } else { Ok(()) }
}

fn read_length(digits: &[u8]) -> Result<u64, Violation> {
    let add = |length: u64, c: &u8| match c {
        b'0'..=b'9' => length.checked_mul(10)?.checked_add(u64::from(c - b'0')),
        _ => None,
    };
    let length = digits.iter().try_fold(0, add);
    length.filter(|_| !digits.is_empty()).ok_or(Violation::BadLength)
}

/// The words of a list.
fn words(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&c| c == b',').map(trim)
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}
