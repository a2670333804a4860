//! The bytes of a connection to PostgreSQL: a socket, TLS over it where that is asked for, and whole messages.
//!
//! Every wait on the socket has an end, so that a connection that was cut without a word or a frozen server costs a
//! request its deadline and no more.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::url::{Host, Tls};

/// A message that is larger is none of PostgreSQL's answers to us.
const LARGEST_MESSAGE: usize = 256 << 20;
const READ_AT_ONCE: usize = 16 << 10;
const HEAD: usize = 5;

pub(super) struct Link {
    stream: Stream,
    /// What waits to be sent.
    pub(super) out: BytesMut,
    inbox: Vec<u8>,
    /// The part of the inbox that was received and is not read yet.
    unread: Range<usize>,
}

enum Stream {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Unix(UnixStream),
}

impl Link {
    pub(super) fn open(host: &Host, tls: &Tls, connect_in: Duration) -> io::Result<Link> {
        let stream = match host {
            Host::Unix(file) => Stream::Unix(UnixStream::connect(file)?),
            Host::Tcp(name, port) => {
                let stream = connect(name, *port, connect_in)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(connect_in))?;
                stream.set_write_timeout(Some(connect_in))?;
                match tls {
                    Tls::Off => Stream::Tcp(stream),
                    Tls::Verified(authorities) => protect(stream, name, authorities.as_deref())?,
                }
            }
        };
        let link =
            Link { stream, out: BytesMut::with_capacity(READ_AT_ONCE), inbox: vec![0; READ_AT_ONCE], unread: 0..0 };
        link.wait_at_most(connect_in)?;
        Ok(link)
    }

    /// How long one wait on the socket may take from now on.
    pub(super) fn wait_at_most(&self, limit: Duration) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => set_timeouts(stream, limit),
            Stream::Tls(stream) => set_timeouts(&stream.sock, limit),
            Stream::Unix(stream) => {
                stream.set_read_timeout(Some(limit))?;
                stream.set_write_timeout(Some(limit))
            }
        }
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        self.stream.flush()
    }

    /// The next whole message: its tag, and where its body is in [`Link::bytes`].
    pub(super) fn next(&mut self) -> io::Result<(u8, Range<usize>)> {
        loop {
            let unread = &self.inbox[self.unread.clone()];
            let wanted = match unread {
                [_, a, b, c, d, ..] => 1 + u32::from_be_bytes([*a, *b, *c, *d]) as usize,
                _ => HEAD,
            };
            if !(HEAD..=LARGEST_MESSAGE).contains(&wanted) {
                return Err(io::Error::new(ErrorKind::InvalidData, "a message of an impossible length"));
            }
            if unread.len() >= HEAD && unread.len() >= wanted {
                let (tag, start) = (unread[0], self.unread.start);
                self.unread.start += wanted;
                return Ok((tag, start + HEAD..start + wanted));
            }
            self.receive(wanted)?;
        }
    }

    pub(super) fn bytes(&self, place: Range<usize>) -> &[u8] {
        &self.inbox[place]
    }

    /// Whether a message, or a part of one, is here already.
    pub(super) fn holds_some(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Receives some bytes, with room for `wanted` of them in all.
    fn receive(&mut self, wanted: usize) -> io::Result<()> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        }
        if self.unread.start + wanted > self.inbox.len() || self.unread.end == self.inbox.len() {
            self.inbox.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            if wanted + READ_AT_ONCE > self.inbox.len() {
                self.inbox.resize(wanted + READ_AT_ONCE, 0);
            }
        }
        let received = loop {
            match self.stream.read(&mut self.inbox[self.unread.end..]) {
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if received == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "PostgreSQL closed the connection"));
        }
        self.unread.end += received;
        Ok(())
    }
}

fn connect(name: &str, port: u16, connect_in: Duration) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in (name, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, connect_in) {
            Ok(stream) => return Ok(stream),
            Err(cause) => failed = cause,
        }
    }
    Err(failed)
}

fn set_timeouts(stream: &TcpStream, limit: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))
}

/// Asks for TLS. A server that has none is not spoken to.
fn protect(mut stream: TcpStream, name: &str, authorities: Option<&Path>) -> io::Result<Stream> {
    let mut asking = BytesMut::new();
    frontend::ssl_request(&mut asking);
    stream.write_all(&asking)?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    if answer != *b"S" {
        return Err(io::Error::new(ErrorKind::Unsupported, "the server speaks no TLS; `sslmode=disable` does without"));
    }
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
                roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
    let session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(Stream::Tls(Box::new(StreamOwned::new(session, stream))))
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
            Stream::Unix(stream) => stream.flush(),
        }
    }
}
