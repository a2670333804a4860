//! The three ways to wait for a value, as bytes (contract, data.md "Long polling"; rpc.md `wait` and "Over WebSocket").

use memchr::memmem;

use super::frame;
use crate::rpc::Rpc;
use crate::{Outcome, failed};

/// How a connection waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    LongPoll,
    RpcWait,
    WebSocket,
}

/// What the server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It speaks WebSocket now.
    Agreed,
    /// It has taken the subscription.
    Acknowledged,
    /// It asks whether we are there.
    Asked,
    /// A value.
    Value,
    /// Something else that belongs there.
    Other,
}

impl Way {
    pub fn name(self) -> &'static str {
        match self {
            Way::LongPoll => "long poll",
            Way::RpcWait => "RPC wait",
            Way::WebSocket => "WebSocket subscription",
        }
    }

    /// What is sent first.
    pub fn asks(self, cik: &str, alias: &str) -> String {
        match self {
            Way::LongPoll => format!(
                "GET /onep:v1/stack/alias?{alias} HTTP/1.1\r\nHost: bench\r\nX-Exosite-CIK: {cik}\r\n\
                 Accept: application/x-www-form-urlencoded; charset=utf-8\r\nRequest-Timeout: 300000\r\n\r\n"
            ),
            Way::RpcWait => Rpc::request(&format!(
                r#"{{"auth":{{"cik":"{cik}"}},"calls":[{{"id":1,"procedure":"wait","arguments":[{{"alias":"{alias}"}},{{"timeout":300000}}]}}]}}"#
            )),
            Way::WebSocket => "GET /ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                .to_owned(),
        }
    }

    /// What is sent when the server has agreed.
    pub fn then(self, cik: &str, alias: &str) -> Vec<u8> {
        if self != Way::WebSocket {
            return Vec::new();
        }
        let auth = frame::text(&format!(r#"{{"auth":{{"cik":"{cik}"}}}}"#));
        let subscribe = frame::text(&format!(
            r#"{{"calls":[{{"id":1,"procedure":"subscribe","arguments":[{{"alias":"{alias}"}},{{"subs_id":"s"}}]}}]}}"#
        ));
        [auth, subscribe].concat()
    }

    /// The first thing in what has come, and its length; None where it is not whole.
    pub fn read(self, bytes: &[u8]) -> Outcome<Option<(Seen, usize)>> {
        match (self, bytes.first()) {
            (_, None) => Ok(None),
            (Way::WebSocket, Some(first)) if *first != b'H' => read_frame(bytes),
            _ => read_answer(bytes),
        }
    }
}

fn read_answer(bytes: &[u8]) -> Outcome<Option<(Seen, usize)>> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = (String::from_utf8_lossy(&bytes[..end]), &bytes[end + 4..]);
    if head.starts_with("HTTP/1.1 101 ") {
        return Ok(Some((Seen::Agreed, end + 4)));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.trim().parse().ok()).unwrap_or(0);
    if body.len() < length {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&body[..length]);
    if head.starts_with("HTTP/1.1 200 ") && (text.contains("=") || text.contains("\"result\":[")) {
        return Ok(Some((Seen::Value, end + 4 + length)));
    }
    failed(format!("a wait was answered {head} {text}"))
}

fn read_frame(bytes: &[u8]) -> Outcome<Option<(Seen, usize)>> {
    let Some((code, payload, length)) = frame::read(bytes) else { return Ok(None) };
    let text = String::from_utf8_lossy(payload);
    let seen = match code {
        frame::TEXT if text.contains("\"result\":[[") => Seen::Value,
        frame::TEXT if text.contains("\"id\":1,\"status\":\"ok\"") => Seen::Acknowledged,
        frame::TEXT if text == "{\"status\":\"ok\"}" => Seen::Other,
        frame::PING => Seen::Asked,
        _ => return failed(format!("a frame of kind {code}: {text}")),
    };
    Ok(Some((seen, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_frames_are_told_apart_and_rubbish_is_refused() {
        let value = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nt=1";
        assert_eq!(Way::LongPoll.read(value).unwrap(), Some((Seen::Value, value.len())));
        assert_eq!(Way::LongPoll.read(&value[..20]).unwrap(), None);
        assert_eq!(Way::LongPoll.read(&value[..value.len() - 1]).unwrap(), None);
        assert!(Way::LongPoll.read(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n").is_err());
        let agreed = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(Way::WebSocket.read(agreed).unwrap(), Some((Seen::Agreed, agreed.len())));
        for (text, seen) in [
            (r#"[{"id":"s","status":"ok","result":[[5,1]]}]"#, Seen::Value),
            (r#"[{"id":1,"status":"ok"}]"#, Seen::Acknowledged),
            (r#"{"status":"ok"}"#, Seen::Other),
        ] {
            let bytes = [&[0x81, text.len() as u8], text.as_bytes()].concat();
            assert_eq!(Way::WebSocket.read(&bytes).unwrap(), Some((seen, bytes.len())));
        }
        assert_eq!(Way::WebSocket.read(&[0x89, 0]).unwrap(), Some((Seen::Asked, 2)));
        assert!(Way::WebSocket.read(&[0x88, 0]).is_err());
    }
}
