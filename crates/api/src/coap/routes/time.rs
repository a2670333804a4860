//! `GET /ts`: the server's time (contract, coap.md).

use model::Result;
use wire::coap::content_format::{OCTET_STREAM, TEXT};

use super::entry::not_acceptable;
use crate::coap::{Answer, Request};
use crate::common::app::App;

/// Unix time as text, or as a signed integer.
pub(super) fn time(app: &App, request: &Request) -> Result<Answer> {
    if let Some(refused) = not_acceptable(request, &[TEXT, OCTET_STREAM]) {
        return Ok(refused);
    }
    let now = app.store.clock().now();
    // The first library for this API said with a content format what it wanted.
    let answer = match request.accept.or(request.format) {
        Some(OCTET_STREAM) => Answer::content(OCTET_STREAM, shortest(now)),
        _ => Answer::text(now.to_string()),
    };
    Ok(answer.max_age(0).by("GET /ts"))
}

/// A signed integer, the high byte first, in as few bytes as hold it: four until 2038.
fn shortest(number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let is_idle = |pair: &[u8]| matches!(pair, [0, 0..=0x7f] | [0xff, 0x80..=0xff]);
    let begin = bytes.windows(2).take_while(|pair| is_idle(pair)).count();
    bytes[begin..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_takes_as_few_bytes_as_hold_it_with_its_sign() {
        for (number, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0, 0x80]),
            (-1, &[0xff]),
            (-129, &[0xff, 0x7f]),
            (1_700_000_000, &[0x65, 0x53, 0xf1, 0x00]),
            (0x7fff_ffff, &[0x7f, 0xff, 0xff, 0xff]),
            (0x8000_0000, &[0, 0x80, 0, 0, 0]),
            (i64::MIN, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(shortest(number), bytes, "{number}");
        }
    }
}
