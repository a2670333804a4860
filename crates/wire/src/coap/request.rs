//! A request: what its options say (contract, coap.md), once all critical ones are understood.

use super::option::{self, block, number};
use super::{Block, Code, Kind, Message, Reaction};

/// A request whose options are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The message that carries it.
    pub message: Message<'a>,
    /// `Observe`: 0 registers, 1 ends; anything else is as if it was not there.
    pub observe: Option<u32>,
    /// `Content-Format` of the payload.
    pub content_format: Option<u16>,
    /// `Accept`: the only format that the client takes.
    pub accept: Option<u16>,
    /// `Block1`: which part of the request's body the payload is.
    pub block1: Option<Block>,
    /// `Block2`: which part of the response's body is wanted.
    pub block2: Option<Block>,
    /// `Size1`: the size of the request's body, in bytes.
    pub size1: Option<u32>,
    /// `Size2`: whether the size of the response's body is asked for; 0 then.
    pub size2: Option<u32>,
    /// `Echo`: what the server gave to show the client's address with.
    pub echo: Option<&'a [u8]>,
}

/// Why a request is not processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A critical option is not understood.
    BadOption(u16),
    /// A block has the reserved size.
    BadBlock,
    /// It asks for a proxy.
    Proxy,
}

impl Refusal {
    /// The response code.
    pub fn code(self) -> Code {
        match self {
            Refusal::BadOption(_) => Code::BAD_OPTION,
            Refusal::BadBlock => Code::BAD_REQUEST,
            Refusal::Proxy => Code::PROXYING_NOT_SUPPORTED,
        }
    }

    /// What to do about a request that is refused: a critical option that is not understood rejects a
    /// non-confirmable one in silence (RFC 7252, section 5.4.1).
    pub fn reaction(self, kind: Kind) -> Reaction {
        match (self, kind) {
            (Refusal::BadOption(_), Kind::NonConfirmable) => Reaction::Silence,
            _ => Reaction::Answer(self.code()),
        }
    }
}

impl<'a> Request<'a> {
    /// Reads the options of a message whose code is a method.
    pub fn read(message: &Message<'a>) -> Result<Request<'a>, Refusal> {
        let mut request = Request {
            message: *message,
            observe: None,
            content_format: None,
            accept: None,
            block1: None,
            block2: None,
            size1: None,
            size2: None,
            echo: None,
        };
        option::understood(message, |number, value| {
            match number {
                number::OBSERVE => request.observe = Some(option::uint(value)).filter(|value| *value < 2),
                number::CONTENT_FORMAT => request.content_format = Some(option::short_uint(value)),
                number::ACCEPT => request.accept = Some(option::short_uint(value)),
                number::BLOCK1 => request.block1 = Some(block(value)?),
                number::BLOCK2 => request.block2 = Some(block(value)?),
                number::SIZE1 => request.size1 = Some(option::uint(value)),
                number::SIZE2 => request.size2 = Some(option::uint(value)),
                number::ECHO => request.echo = Some(value),
                number::PROXY_URI | number::PROXY_SCHEME => return Err(Refusal::Proxy),
                _ => {}
            }
            Ok(())
        })?;
        Ok(request)
    }

    /// The segments of the path, in order. They are bytes: what names a thing is parsed as text where it is used.
    pub fn path(&self) -> impl Iterator<Item = &'a [u8]> {
        self.message.values(number::URI_PATH)
    }

