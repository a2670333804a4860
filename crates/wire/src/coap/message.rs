//! A datagram as a message (RFC 7252, section 3), decoded in place.

use super::{Code, Kind, Token};

const HEADER_BYTES: usize = 4;
const PAYLOAD_MARKER: u8 = 0xff;

/// A message in form; its options are in form too, but not yet understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type.
    pub kind: Kind,
    /// Its method or response code, or empty. A confirmable empty message is a ping: it gets a Reset.
    pub code: Code,
    /// Its message id.
    pub id: u16,
    /// Its token.
    pub token: Token,
    options: Options<'a>,
    /// What follows the options; empty if nothing does.
    pub payload: &'a [u8],
}

/// The options of a message, in order of their numbers: an iterator over number and value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options<'a> {
    /// Read through once by [`Message::decode`], so that nothing can be malformed here any more.
    bytes: &'a [u8],
    number: u16,
}

/// A datagram that is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// What to do about it.
    pub reaction: Reaction,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// How a message that cannot be processed is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Not at all.
    Silence,
    /// With a Reset of this message id.
    Reset(u16),
    /// With a response of this code and nothing more.
    Answer(Code),
}

/// What can be wrong with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is shorter than a header.
    TooShort,
    /// It is of another version of the protocol.
    Version,
    /// The length of the token is one of the reserved ones.
    TokenLength,
    /// It ends inside of the token or an option.
    Truncated,
    /// It is empty by its code, and yet there is something.
    NotEmpty,
    /// The class of its code is reserved.
    ReservedClass,
    /// No message of this type has such a code.
    CodeOfOtherKind,
    /// An option's delta or length is the reserved one.
    ReservedNibble,
    /// The number of an option is beyond 65,535.
    OptionNumber,
    /// The payload marker stands there, and no payload.
    NoPayload,
}

impl<'a> Message<'a> {
    /// Reads a datagram.
    pub fn decode(datagram: &'a [u8]) -> Result<Message<'a>, Rejected> {
        let silence = |flaw| Rejected { reaction: Reaction::Silence, flaw };
        let Some((&[first, code, id_high, id_low], rest)) = datagram.split_first_chunk::<HEADER_BYTES>() else {
            return Err(silence(Flaw::TooShort));
        };
        if first >> 6 != 1 {
            return Err(silence(Flaw::Version));
        }
        let (kind, code) = (Kind::from_bits(first >> 4), Code(code));
        let id = u16::from_be_bytes([id_high, id_low]);
        // Only a confirmable message is rejected aloud (sections 4.2 and 4.3).
        let reaction = if kind == Kind::Confirmable { Reaction::Reset(id) } else { Reaction::Silence };
        check_code(kind, code)
            .and_then(|()| decode_rest(code, first & 15, rest))
            .map(|(token, options, payload)| Message { kind, code, id, token, options, payload })
            .map_err(|flaw| Rejected { reaction, flaw })
    }

    /// Its options, in order.
    pub fn options(&self) -> Options<'a> {
        self.options
    }

    /// The values of all options with this number, in order.
    pub fn values(&self, number: u16) -> impl Iterator<Item = &'a [u8]> {
        self.options.filter(move |(of_option, _)| *of_option == number).map(|(_, value)| value)
    }
}

fn check_code(kind: Kind, code: Code) -> Result<(), Flaw> {
    match kind {
        _ if !(code == Code::EMPTY || code.is_request() || code.is_response()) => Err(Flaw::ReservedClass),
        Kind::NonConfirmable if code == Code::EMPTY => Err(Flaw::CodeOfOtherKind),
        Kind::Acknowledgement if code.is_request() => Err(Flaw::CodeOfOtherKind),
        Kind::Reset if code != Code::EMPTY => Err(Flaw::CodeOfOtherKind),
        _ => Ok(()),
    }
}

fn decode_rest(code: Code, token_length: u8, rest: &[u8]) -> Result<(Token, Options<'_>, &[u8]), Flaw> {
    if code == Code::EMPTY && (token_length > 0 || !rest.is_empty()) {
        return Err(Flaw::NotEmpty);
    }
    let token_length = usize::from(token_length);
    if token_length > Token::MAX_BYTES {
        return Err(Flaw::TokenLength);
    }
    let (token, rest) = rest.split_at_checked(token_length).ok_or(Flaw::Truncated)?;
    let token = Token::new(token).ok_or(Flaw::TokenLength)?;

    let mut options = Options { bytes: rest, number: 0 };
    while options.step()?.is_some() {}
    let (of_options, after) = rest.split_at(rest.len() - options.bytes.len());
    let payload = match after {
        [] => after,
        [_marker] => return Err(Flaw::NoPayload),
        [_marker, payload @ ..] => payload,
    };
    Ok((token, Options { bytes: of_options, number: 0 }, payload))
}

impl<'a> Options<'a> {
    /// The next option; none at the end or at the payload marker.
    fn step(&mut self) -> Result<Option<(u16, &'a [u8])>, Flaw> {
        let (first, rest) = match self.bytes {
            [] | [PAYLOAD_MARKER, ..] => return Ok(None),
            [first, rest @ ..] => (*first, rest),
        };
        let (delta, rest) = extended(first >> 4, rest)?;
        let (length, rest) = extended(first & 15, rest)?;
        let number = u16::try_from(u32::from(self.number) + delta).map_err(|_| Flaw::OptionNumber)?;
        let (value, rest) = rest.split_at_checked(length as usize).ok_or(Flaw::Truncated)?;
        *self = Options { bytes: rest, number };
        Ok(Some((number, value)))
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        self.step().ok().flatten()
    }
}

/// A delta or a length: small ones stand in the nibble, larger ones in one or two bytes after it.
fn extended(nibble: u8, rest: &[u8]) -> Result<(u32, &[u8]), Flaw> {
    match (nibble, rest) {
        (0..=12, _) => Ok((u32::from(nibble), rest)),
        (13, [byte, rest @ ..]) => Ok((u32::from(*byte) + 13, rest)),
        (14, [high, low, rest @ ..]) => Ok((u32::from(u16::from_be_bytes([*high, *low])) + 269, rest)),
        (13 | 14, _) => Err(Flaw::Truncated),
        _ => Err(Flaw::ReservedNibble),
    }
}

#[cfg(test)]
mod tests;
