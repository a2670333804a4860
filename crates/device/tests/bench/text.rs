//! Requests and answers as text.
#![allow(dead_code, reason = "each suite uses a part of it")]

/// An HTTP answer with a body.
pub fn http(status: &str, body: &str) -> Vec<u8> {
    http_with(status, "", body.as_bytes())
}

/// An HTTP answer with more header lines, each ending in CRLF.
pub fn http_with(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n{fields}").into_bytes();
    if !status.starts_with("204") && !status.starts_with("304") {
        answer.extend(format!("Content-Length: {}\r\n", body.len()).into_bytes());
    }
    answer.extend(b"\r\n");
    answer.extend(body);
    answer
}

/// The body of a request.
pub fn body(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

/// One field of a form.
pub fn field(form: &str, name: &str) -> Option<String> {
    form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

/// Bytes as a header writes a digest.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place <= group.len() { digit } else { '=' });
        }
    }
    text
}