    /// The parts of the query, in order; a credential may be one of 20 raw bytes.
    pub fn query(&self) -> impl Iterator<Item = &'a [u8]> {
        self.message.values(number::URI_QUERY)
    }

    /// The entity tags of representations that the client has.
    pub fn etags(&self) -> impl Iterator<Item = &'a [u8]> {
        self.message.values(number::ETAG).filter(|etag| (1..=8).contains(&etag.len()))
    }

    /// `Request-Tag`: what tells apart bodies that are sent in blocks at the same time (RFC 9175, section 3).
    pub fn tags(&self) -> impl Iterator<Item = &'a [u8]> {
        self.message.values(number::REQUEST_TAG).filter(|tag| tag.len() <= 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::{Draft, Token};

    fn with(options: &[(u16, &[u8])], read: impl FnOnce(Result<Request, Refusal>)) {
        let mut draft = Draft::new(Kind::Confirmable, Code::GET, 1, Token::default());
        for (number, value) in options {
            draft.add_bytes(*number, value);
        }
        let mut datagram = Vec::new();
        draft.encode(&mut datagram).unwrap();
        read(Request::read(&Message::decode(&datagram).unwrap()));
    }

    #[test]
    fn a_request_says_where_and_how() {
        let options: [(u16, &[u8]); 18] = [
            (number::URI_HOST, b"host"),
            (number::URI_PORT, b"\x16\x33"),
            (number::URI_PATH, b"1a"),
            (number::URI_PATH, b"temp"),
            (number::URI_QUERY, b"\xff\0"),
            (number::URI_QUERY, b"a=b"),
            (number::OBSERVE, b""),
            (number::CONTENT_FORMAT, b"\x3c"),
            (number::ACCEPT, b"\0\x32"),
            (number::BLOCK1, b"\x0e"),
            (number::BLOCK2, b"\x01\x06"),
            (number::SIZE1, b"\x01\0\0\0"),
            (number::SIZE2, b""),
            (number::ETAG, b"e"),
            (number::ETAG, b"12345678"),
            (number::ECHO, b"echo"),
            (number::REQUEST_TAG, b""),
            (number::REQUEST_TAG, b"t"),
        ];
        with(&options, |request| {
            let request = request.unwrap();
            assert_eq!(request.path().collect::<Vec<_>>(), [&b"1a"[..], b"temp"]);
            assert_eq!(request.query().collect::<Vec<_>>(), [&b"\xff\0"[..], b"a=b"]);
            assert_eq!(request.etags().collect::<Vec<_>>(), [&b"e"[..], b"12345678"]);
            assert_eq!(request.tags().collect::<Vec<_>>(), [&b""[..], b"t"]);
            assert_eq!((request.observe, request.content_format, request.accept), (Some(0), Some(60), Some(50)));
            assert_eq!(request.block1, Block::new(0, true, 1024));
            assert_eq!(request.block2, Block::new(16, false, 1024));
            assert_eq!((request.size1, request.size2), (Some(1 << 24), Some(0)));
            assert_eq!(request.echo, Some(&b"echo"[..]));
        });
        with(&[], |request| assert_eq!(request.unwrap().observe, None));
    }

    #[test]
    fn a_critical_option_that_is_not_understood_refuses_the_request() {
        let long = [b'x'; 256];
        for (options, refused) in [
            // If-Match, If-None-Match, OSCORE, Q-Block1 and one that nobody knows
            (&[(1, &b""[..])][..], 1),
            (&[(5, b"")], 5),
            (&[(9, b"")], 9),
            (&[(19, b"")], 19),
            (&[(65_001, b"")], 65_001),
            // a value out of form
            (&[(number::URI_HOST, b"")], number::URI_HOST),
            (&[(number::URI_PORT, b"123")], number::URI_PORT),
            (&[(number::URI_PATH, &long)], number::URI_PATH),
            (&[(number::URI_QUERY, &long)], number::URI_QUERY),
            (&[(number::ACCEPT, b"123")], number::ACCEPT),
            (&[(number::BLOCK1, b"1234")], number::BLOCK1),
            (&[(number::BLOCK2, b"1234")], number::BLOCK2),
            (&[(number::PROXY_URI, b"")], number::PROXY_URI),
            // one too many
            (&[(number::URI_HOST, b"a"), (number::URI_HOST, b"a")], number::URI_HOST),
            (&[(number::ACCEPT, b""), (number::ACCEPT, b"")], number::ACCEPT),
            (&[(number::BLOCK2, b""), (number::BLOCK2, b"")], number::BLOCK2),
        ] {
            with(options, |request| assert_eq!(request, Err(Refusal::BadOption(refused)), "{options:?}"));
        }
        with(&[(number::URI_PATH, &long[..255])], |request| assert!(request.is_ok()));
    }

    #[test]
    fn an_elective_option_that_is_not_understood_is_passed_over() {
        for options in [
            &[(2, &b"x"[..])][..],
            &[(16, b"\x08")],
            &[(258, b"\x1a")],
            &[(65_000, b"x")],
            &[(number::ETAG, b"")],
            &[(number::ETAG, b"123456789")],
            &[(number::OBSERVE, b"1234")],
            &[(number::OBSERVE, b"\x02")],
            &[(number::CONTENT_FORMAT, b"123")],
            &[(number::SIZE1, b"12345")],
            &[(number::ECHO, b"")],
            &[(number::ECHO, &[0; 41])],
            &[(number::REQUEST_TAG, b"123456789")],
        ] {
            with(options, |request| {
                let request = request.unwrap();
                assert_eq!(
                    (request.observe, request.content_format, request.size1, request.echo),
                    (None, None, None, None)
                );
                assert_eq!((request.etags().count(), request.tags().count()), (0, 0), "{options:?}");
            });
        }
        with(&[(number::OBSERVE, b"\x01"), (number::OBSERVE, b"")], |request| {
            assert_eq!(request.unwrap().observe, Some(1), "the first of several counts");
        });
    }

    #[test]
    fn a_block_of_the_reserved_size_is_a_bad_request_and_a_proxy_is_not_here() {
        with(&[(number::BLOCK2, b"\x07")], |request| assert_eq!(request, Err(Refusal::BadBlock)));
        with(&[(number::BLOCK1, b"\x1f")], |request| assert_eq!(request, Err(Refusal::BadBlock)));
        with(&[(number::PROXY_URI, b"coap://x/")], |request| assert_eq!(request, Err(Refusal::Proxy)));
        with(&[(number::PROXY_SCHEME, b"http")], |request| assert_eq!(request, Err(Refusal::Proxy)));
    }

    #[test]
    fn a_refusal_is_answered_unless_nothing_was_to_be_confirmed() {
        use Reaction::*;
        for (refusal, kind, reaction) in [
            (Refusal::BadOption(1), Kind::Confirmable, Answer(Code::BAD_OPTION)),
            (Refusal::BadOption(1), Kind::NonConfirmable, Silence),
            (Refusal::BadBlock, Kind::Confirmable, Answer(Code::BAD_REQUEST)),
            (Refusal::BadBlock, Kind::NonConfirmable, Answer(Code::BAD_REQUEST)),
            (Refusal::Proxy, Kind::Confirmable, Answer(Code::PROXYING_NOT_SUPPORTED)),
        ] {
            assert_eq!(refusal.reaction(kind), reaction, "{refusal:?} {kind:?}");
        }
    }
}
