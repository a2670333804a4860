//! What stands in the fixed part of a message: its type, its code and its token (RFC 7252, section 3).

use std::fmt;

/// The type of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// To be acknowledged.
    Confirmable,
    /// Not to be acknowledged.
    NonConfirmable,
    /// Acknowledges a confirmable message, and may carry the response to it.
    Acknowledgement,
    /// Says that a message could not be made sense of.
    Reset,
}

impl Kind {
    pub(super) fn from_bits(bits: u8) -> Kind {
        match bits & 3 {
            0 => Kind::Confirmable,
            1 => Kind::NonConfirmable,
            2 => Kind::Acknowledgement,
            _ => Kind::Reset,
        }
    }

    pub(super) fn bits(self) -> u8 {
        match self {
            Kind::Confirmable => 0,
            Kind::NonConfirmable => 1,
            Kind::Acknowledgement => 2,
            Kind::Reset => 3,
        }
    }
}

/// A method or a response code: class and detail, written `2.05`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub(super) u8);

#[allow(missing_docs)] // they are named as the RFCs name them
impl Code {
    pub const EMPTY: Code = Code::new(0, 0);

    pub const GET: Code = Code::new(0, 1);
    pub const POST: Code = Code::new(0, 2);
    pub const PUT: Code = Code::new(0, 3);
    pub const DELETE: Code = Code::new(0, 4);
    pub const FETCH: Code = Code::new(0, 5);

    pub const CREATED: Code = Code::new(2, 1);
    pub const DELETED: Code = Code::new(2, 2);
    pub const VALID: Code = Code::new(2, 3);
    pub const CHANGED: Code = Code::new(2, 4);
    pub const CONTENT: Code = Code::new(2, 5);
    pub const CONTINUE: Code = Code::new(2, 31);

    pub const BAD_REQUEST: Code = Code::new(4, 0);
    pub const UNAUTHORIZED: Code = Code::new(4, 1);
    pub const BAD_OPTION: Code = Code::new(4, 2);
    pub const FORBIDDEN: Code = Code::new(4, 3);
    pub const NOT_FOUND: Code = Code::new(4, 4);
    pub const METHOD_NOT_ALLOWED: Code = Code::new(4, 5);
    pub const NOT_ACCEPTABLE: Code = Code::new(4, 6);
    pub const REQUEST_ENTITY_INCOMPLETE: Code = Code::new(4, 8);
    pub const CONFLICT: Code = Code::new(4, 9);
    pub const PRECONDITION_FAILED: Code = Code::new(4, 12);
    pub const REQUEST_ENTITY_TOO_LARGE: Code = Code::new(4, 13);
    pub const UNSUPPORTED_CONTENT_FORMAT: Code = Code::new(4, 15);
    pub const TOO_MANY_REQUESTS: Code = Code::new(4, 29);

    pub const INTERNAL_SERVER_ERROR: Code = Code::new(5, 0);
    pub const NOT_IMPLEMENTED: Code = Code::new(5, 1);
    pub const SERVICE_UNAVAILABLE: Code = Code::new(5, 3);
    pub const PROXYING_NOT_SUPPORTED: Code = Code::new(5, 5);

    const fn new(class: u8, detail: u8) -> Code {
        Code(class << 5 | detail)
    }

    /// 0 for methods, 2 for success, 4 and 5 for errors.
    pub fn class(self) -> u8 {
        self.0 >> 5
    }

    /// What stands after the point.
    pub fn detail(self) -> u8 {
        self.0 & 31
    }

    /// Whether it is a method, known or not.
    pub fn is_request(self) -> bool {
        self.class() == 0 && self != Code::EMPTY
    }

    /// Whether it is a response code, known or not.
    pub fn is_response(self) -> bool {
        matches!(self.class(), 2 | 4 | 5)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.detail())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a client matches a response to its request by: up to 8 bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Token {
    bytes: [u8; Token::MAX_BYTES],
    length: u8,
}

impl Token {
    /// The longest token.
    pub const MAX_BYTES: usize = 8;

    /// The token with these bytes; none if there are more than 8.
    pub fn new(token: &[u8]) -> Option<Token> {
        let mut bytes = [0; Token::MAX_BYTES];
        bytes.get_mut(..token.len())?.copy_from_slice(token);
        Some(Token { bytes, length: token.len() as u8 })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x?}", self.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_class_and_a_detail() {
        for (code, text, is_request, is_response) in [
            (Code::EMPTY, "0.00", false, false),
            (Code::GET, "0.01", true, false),
            (Code(31), "0.31", true, false),
            (Code(1 << 5), "1.00", false, false),
            (Code::CONTENT, "2.05", false, true),
            (Code(3 << 5), "3.00", false, false),
            (Code::TOO_MANY_REQUESTS, "4.29", false, true),
            (Code::SERVICE_UNAVAILABLE, "5.03", false, true),
            (Code(255), "7.31", false, false),
        ] {
            assert_eq!(
                (code.to_string().as_str(), code.is_request(), code.is_response()),
                (text, is_request, is_response)
            );
        }
    }

    #[test]
    fn a_token_has_at_most_eight_bytes() {
        assert_eq!(Token::new(b"").unwrap().as_bytes(), b"");
        assert_eq!(Token::new(b"12345678").unwrap().as_bytes(), b"12345678");
        assert_eq!(Token::new(b"123456789"), None);
        assert_ne!(Token::new(b"1\0"), Token::new(b"1"));
    }
}
