//! A response, as a client reads it: what its options say, once all critical ones are understood.

use super::option::{self, block, number};
use super::{Block, Kind, Message, Reaction};

/// A response whose options are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The message that carries it.
    pub message: Message<'a>,
    /// `ETag` of the body.
    pub etag: Option<&'a [u8]>,
    /// `Observe`: the place of a notification among the others.
    pub observe: Option<u32>,
    /// `Content-Format` of the payload.
    pub content_format: Option<u16>,
    /// `Max-Age`: for how many seconds it may be kept.
    pub max_age_s: Option<u32>,
    /// `Block1`: which part of the request's body was taken, and what sizes are wanted.
    pub block1: Option<Block>,
    /// `Block2`: which part of the response's body the payload is.
    pub block2: Option<Block>,
    /// `Size2`: the size of the response's body, in bytes.
    pub size2: Option<u32>,
    /// `Echo`: to be sent back, so that the server sees that the address is the client's.
    pub echo: Option<&'a [u8]>,
}

impl<'a> Response<'a> {
    /// Reads the options of a message whose code is a response's; the error says how to reject it.
    pub fn read(message: &Message<'a>) -> Result<Response<'a>, Reaction> {
        let mut response = Response {
            message: *message,
            etag: None,
            observe: None,
            content_format: None,
            max_age_s: None,
            block1: None,
            block2: None,
            size2: None,
            echo: None,
        };
        let understood = option::understood(message, |number, value| {
            match number {
                number::ETAG => response.etag = response.etag.or(Some(value)),
                number::OBSERVE => response.observe = Some(option::uint(value)),
                number::CONTENT_FORMAT => response.content_format = Some(option::short_uint(value)),
                number::MAX_AGE => response.max_age_s = Some(option::uint(value)),
                number::BLOCK1 => response.block1 = Some(block(value)?),
                number::BLOCK2 => response.block2 = Some(block(value)?),
                number::SIZE2 => response.size2 = Some(option::uint(value)),
                number::ECHO => response.echo = Some(value),
                _ => {}
            }
            Ok(())
        });
        match understood {
            Ok(()) => Ok(response),
            Err(_) if message.kind == Kind::Confirmable => Err(Reaction::Reset(message.id)),
            Err(_) => Err(Reaction::Silence),
        }
    }
}

/// Whether a notification that came `after_s` seconds after another was sent later than it, by their numbers (RFC 7641,
/// section 3.4).
pub fn is_newer_notification(number: u32, than: u32, after_s: u64) -> bool {
    const HALF: u32 = 1 << 23;
    let ahead = number.wrapping_sub(than) & (2 * HALF - 1);
    after_s > 128 || ahead > 0 && ahead < HALF
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::{Code, Draft, Token};

    #[test]
    fn a_response_says_what_it_carries() {
        let mut draft = Draft::new(Kind::Acknowledgement, Code::CONTENT, 1, Token::default());
        draft.add_bytes(number::ETAG, b"1");
        draft.add_bytes(number::ETAG, b"2");
        draft.add_uint(number::OBSERVE, 0xff_ffff);
        draft.add_uint(number::CONTENT_FORMAT, 42);
        draft.add_uint(number::MAX_AGE, 60);
        draft.add_block(number::BLOCK2, Block::new(2, true, 64).unwrap());
        draft.add_uint(number::SIZE2, 70_000);
        draft.add_bytes(number::ECHO, b"e");
        draft.payload = b"body";
        let mut datagram = Vec::new();
        draft.encode(&mut datagram).unwrap();
        let message = Message::decode(&datagram).unwrap();
        let response = Response::read(&message).unwrap();
        assert_eq!((response.etag, response.echo), (Some(&b"1"[..]), Some(&b"e"[..])));
        assert_eq!((response.observe, response.content_format), (Some(0xff_ffff), Some(42)));
        assert_eq!((response.max_age_s, response.size2), (Some(60), Some(70_000)));
        assert_eq!((response.block1, response.block2), (None, Block::new(2, true, 64)));
        assert_eq!(response.message.payload, b"body");
    }

    #[test]
    fn a_response_that_is_not_understood_is_rejected_as_its_type_demands() {
        for (number, value) in [(1, &b""[..]), (number::BLOCK2, b"\x07"), (number::BLOCK1, b"1234")] {
            for (kind, reaction) in [
                (Kind::Confirmable, Reaction::Reset(9)),
                (Kind::NonConfirmable, Reaction::Silence),
                (Kind::Acknowledgement, Reaction::Silence),
            ] {
                let mut draft = Draft::new(kind, Code::CONTENT, 9, Token::default());
                draft.add_bytes(number, value);
                let mut datagram = Vec::new();
                draft.encode(&mut datagram).unwrap();
                assert_eq!(Response::read(&Message::decode(&datagram).unwrap()), Err(reaction));
            }
        }
    }

    #[test]
    fn notifications_are_ordered_round_the_clock_of_their_numbers() {
        for (number, than, after_s, newer) in [
            (1, 0, 0, true),
            (0, 0, 0, false),
            (0, 1, 0, false),
            (0x7f_ffff, 0, 0, true),
            (0x80_0000, 0, 0, false),
            (0, 0xff_ffff, 0, true),
            (0xff_ffff, 0, 0, false),
            (5, 9, 128, false),
            (5, 9, 129, true),
        ] {
            assert_eq!(is_newer_notification(number, than, after_s), newer, "{number} {than} {after_s}");
        }
    }
}
