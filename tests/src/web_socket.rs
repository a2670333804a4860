//! A WebSocket as a careful client holds it (RFC 6455), and as a careless one may.

use std::io;
use std::time::Duration;

use crate::{Connection, Request, Server};

/// An open socket.
pub struct WebSocket {
    connection: Connection,
    unread: Vec<u8>,
}

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A text frame.
    Text(String),
    /// A close frame with its code, 1005 where it has none.
    Close(u16),
    /// The connection ended without a word.
    End,
}

impl WebSocket {
    /// Shakes hands, and says nothing yet.
    pub fn open(server: &Server) -> WebSocket {
        let mut connection = server.connect().patience(Duration::from_secs(20));
        let answer = connection.ask(&WebSocket::handshake()).unwrap().expect(101);
        // RFC 6455, section 1.3: the key of its example.
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(answer.header("sec-websocket-extensions"), None);
        WebSocket { connection, unread: Vec::new() }
    }

    /// The request of a handshake, which offers compression.
    pub fn handshake() -> Request {
        Request::get("/ws")
            .header("Upgrade", "websocket")
            .header("Connection", "keep-alive, Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Extensions", "permessage-deflate")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// Opens a socket for a key that is good.
    pub fn open_as(server: &Server, cik: &str) -> WebSocket {
        let mut socket = WebSocket::open(server);
        socket.say(&format!("{{\"auth\":{{\"cik\":\"{cik}\"}}}}"));
        assert_eq!(socket.hear(), Heard::Text("{\"status\":\"ok\"}".to_owned()));
        socket
    }

    /// Sends a text frame.
    pub fn say(&mut self, text: &str) {
        self.send_frame(0x81, text.as_bytes()).expect("the server listens");
    }

    /// Sends a frame with that first byte, masked.
    pub fn send_frame(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | short as u8),
            middle @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend((middle as u16).to_be_bytes());
            }
            long => {
                frame.push(0x80 | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.connection.send(&frame)
    }

    /// Sends calls and gives the next text, which is their answer if nothing else is going on.
    pub fn call(&mut self, calls: &str) -> String {
        self.say(&format!("{{\"calls\":[{calls}]}}"));
        self.text()
    }

    /// The next text.
    #[track_caller]
    pub fn text(&mut self) -> String {
        match self.hear() {
            Heard::Text(text) => text,
            other => panic!("no text but {other:?}"),
        }
    }

    /// What the server says next; pings are answered.
    pub fn hear(&mut self) -> Heard {
        loop {
            let Some((first, payload)) = self.frame() else { return Heard::End };
            match first & 0x0f {
                1 => return Heard::Text(String::from_utf8(payload).expect("UTF-8")),
                8 => {
                    let code = payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                    return Heard::Close(code);
                }
                9 => drop(self.send_frame(0x8a, &payload)),
                _ => {}
            }
        }
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.take(2)?;
        let length = match head[1] {
            126 => u16::from_be_bytes(self.take(2)?.try_into().ok()?) as usize,
            127 => u64::from_be_bytes(self.take(8)?.try_into().ok()?) as usize,
            short => short as usize,
        };
        Some((head[0], self.take(length)?))
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            self.unread.extend(self.connection.read_some().ok()?);
        }
        Some(self.unread.drain(..count).collect())
    }
}
