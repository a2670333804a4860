//! The data calls by alias over HTTP/1.1: write, read, long polling (contract, data.md). [`crate::coap`] has them over CoAP.

use crate::buffer::{parse_number, percent_decode, percent_length};
use crate::http::{Access, Call, Stamp, request};

const PATIENCE_MS: u32 = 30_000;

/// Writes values; all get the same time. 204 when they are stored. `None`: the buffer is too small.
pub fn write<'b>(access: &Access<'_>, values: &[(&str, &str)], buffer: &'b mut [u8]) -> Option<Call<'b>> {
    let pairs = values.iter().map(|(alias, value)| percent_length(alias) + 1 + percent_length(value));
    let length = pairs.sum::<usize>() + values.len().saturating_sub(1);
    let mut writer = request::begin(buffer, "POST", access.host, |line| {
        line.text("/onep:v1/stack/alias");
    });
    request::credential(&mut writer, &access.cik);
    request::begin_form(&mut writer, length);
    for (number, (alias, value)) in values.iter().enumerate() {
        writer.text(if number > 0 { "&" } else { "" }).percent(alias).text("=").percent(value);
    }
    let length = writer.finish()?;
    Some(Call::new(buffer, length, PATIENCE_MS, false))
}

/// Reads the latest values: 200 with those that there are (see [`pairs`]), 204 where there is none.
pub fn read<'b>(access: &Access<'_>, aliases: &[&str], buffer: &'b mut [u8]) -> Option<Call<'b>> {
    let mut writer = request::begin(buffer, "GET", access.host, |line| {
        line.text("/onep:v1/stack/alias");
        for (number, alias) in aliases.iter().enumerate() {
            line.text(if number == 0 { "?" } else { "&" }).percent(alias);
        }
    });
    request::credential(&mut writer, &access.cik);
    let length = writer.text("\r\n").finish()?;
    Some(Call::new(buffer, length, PATIENCE_MS, true))
}

/// Waits for a value newer than `since` (from now on, where that is none) for at most so long: 200 with the value and its
/// time in [`crate::http::Reply::last_modified`], which is the next `since`; 304 when there was none.
pub fn wait<'b>(
    access: &Access<'_>,
    alias: &str,
    since: &Stamp,
    timeout_ms: u32,
    buffer: &'b mut [u8],
) -> Option<Call<'b>> {
    // The server takes no more.
    let timeout_ms = timeout_ms.min(300_000);
    let mut writer = request::begin(buffer, "GET", access.host, |line| {
        line.text("/onep:v1/stack/alias?").percent(alias);
    });
    request::credential(&mut writer, &access.cik);
    writer.text("Request-Timeout: ").number(u64::from(timeout_ms)).text("\r\n");
    if !since.as_bytes().is_empty() {
        writer.text("If-Modified-Since: ").bytes(since.as_bytes()).text("\r\n");
    }
    let length = writer.text("\r\n").finish()?;
    Some(Call::new(buffer, length, timeout_ms + PATIENCE_MS, true))
}

/// Asks for the server's time: 200 with unix seconds (see [`parse_time`]). No key is needed.
pub fn time<'b>(host: &str, buffer: &'b mut [u8]) -> Option<Call<'b>> {
    let mut writer = request::begin(buffer, "GET", host, |line| {
        line.text("/timestamp");
    });
    let length = writer.text("\r\n").finish()?;
    Some(Call::new(buffer, length, PATIENCE_MS, true))
}

/// The unix seconds in the body of a time call.
pub fn parse_time(body: &[u8]) -> Option<u64> {
    parse_number(body.trim_ascii())
}

/// The `alias=value` pairs of a body, decoded where they stand. A pair that is malformed is left out.
pub fn pairs(body: &mut [u8]) -> impl Iterator<Item = (&str, &str)> {
    body.split_mut(|&byte| byte == b'&').filter_map(|pair| {
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        let (alias, value) = pair.split_at_mut(equals);
        let value = value.get_mut(1..)?;
        Some((text(alias)?, text(value)?))
    })
}

