//! HTTP in clear: one TCP connection, kept.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::board::{Fault, Link, Received};

const CONNECT: Duration = Duration::from_secs(10);
const WRITE: Duration = Duration::from_secs(30);

/// A TCP connection to a server.
#[derive(Debug)]
pub struct Tcp {
    address: String,
    stream: Option<TcpStream>,
}

impl Tcp {
    /// To `name:port`. The name is resolved anew with every connection.
    pub fn new(address: impl Into<String>) -> Tcp {
        Tcp { address: address.into(), stream: None }
    }
}

/// Tries each address of a name in turn.
pub(super) fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(WRITE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A read timeout of zero would mean none.
pub(super) fn patience(within_ms: u32) -> Option<Duration> {
    Some(Duration::from_millis(u64::from(within_ms.max(1))))
}

/// What the outcome of a read means.
pub(super) fn received(outcome: io::Result<usize>) -> Received {
    match outcome {
        Ok(0) => Received::Closed,
        Ok(length) => Received::Bytes(length),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Received::Nothing,
            _ => Received::Closed,
        },
    }
}

/// Reads again where a signal came in between.
pub(super) fn read(stream: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

impl Link for Tcp {
    fn connect(&mut self) -> Result<(), Fault> {
        self.disconnect();
        self.stream = Some(connect(&self.address).map_err(|_| Fault)?);
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.as_mut().ok_or(Fault)?.write_all(bytes).map_err(|_| Fault)
    }

    fn receive(&mut self, into: &mut [u8], within_ms: u32) -> Received {
        let Some(stream) = &mut self.stream else { return Received::Closed };
        match stream.set_read_timeout(patience(within_ms)) {
            Ok(()) => received(read(stream, into)),
            Err(_) => Received::Closed,
        }
    }

    fn disconnect(&mut self) {
        self.stream = None;
    }
}
