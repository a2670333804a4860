//! One CoAP message: read from a datagram without copying, written into a buffer (RFC 7252 section 3).

use crate::buffer::Writer;

/// Option numbers that a device of this platform meets.
pub mod option {
    /// Opaque version of a representation.
    pub const ETAG: u16 = 4;
    /// Register for, end, or number a notification (RFC 7641).
    pub const OBSERVE: u16 = 6;
    /// One segment of the path.
    pub const URI_PATH: u16 = 11;
    /// How long an answer stays fresh; with 4.29 and 5.03 when to come back.
    pub const MAX_AGE: u16 = 14;
    /// One argument.
    pub const URI_QUERY: u16 = 15;
    /// A block of the answer's payload (RFC 7959).
    pub const BLOCK2: u16 = 23;
    /// The size of the whole representation (RFC 7959).
    pub const SIZE2: u16 = 28;
    /// Proof that the sender can receive at its address (RFC 9175).
    pub const ECHO: u16 = 252;
}

/// Codes, as `class << 5 | detail`.
pub mod code {
    /// No request and no answer: acknowledgement, reset, ping.
    pub const EMPTY: u8 = 0;
    /// Request: read.
    pub const GET: u8 = 0x01;
    /// Request: do.
    pub const POST: u8 = 0x02;
    /// 2.03 Valid: what the client has is current.
    pub const VALID: u8 = 0x43;
    /// 2.04 Changed.
    pub const CHANGED: u8 = 0x44;
    /// 2.05 Content.
    pub const CONTENT: u8 = 0x45;
    /// 4.00 Bad Request.
    pub const BAD_REQUEST: u8 = 0x80;
    /// 4.01 Unauthorized.
    pub const UNAUTHORIZED: u8 = 0x81;
    /// 4.03 Forbidden.
    pub const FORBIDDEN: u8 = 0x83;
    /// 4.04 Not Found.
    pub const NOT_FOUND: u8 = 0x84;
    /// 4.29 Too Many Requests (RFC 8516).
    pub const TOO_MANY: u8 = 0x9D;
    /// 5.00, and everything above it but 5.03: the server's fault.
    pub const SERVER_FAULT: u8 = 0xA0;
    /// 5.03 Service Unavailable.
    pub const UNAVAILABLE: u8 = 0xA3;
}

/// What a message wants from its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To be acknowledged.
    Confirmable,
    /// Not to be acknowledged.
    NonConfirmable,
    /// Acknowledges, and may carry the answer.
    Acknowledgement,
    /// Was not understood.
    Reset,
}

/// A message that was received.
#[derive(Clone, Copy, Debug)]
pub struct Message<'b> {
    /// What it wants.
    pub kind: Kind,
    /// Request method or answer code.
    pub code: u8,
    /// Pairs an acknowledgement with its message.
    pub id: u16,
    /// Pairs an answer with its request.
    pub token: &'b [u8],
    options: &'b [u8],
    /// What it carries.
    pub payload: &'b [u8],
}

impl<'b> Message<'b> {
    /// Reads a datagram, or finds it malformed.
    pub fn decode(datagram: &'b [u8]) -> Option<Message<'b>> {
        let (&[first, code, id_high, id_low], rest) = datagram.split_first_chunk::<4>()?;
        let kind = match first >> 4 {
            0b0100 => Kind::Confirmable,
            0b0101 => Kind::NonConfirmable,
            0b0110 => Kind::Acknowledgement,
            0b0111 => Kind::Reset,
            _ => return None,
        };
        let token_length = usize::from(first & 15);
        if token_length > 8 || (code == code::EMPTY && datagram.len() > 4) {
            return None;
        }
        let (token, rest) = rest.split_at_checked(token_length)?;
        let mut options = Options { rest, number: 0 };
        while options.next().is_some() {}
        let payload = match options.rest {
            [] => &[],
            [0xFF, payload @ ..] if !payload.is_empty() => payload,
            _ => return None,
        };
        let options = rest.get(..rest.len() - options.rest.len())?;
        Some(Message { kind, code, id: u16::from_be_bytes([id_high, id_low]), token, options, payload })
    }

    /// The first option of that number.
    pub fn option(&self, number: u16) -> Option<&'b [u8]> {
        Options { rest: self.options, number: 0 }.find(|option| option.0 == number).map(|option| option.1)
    }

    /// The first option of that number, as an unsigned integer of at most 4 bytes.
    pub fn number(&self, number: u16) -> Option<u32> {
        let bytes = self.option(number)?;
        (bytes.len() <= 4).then(|| bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
    }
}

/// Walks over options; stops at the payload marker, at the end, or at the first that is malformed.
struct Options<'b> {
    rest: &'b [u8],
    number: u16,
}

impl<'b> Iterator for Options<'b> {
    type Item = (u16, &'b [u8]);

    fn next(&mut self) -> Option<(u16, &'b [u8])> {
        let (&first, rest) = self.rest.split_first()?;
        if first == 0xFF {
            return None;
        }
        let (delta, rest) = extended(first >> 4, rest)?;
        let (length, rest) = extended(first & 15, rest)?;
        let number = self.number.checked_add(delta)?;
        let (value, rest) = rest.split_at_checked(usize::from(length))?;
        (self.rest, self.number) = (rest, number);
        Some((number, value))
    }
}

fn extended(nibble: u8, rest: &[u8]) -> Option<(u16, &[u8])> {
    match nibble {
        0..=12 => Some((u16::from(nibble), rest)),
        13 => rest.split_first().map(|(&byte, rest)| (u16::from(byte) + 13, rest)),
        14 => {
            let (&pair, rest) = rest.split_first_chunk::<2>()?;
            Some((u16::from_be_bytes(pair).checked_add(269)?, rest))
        }
        _ => None,
    }
}

/// Writes a message: first the options in the order of their numbers, then the payload.
pub struct MessageWriter<'b> {
    writer: Writer<'b>,
    number: u16,
}