fn text(encoded: &mut [u8]) -> Option<&str> {
    core::str::from_utf8(percent_decode(encoded)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cik;
    use crate::dialogue::{Action, Env, Event, Machine};

    const KEY: &str = "00112233445566778899aabbccddeeff00112233";
    const ENV: Env = Env { now_ms: 0, random: [0; 16] };

    fn access() -> Access<'static> {
        Access { host: "h", cik: Cik::parse(KEY.as_bytes()).unwrap() }
    }

    fn request(call: Option<Call<'_>>) -> String {
        match call.unwrap().next(Event::Begin, &ENV) {
            Action::Send { bytes, .. } => String::from_utf8(bytes.to_vec()).unwrap().replace(KEY, "KEY"),
            _ => panic!("nothing to send"),
        }
    }

    #[test]
    fn the_requests_are_what_the_contract_shows() {
        let mut buffer = [0; 512];
        assert_eq!(
            request(write(&access(), &[("temp", "21.5"), ("note", "a b&c")], &mut buffer)),
            "POST /onep:v1/stack/alias HTTP/1.1\r\nHost: h\r\nX-Exosite-CIK: KEY\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 24\r\n\r\ntemp=21.5&note=a%20b%26c"
        );
        assert_eq!(
            request(read(&access(), &["temp", "a b"], &mut buffer)),
            "GET /onep:v1/stack/alias?temp&a%20b HTTP/1.1\r\nHost: h\r\nX-Exosite-CIK: KEY\r\n\r\n"
        );
        assert_eq!(
            request(wait(&access(), "on", &Stamp::new(b"1700000000"), 400_000, &mut buffer)),
            "GET /onep:v1/stack/alias?on HTTP/1.1\r\nHost: h\r\nX-Exosite-CIK: KEY\r\n\
             Request-Timeout: 300000\r\nIf-Modified-Since: 1700000000\r\n\r\n"
        );
        assert_eq!(request(time("h:1", &mut buffer)), "GET /timestamp HTTP/1.1\r\nHost: h:1\r\n\r\n");
        assert!(write(&access(), &[("temp", "x")], &mut [0; 100]).is_none());
    }

    #[test]
    fn pairs_are_decoded_and_broken_ones_left_out() {
        let mut body = *b"b=2&a=x%26+y&broken&c=%zz&d=";
        assert_eq!(pairs(&mut body).collect::<Vec<_>>(), [("b", "2"), ("a", "x& y"), ("d", "")]);
        assert_eq!(pairs(&mut []).count(), 0);
    }

    /// Runs a call against an answer that comes in pieces of that size.
    fn run(call: &mut Call<'_>, answer: &[u8], piece: usize) -> Result<crate::http::Reply, crate::http::Failure> {
        let (mut event, mut at) = (Event::Begin, 0);
        loop {
            event = match call.next(event, &ENV) {
                Action::Send { .. } => Event::Sent,
                Action::Receive { into, .. } => {
                    let length = piece.min(answer.len() - at).min(into.len());
                    into[..length].copy_from_slice(&answer[at..at + length]);
                    at += length;
                    if length == 0 { Event::Closed } else { Event::Received(length) }
                }
                Action::Done(outcome) => return outcome,
                _ => panic!("a call only sends and receives"),
            };
        }
    }

    #[test]
    fn an_answer_in_any_pieces_leaves_its_body_in_the_buffer() {
        let answer =
            b"HTTP/1.1 200 OK\r\nLast-Modified: Thu, 01 Jan 1970 00:00:07 GMT\r\nContent-Length: 7\r\n\r\na=1&b=2";
        for piece in 1..answer.len() {
            let mut buffer = [0; 256];
            let mut call = read(&access(), &["b", "a"], &mut buffer).unwrap();
            let reply = run(&mut call, answer, piece).unwrap();
            assert_eq!(reply.status, 200);
            assert_eq!(reply.last_modified.as_bytes(), b"Thu, 01 Jan 1970 00:00:07 GMT");
            assert_eq!(pairs(call.body()).collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        }
    }

    #[test]
    fn a_body_larger_than_the_buffer_is_said_and_not_cut() {
        let mut buffer = [0; 128];
        let answer = [&b"HTTP/1.1 200 OK\r\nContent-Length: 129\r\n\r\n"[..], &[b'x'; 129]].concat();
        let mut call = read(&access(), &["a"], &mut buffer).unwrap();
        assert_eq!(run(&mut call, &answer, 50), Err(crate::http::Failure::TooLarge));
        let mut buffer = [0; 129];
        let mut call = read(&access(), &["a"], &mut buffer).unwrap();
        assert_eq!(run(&mut call, &answer, 50).unwrap().status, 200);
        assert_eq!(call.body(), [b'x'; 129]);
    }

    #[test]
    fn only_what_may_be_repeated_is_sent_again_on_a_new_connection() {
        for (repeat, sends) in [(false, 1), (true, 2)] {
            let mut buffer = [0; 256];
            let call = write(&access(), &[("a", "1")], &mut buffer).unwrap();
            let mut call = if repeat { call.repeatable() } else { call };
            let (mut event, mut sent) = (Event::Begin, 0);
            loop {
                event = match call.next(event, &ENV) {
                    Action::Send { fresh, .. } => {
                        assert_eq!(fresh, sent > 0);
                        sent += 1;
                        Event::Sent
                    }
                    Action::Receive { .. } => Event::Closed,
                    _ => break,
                };
            }
            assert_eq!(sent, sends);
        }
    }
}
