//! A message that is being written.

use model::{Error, Field, Result};

use super::{Block, Code, Kind, Token};

/// The longest value that the format can say: two bytes of length and what they are counted from.
const MAX_VALUE_BYTES: usize = 65_535 + 269;

/// A message to be sent. Options may be added in any order; those of one number stay in theirs.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// Its type.
    pub kind: Kind,
    /// Its method or response code.
    pub code: Code,
    /// Its message id.
    pub id: u16,
    /// Its token.
    pub token: Token,
    options: Vec<(u16, Value<'a>)>,
    /// What follows the options; nothing if it is empty.
    pub payload: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Bytes(&'a [u8]),
    Uint(u32),
}

impl<'a> Draft<'a> {
    /// A message without options and payload.
    pub fn new(kind: Kind, code: Code, id: u16, token: Token) -> Draft<'a> {
        Draft { kind, code, id, token, options: Vec::new(), payload: &[] }
    }

    /// The same message with this payload.
    pub fn with_payload(self, payload: &'a [u8]) -> Draft<'a> {
        Draft { payload, ..self }
    }

    /// The four bytes of an empty message: an acknowledgement, a Reset or a ping.
    pub fn empty(kind: Kind, id: u16) -> [u8; 4] {
        let [high, low] = id.to_be_bytes();
        [0x40 | kind.bits() << 4, 0, high, low]
    }

    /// Adds an option with a value of bytes or text.
    pub fn add_bytes(&mut self, number: u16, value: &'a [u8]) {
        self.add(number, Value::Bytes(value));
    }

    /// Adds an option with a number for a value.
    pub fn add_uint(&mut self, number: u16, value: u32) {
        self.add(number, Value::Uint(value));
    }

    /// Adds a `Block1` or `Block2`.
    pub fn add_block(&mut self, number: u16, block: Block) {
        self.add(number, Value::Uint(block.to_uint()));
    }

    fn add(&mut self, number: u16, value: Value<'a>) {
        let place = self.options.partition_point(|(before, _)| *before <= number);
        self.options.insert(place, (number, value));
    }

    /// Writes the message behind what is in `datagram`. An option's value may be too large for the format.
    pub fn encode(&self, datagram: &mut Vec<u8>) -> Result<()> {
        let token = self.token.as_bytes();
        datagram.extend([0x40 | self.kind.bits() << 4 | token.len() as u8, self.code.0]);
        datagram.extend(self.id.to_be_bytes());
        datagram.extend(token);
        let mut before = 0;
        for (number, value) in &self.options {
            match value {
                Value::Bytes(value) => encode_option(datagram, number - before, value)?,
                Value::Uint(value) => {
                    let zeros = value.leading_zeros() as usize / 8;
                    encode_option(datagram, number - before, &value.to_be_bytes()[zeros..])?;
                }
            }
            before = *number;
        }
        if !self.payload.is_empty() {
            datagram.push(0xff);
            datagram.extend(self.payload);
        }
        Ok(())
    }
}

fn encode_option(datagram: &mut Vec<u8>, delta: u16, value: &[u8]) -> Result<()> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(Error::TooLarge(Field("option")));
    }
    let (delta, length) = (usize::from(delta), value.len());
    datagram.push(nibble(delta) << 4 | nibble(length));
    for number in [delta, length] {
        match nibble(number) {
            13 => datagram.push((number - 13) as u8),
            14 => datagram.extend(((number - 269) as u16).to_be_bytes()),
            _ => {}
        }
    }
    datagram.extend(value);
    Ok(())
}

fn nibble(number: usize) -> u8 {
    match number {
        0..=12 => number as u8,
        13..=268 => 13,
        _ => 14,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::coap::{Message, number};

    #[test]
    fn options_are_written_in_order_whatever_the_order_they_came_in() {
        let mut draft = Draft::new(Kind::Confirmable, Code::GET, 0x1234, Token::new(b"\xaa").unwrap());
        draft.add_bytes(number::URI_QUERY, b"q");
        draft.add_bytes(number::URI_PATH, b"a");
        draft.add_uint(number::OBSERVE, 0);
        draft.add_bytes(number::URI_PATH, b"bc");
        draft.add_uint(number::SIZE2, 0x01_00);
        draft.payload = b"p";
        let mut datagram = Vec::new();
        draft.encode(&mut datagram).unwrap();
        assert_eq!(datagram, b"\x41\x01\x12\x34\xaa\x60\x51a\x02bc\x41q\xd2\x00\x01\x00\xffp");
    }

    #[test]
    fn an_empty_message_is_four_bytes() {
        assert_eq!(Draft::empty(Kind::Reset, 0x0102), [0x70, 0, 1, 2]);
        assert_eq!(Draft::empty(Kind::Acknowledgement, 1), [0x60, 0, 0, 1]);
        assert!(Message::decode(&Draft::empty(Kind::Confirmable, 1)).is_ok());
    }

    #[test]
    fn a_value_is_as_long_as_the_format_can_say() {
        let encode = |bytes: usize| {
            let value = vec![0; bytes];
            let mut draft = Draft::new(Kind::NonConfirmable, Code::GET, 0, Token::default());
            draft.add_bytes(number::URI_PATH, &value);
            draft.encode(&mut Vec::new())
        };
        assert_eq!(encode(65_804), Ok(()));
        assert_eq!(encode(65_805), Err(Error::TooLarge(Field("option"))));
    }

    proptest! {
        #[test]
        fn every_message_comes_back(
            confirmable: bool, code in prop_oneof![1..32_u8, 64..96_u8, 128..192_u8], id: u16,
            token in proptest::collection::vec(any::<u8>(), 0..=8),
            mut options in proptest::collection::vec(
                (prop_oneof![0..40_u16, any::<u16>()],
                 prop_oneof![proptest::collection::vec(any::<u8>(), 0..20), proptest::collection::vec(any::<u8>(), 250..300)]),
                0..8),
            payload: Vec<u8>,
        ) {
            let kind = if confirmable { Kind::Confirmable } else { Kind::NonConfirmable };
            let token = Token::new(&token).unwrap();
            let mut draft = Draft::new(kind, Code(code), id, token);
            for (number, value) in &options {
                draft.add_bytes(*number, value);
            }
            draft.payload = &payload;
            let mut datagram = Vec::new();
            draft.encode(&mut datagram).unwrap();

            let message = Message::decode(&datagram).unwrap();
            prop_assert_eq!((message.kind, message.code, message.id, message.token), (kind, Code(code), id, token));
            prop_assert_eq!(message.payload, &payload[..]);
            options.sort_by_key(|(number, _)| *number);
            let read: Vec<_> = message.options().map(|(number, value)| (number, value.to_vec())).collect();
            prop_assert_eq!(read, options);
        }
    }
}
