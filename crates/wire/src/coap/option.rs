//! The options that are understood: their numbers and the forms of their values (RFC 7252, section 5.10).

use super::{Block, Message, Refusal};

/// Option numbers. Odd ones are critical.
#[allow(missing_docs)] // they are named as the RFCs name them
pub mod number {
    pub const URI_HOST: u16 = 3;
    pub const ETAG: u16 = 4;
    pub const OBSERVE: u16 = 6;
    pub const URI_PORT: u16 = 7;
    pub const LOCATION_PATH: u16 = 8;
    pub const URI_PATH: u16 = 11;
    pub const CONTENT_FORMAT: u16 = 12;
    pub const MAX_AGE: u16 = 14;
    pub const URI_QUERY: u16 = 15;
    pub const ACCEPT: u16 = 17;
    pub const LOCATION_QUERY: u16 = 20;
    pub const BLOCK2: u16 = 23;
    pub const BLOCK1: u16 = 27;
    pub const SIZE2: u16 = 28;
    pub const PROXY_URI: u16 = 35;
    pub const PROXY_SCHEME: u16 = 39;
    pub const SIZE1: u16 = 60;
    pub const ECHO: u16 = 252;
    pub const REQUEST_TAG: u16 = 292;
}

/// Content formats, for `Content-Format` and `Accept`.
#[allow(missing_docs)] // they are named as the registry names them
pub mod content_format {
    pub const TEXT: u16 = 0;
    pub const LINK_FORMAT: u16 = 40;
    pub const OCTET_STREAM: u16 = 42;
    pub const JSON: u16 = 50;
    pub const CBOR: u16 = 60;
}

/// Goes through the options that are understood, in order. One that is not, whose value has not its form or that stands
/// there once too often is passed over if it is elective, and refuses the message if it is critical (sections 5.4.1,
/// 5.4.3, 5.4.5): of several that may stand there once, the first one counts.
pub(super) fn understood<'a>(
    message: &Message<'a>,
    mut each: impl FnMut(u16, &'a [u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut before = None;
    for (number, value) in message.options() {
        let is_first = before != Some(number);
        before = Some(number);
        if is_understood(number, value.len(), is_first) {
            each(number, value)?;
        } else if number & 1 == 1 {
            return Err(Refusal::BadOption(number));
        }
    }
    Ok(())
}

fn is_understood(number: u16, length: usize, is_first: bool) -> bool {
    use number::*;
    match number {
        URI_PATH | URI_QUERY | LOCATION_PATH | LOCATION_QUERY => length <= 255,
        ETAG => (1..=8).contains(&length),
        REQUEST_TAG => length <= 8,
        _ if !is_first => false,
        URI_HOST | PROXY_SCHEME => (1..=255).contains(&length),
        PROXY_URI => (1..=1034).contains(&length),
        OBSERVE | BLOCK1 | BLOCK2 => length <= 3,
        URI_PORT | CONTENT_FORMAT | ACCEPT => length <= 2,
        MAX_AGE | SIZE1 | SIZE2 => length <= 4,
        ECHO => (1..=40).contains(&length),
        _ => false,
    }
}

/// The block that a value stands for.
pub(super) fn block(value: &[u8]) -> Result<Block, Refusal> {
    Block::from_uint(uint(value)).ok_or(Refusal::BadBlock)
}

/// The number that a value of at most four bytes stands for.
pub(super) fn uint(value: &[u8]) -> u32 {
    value.iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// The number that a value of at most two bytes stands for.
pub(super) fn short_uint(value: &[u8]) -> u16 {
    value.iter().fold(0, |number, &byte| number << 8 | u16::from(byte))
}
