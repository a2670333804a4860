//! HTTP inside TLS (rustls): the server's name is checked, and what it says cannot be read or changed on the way.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::tcp;
use crate::board::{Fault, Link, Received};

/// A TLS connection to a server.
#[derive(Debug)]
pub struct Tls {
    address: String,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    stream: Option<StreamOwned<ClientConnection, TcpStream>>,
}

/// There is no certificate to trust, or one that is malformed, or the server's name is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRoots;

impl Tls {
    /// To `name:port`, trusting the public authorities.
    pub fn new(address: impl Into<String>) -> Result<Tls, BadRoots> {
        Tls::trusting(address, RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// To `name:port`, trusting only the certificates in this PEM text: those of your own authority.
    pub fn with_roots(address: impl Into<String>, pem: &[u8]) -> Result<Tls, BadRoots> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(|_| BadRoots)?).map_err(|_| BadRoots)?;
        }
        Tls::trusting(address, roots)
    }

    fn trusting(address: impl Into<String>, roots: RootCertStore) -> Result<Tls, BadRoots> {
        let address = address.into();
        let name = address.rsplit_once(':').map_or(&address[..], |(name, _)| name);
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(name.to_owned()).map_err(|_| BadRoots)?;
        if roots.is_empty() {
            return Err(BadRoots);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| BadRoots)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Tls { address, name, config: Arc::new(config), stream: None })
    }
}

impl Link for Tls {
    fn connect(&mut self) -> Result<(), Fault> {
        self.disconnect();
        let socket = tcp::connect(&self.address).map_err(|_| Fault)?;
        // The handshake runs with the first bytes; it must not wait for ever either.
        socket.set_read_timeout(tcp::patience(10_000)).map_err(|_| Fault)?;
        let connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone()).map_err(|_| Fault)?;
        let mut stream = StreamOwned::new(connection, socket);
        stream.conn.complete_io(&mut stream.sock).map_err(|_| Fault)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let stream = self.stream.as_mut().ok_or(Fault)?;
        stream.write_all(bytes).and_then(|()| stream.flush()).map_err(|_| Fault)
    }

    fn receive(&mut self, into: &mut [u8], within_ms: u32) -> Received {
        let Some(stream) = &mut self.stream else { return Received::Closed };
        if stream.sock.set_read_timeout(tcp::patience(within_ms)).is_err() {
            return Received::Closed;
        }
        match tcp::read(stream, into) {
            // Cut without a goodbye: whoever reads decides whether the answer was complete.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Received::Closed,
            outcome => tcp::received(outcome),
        }
    }

    fn disconnect(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }
}
