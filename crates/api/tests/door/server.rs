//! A listener on a thread of its own, and a client that sees bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cikada_api::http::{Listener, Options, Patience};
use tokio::sync::oneshot;

use crate::site::Probe;

pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Server {
    pub fn start() -> Server {
        Server::with(options())
    }

    pub fn with(options: Options) -> Server {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, (stop, stopped)) = (listener.address(), oneshot::channel());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(listener.serve(Arc::new(Probe), options, async {
                let _ = stopped.await;
            }))
        });
        Server { address, stop: Some(stop), thread: Some(thread) }
    }

    pub fn connect(&self) -> Peer {
        Peer::over(TcpStream::connect(self.address).unwrap())
    }

    /// Sends bytes on a new connection, and reads to its end.
    pub fn ask(&self, request: impl AsRef<[u8]>) -> String {
        let mut peer = self.connect();
        peer.send(request);
        peer.read_to_end()
    }

    /// Begins an orderly stop.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// How long the stop took from here.
    pub fn wait(&mut self) -> Duration {
        let began = Instant::now();
        self.thread.take().unwrap().join().unwrap().unwrap();
        began.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.begin_stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(std::thread::panicking() || matches!(ended, Ok(Ok(()))), "the listener ended badly: {ended:?}");
        }
    }
}

pub fn options() -> Options {
    Options { workers: Some(1), drain: Duration::from_secs(5), ..Options::default() }
}

/// Patience in quarters of a second.
pub fn hasty() -> Options {
    let patience = Patience {
        head: Duration::from_millis(500),
        idle: Duration::from_millis(1500),
        write: Duration::from_millis(500),
        body: Duration::from_millis(500),
        body_bytes_per_second: 1000,
    };
    Options { patience, ..options() }
}

/// One connection to the server.
pub struct Peer {
    pub tcp: TcpStream,
    rest: Vec<u8>,
}

/// One answer, in bytes.
#[derive(Debug)]
pub struct Answered {
    pub head: String,
    pub body: Vec<u8>,
}

impl Peer {
    pub fn over(tcp: TcpStream) -> Peer {
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        tcp.set_nodelay(true).unwrap();
        Peer { tcp, rest: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.tcp.write_all(bytes.as_ref()).unwrap();
    }

    pub fn read_to_end(&mut self) -> String {
        let mut bytes = std::mem::take(&mut self.rest);
        self.tcp.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// The next answer, which has a `Content-Length` or no body.
    pub fn answer(&mut self) -> Answered {
        let head = self.head();
        let length =
            head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or(0, |n| n.parse().unwrap());
        while self.rest.len() < length {
            assert_ne!(self.read_on(), 0, "the body broke off after {} bytes: {head}", self.rest.len());
        }
        let body = self.rest.drain(..length).collect();
        Answered { head, body }
    }

    /// The next head, the empty line included.
    pub fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.rest.windows(4).position(|window| window == b"\r\n\r\n") {
                return String::from_utf8(self.rest.drain(..end + 4).collect()).unwrap();
            }
            assert_ne!(self.read_on(), 0, "the connection ended in {:?}", String::from_utf8_lossy(&self.rest));
        }
    }

    /// Whether the server ends the connection, and how long that takes; nothing may come before the end.
    pub fn wait_for_end(&mut self) -> Duration {
        let began = Instant::now();
        match self.read_on() {
            0 => began.elapsed(),
            _ => panic!("more than expected: {:?}", String::from_utf8_lossy(&self.rest)),
        }
    }

    fn read_on(&mut self) -> usize {
        let mut bytes = [0; 64 << 10];
        // A reset is an end as well.
        let read = match self.tcp.read(&mut bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            read => read.unwrap(),
        };
        self.rest.extend_from_slice(&bytes[..read]);
        read
    }
}

impl Answered {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub fn has(&self, line: &str) -> bool {
        self.head.lines().any(|found| found == line)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A GET without more.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

/// A POST with a body of known length.
pub fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
