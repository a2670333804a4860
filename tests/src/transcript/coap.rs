//! Plays a request over CoAP, and tells how its answer differs from the one written down.

use std::net::{Ipv4Addr, SocketAddr};

use super::Expectation;
use super::pattern::{Values, fill, fits};
use crate::coap::number::*;
use crate::coap::{Message, Peer};

/// The options by the names that transcripts use.
const OPTIONS: &[(&str, u16)] = &[
    ("ETag", ETAG),
    ("Observe", OBSERVE),
    ("Content-Format", CONTENT_FORMAT),
    ("Max-Age", MAX_AGE),
    ("Accept", ACCEPT),
    ("Block2", BLOCK2),
    ("Block1", BLOCK1),
    ("Size2", SIZE2),
    ("Size1", SIZE1),
    ("Echo", ECHO),
    ("Unknown", 65_001),
];

/// Sends a request and compares its answer.
pub fn exchange(
    server: SocketAddr,
    from: Ipv4Addr,
    values: &mut Values,
    request: &[String],
    expected: &Expectation,
) -> Result<(), String> {
    let request = read(request, values)?;
    let answer = Peer::from(from, server).ask(request.clone());
    match difference(&answer, expected, values)? {
        None => Ok(()),
        Some(why) => Err(format!("{why}\n--- request ---\n{request:?}\n--- answer ---\n{answer:?}")),
    }
}

fn read(lines: &[String], values: &Values) -> Result<Message, String> {
    let blank = lines.iter().position(String::is_empty).unwrap_or(lines.len());
    let (head, body) = (&lines[..blank], lines.get(blank + 1..).unwrap_or_default().join("\n"));
    let filled = |text: &str| fill(text, values);
    let first = String::from_utf8(filled(&head[0])?).map_err(|_| "a target is text")?;
    let mut words = first.split(' ').skip(1);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let method = match method {
        "GET" => GET,
        "POST" => POST,
        "PUT" => PUT,
        "DELETE" => DELETE,
        _ => return Err(format!("no such method: {method}")),
    };
    let mut message = Message { payload: filled(&body)?, ..Message::request(method, target) };
    for line in &head[1..] {
        let (name, value) = line.split_once(": ").ok_or("a strange option")?;
        let number = number_of(name)?;
        let text = String::from_utf8(filled(value)?).map_err(|_| "an option is text")?;
        let numbers: Vec<u32> = text.split('/').filter_map(|part| part.parse().ok()).collect();
        message = match (number, &numbers[..]) {
            (BLOCK1 | BLOCK2, &[block, more, bytes]) => message.block(number, block, more == 1, bytes as usize),
            (ETAG, _) => message.option(number, unhex(&text)?),
            (_, &[value]) => message.uint(number, value),
            _ => return Err(format!("a strange value: {line}")),
        };
    }
    Ok(message)
}

fn difference(answer: &Message, expected: &Expectation, values: &mut Values) -> Result<Option<String>, String> {
    let status = u16::from(answer.code >> 5) * 100 + u16::from(answer.code & 31);
    if !expected.statuses.contains(&status) {
        return Ok(Some(format!("expected {:?}, got {}", expected.statuses, answer.status())));
    }
    let mut shown: Vec<(&str, String)> = Vec::new();
    for (number, value) in &answer.options {
        let name = OPTIONS.iter().find(|(_, of)| of == number).map_or("an option nobody knows", |(name, _)| name);
        let block =
            || answer.find_block(*number).map(|(block, more, size)| format!("{block}/{}/{size}", u8::from(more)));
        shown.push((
            name,
            match *number {
                BLOCK1 | BLOCK2 => block().unwrap_or_default(),
                ETAG | ECHO => hex(value),
                _ => answer.find_uint(*number).unwrap_or_default().to_string(),
            },
        ));
    }
    for line in &expected.headers {
        let (name, pattern) = line.trim_start_matches('?').split_once(": ").ok_or("a strange option")?;
        match shown.iter().position(|(of, _)| *of == name) {
            Some(place) => {
                let (_, value) = shown.remove(place);
                if !fits(pattern, &value, values)? {
                    return Ok(Some(format!("{name} is {value}, expected {pattern}")));
                }
            }
            None if line.starts_with('?') => {}
            None => return Ok(Some(format!("{name} is missing"))),
        }
    }
    if let Some((name, value)) = shown.first() {
        return Ok(Some(format!("nobody asked for {name}: {value}")));
    }
    if status >= 400 && expected.body.is_empty() {
        return Ok(None);
    }
    let body = match expected.kind.as_str() {
        "hex" => hex(&answer.payload),
        _ => String::from_utf8_lossy(&answer.payload).into_owned(),
    };
    let mut pattern = expected.body.join("\\n");
    if expected.kind == "lines" && !expected.body.is_empty() {
        pattern.push_str("\\n");
    }
    let fits = fits(&pattern, &body, values)?;
    Ok((!fits).then(|| format!("another body: {body:?}, expected {pattern:?}")))
}

fn number_of(name: &str) -> Result<u16, String> {
    let found = OPTIONS.iter().find(|(of, _)| *of == name);
    found.map(|(_, number)| *number).ok_or_else(|| format!("no such option: {name}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let pairs =
        (0..text.len()).step_by(2).map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()));
    pairs.collect::<Option<_>>().ok_or_else(|| format!("not hex: {text}"))
}
