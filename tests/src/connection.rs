//! A raw socket that can say anything and sees every byte of what comes back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::{Answer, Request};

const PATIENCE: Duration = Duration::from_secs(60);

/// One connection to a server.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects from the system's choice of address.
    pub fn open(to: SocketAddr) -> io::Result<Connection> {
        Connection::open_from(to, Ipv4Addr::LOCALHOST)
    }

    /// Connects from a chosen loopback address.
    pub fn open_from(to: SocketAddr, from: Ipv4Addr) -> io::Result<Connection> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect_timeout(&to.into(), PATIENCE)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Connection { stream, buffer: Vec::new() })
    }

    /// How long to wait for bytes.
    pub fn patience(self, patience: Duration) -> Connection {
        self.stream.set_read_timeout(Some(patience)).unwrap();
        self
    }

    /// Sends exactly these bytes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says that nothing more will be sent, and keeps reading.
    pub fn finish_sending(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        // A server may refuse a body before it has read it: the answer counts, not the broken pipe.
        let sent = self.send(&request.to_bytes());
        match self.read_answer(request.method()) {
            Ok(answer) => Ok(answer),
            Err(broken) => Err(sent.err().unwrap_or(broken)),
        }
    }

    /// Reads the next answer to a request of that method.
    pub fn read_answer(&mut self, method: &str) -> io::Result<Answer> {
        let mut first_read = self.buffer.len();
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let count = self.read_more()?;
            if first_read == 0 {
                first_read = count;
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let mut answer = Answer::parse_head(&head).map_err(invalid)?;
        answer.first_read = first_read;
        answer.body = self.read_body(&answer, method)?;
        Ok(answer)
    }

    /// Whatever comes until the server closes the connection.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.read_more() {
                Ok(_) => {}
                Err(end) if end.kind() == ErrorKind::UnexpectedEof => return Ok(std::mem::take(&mut self.buffer)),
                Err(broken) => return Err(broken),
            }
        }
    }

    /// Takes some bytes that have come, waiting for the first.
    pub fn read_some(&mut self) -> io::Result<Vec<u8>> {
        if self.buffer.is_empty() {
            self.read_more()?;
        }
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Whether the server closes the connection, without another byte, within the patience.
    pub fn is_closed_by_peer(&mut self) -> bool {
        self.buffer.is_empty()
            && match self.read_more() {
                Err(end) => matches!(end.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
                Ok(_) => false,
            }
    }

    fn read_body(&mut self, answer: &Answer, method: &str) -> io::Result<Vec<u8>> {
        if method == "HEAD" || answer.status < 200 || matches!(answer.status, 204 | 304) {
            return Ok(Vec::new());
        }
        if answer.header("transfer-encoding").is_some() {
            return Err(invalid(format!("an answer with a transfer coding: {answer:?}")));
        }
        let Some(length) = answer.header("content-length") else {
            return Err(invalid(format!("an answer without a length: {answer:?}")));
        };
        let length: usize = length.parse().map_err(|_| invalid(format!("a strange length: {answer:?}")))?;
        while self.buffer.len() < length {
            self.read_more()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let mut piece = [0; 64 << 10];
        match self.stream.read(&mut piece)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend_from_slice(&piece[..count]);
                Ok(count)
            }
        }
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}
