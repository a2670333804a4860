//! A server in a thread: real sockets, answers from a function.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What a server does with one request on one connection.
pub enum Act {
    /// Answers and keeps the connection.
    Answer(Vec<u8>),
    /// Sends these bytes and closes.
    Close(Vec<u8>),
}

/// Serves HTTP until the process ends. Each stream may be wrapped before it is read.
pub fn serve_wrapped<S: Read + Write>(
    wrap: impl Fn(std::net::TcpStream) -> Option<S> + Send + Sync + 'static,
    act: impl Fn(&[u8]) -> Act + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let both = Arc::new((wrap, act));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let both = Arc::clone(&both);
            thread::spawn(move || {
                if let Some(stream) = both.0(stream.unwrap()) {
                    converse(stream, &both.1);
                }
            });
        }
    });
    address
}

/// Serves HTTP in clear.
pub fn serve(act: impl Fn(&[u8]) -> Act + Send + Sync + 'static) -> SocketAddr {
    serve_wrapped(Some, act)
}

fn converse(mut stream: impl Read + Write, act: &impl Fn(&[u8]) -> Act) {
    let mut input = Vec::new();
    loop {
        while let Some(length) = request_length(&input) {
            let request: Vec<u8> = input.drain(..length).collect();
            match act(&request) {
                Act::Answer(bytes) => {
                    if stream.write_all(&bytes).and_then(|()| stream.flush()).is_err() {
                        return;
                    }
                }
                Act::Close(bytes) => {
                    let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
                    return;
                }
            }
        }
        let mut piece = [0; 1024];
        match stream.read(&mut piece) {
            Ok(length) if length > 0 => input.extend(&piece[..length]),
            _ => return,
        }
    }
}

fn request_length(input: &[u8]) -> Option<usize> {
    let head = input.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&input[..head]).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    (input.len() >= head + body).then_some(head + body)
}

/// Answers datagrams until the process ends.
pub fn serve_datagrams(act: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((length, peer)) = socket.recv_from(&mut datagram) {
            for answer in act(&datagram[..length]) {
                thread::sleep(Duration::from_millis(1));
                socket.send_to(&answer, peer).unwrap();
            }
        }
    });
    address
}