impl<'b> MessageWriter<'b> {
    /// Begins a message.
    pub fn new(buffer: &'b mut [u8], kind: Kind, code: u8, id: u16, token: &[u8]) -> MessageWriter<'b> {
        let kind = match kind {
            Kind::Confirmable => 0x40,
            Kind::NonConfirmable => 0x50,
            Kind::Acknowledgement => 0x60,
            Kind::Reset => 0x70,
        };
        let mut writer = Writer::new(buffer);
        writer.bytes(&[kind | (token.len() as u8 & 15), code]).bytes(&id.to_be_bytes()).bytes(token);
        MessageWriter { writer, number: 0 }
    }

    /// Adds an option; `number` is not below the last one.
    pub fn option(&mut self, number: u16, value: &[u8]) -> &mut Self {
        let (delta, delta_more) = extend(number.saturating_sub(self.number));
        let (length, length_more) = extend(u16::try_from(value.len()).unwrap_or(u16::MAX));
        self.number = number;
        self.writer.bytes(&[delta << 4 | length]);
        for (nibble, more) in [(delta, delta_more), (length, length_more)] {
            match nibble {
                13 => self.writer.bytes(&more[1..]),
                14 => self.writer.bytes(&more),
                _ => &mut self.writer,
            };
        }
        self.writer.bytes(value);
        self
    }

    /// Adds an option that holds a number, in as few bytes as it needs.
    pub fn number(&mut self, number: u16, value: u32) -> &mut Self {
        let bytes = value.to_be_bytes();
        let skip = value.leading_zeros() as usize / 8;
        self.option(number, bytes.get(skip..).unwrap_or_default())
    }

    /// Adds what the message carries and ends it: its length, if it fitted.
    pub fn payload(&mut self, parts: &[&[u8]]) -> Option<usize> {
        if parts.iter().any(|part| !part.is_empty()) {
            self.writer.bytes(&[0xFF]);
            for part in parts {
                self.writer.bytes(part);
            }
        }
        self.writer.finish()
    }
}

fn extend(value: u16) -> (u8, [u8; 2]) {
    match value {
        0..=12 => (value as u8, [0; 2]),
        13..=268 => (13, (value - 13).to_be_bytes()),
        _ => (14, (value - 269).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_written_and_read() {
        // RFC 7252, appendix A, figure 16: GET /temperature.
        let mut buffer = [0; 64];
        let length = MessageWriter::new(&mut buffer, Kind::Confirmable, code::GET, 0x7d34, b"")
            .option(option::URI_PATH, b"temperature")
            .payload(&[]);
        assert_eq!(&buffer[..length.unwrap()], b"\x40\x01\x7d\x34\xbbtemperature");
        let answer = Message::decode(b"\x60\x45\x7d\x34\xff22.3 C").unwrap();
        assert_eq!((answer.kind, answer.code, answer.id), (Kind::Acknowledgement, code::CONTENT, 0x7d34));
        assert_eq!(answer.payload, b"22.3 C");
    }

    #[test]
    fn malformed_datagrams_are_refused() {
        for bytes in [
            &b""[..],
            b"\x40\x01\x00",
            b"\x00\x01\x00\x00",
            b"\x80\x01\x00\x00",
            b"\x49\x01\x00\x00123456789",
            b"\x42\x01\x00\x00a",
            b"\x40\x00\x00\x00a",
            b"\x40\x45\x00\x00\xff",
            b"\x40\x45\x00\x00\xf1a",
            b"\x40\x45\x00\x00\x1fa",
            b"\x40\x45\x00\x00\x15a",
            b"\x40\x45\x00\x00\xe0\xff\xff",
        ] {
            assert!(Message::decode(bytes).is_none(), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_was_written_reads_back(
            mut options in prop::collection::vec((0u16..3000, prop::collection::vec(any::<u8>(), 0..300)), 0..5),
            payload in prop::collection::vec(any::<u8>(), 0..50),
            token in prop::collection::vec(any::<u8>(), 0..=8),
        ) {
            options.sort();
            options.dedup_by_key(|option| option.0);
            let mut buffer = [0; 2048];
            let mut writer = MessageWriter::new(&mut buffer, Kind::Confirmable, code::POST, 7, &token);
            for (number, value) in &options {
                writer.option(*number, value);
            }
            let length = writer.payload(&[&payload]).unwrap();
            let message = Message::decode(&buffer[..length]).unwrap();
            prop_assert_eq!(message.payload, &payload[..]);
            prop_assert_eq!(message.token, &token[..]);
            for (number, value) in &options {
                prop_assert_eq!(message.option(*number), Some(&value[..]));
            }
        }

        #[test]
        fn no_datagram_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Some(message) = Message::decode(&bytes) {
                let _ = message.number(option::MAX_AGE);
            }
        }
    }
}
