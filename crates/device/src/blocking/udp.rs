//! CoAP: one UDP socket that hears nobody but the server.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use super::tcp::{patience, received};
use crate::board::{Fault, Link, Received};

/// A UDP socket towards a server.
#[derive(Debug)]
pub struct Udp {
    address: String,
    socket: Option<UdpSocket>,
}

impl Udp {
    /// To `name:port`; CoAP's port is 5683.
    pub fn new(address: impl Into<String>) -> Udp {
        Udp { address: address.into(), socket: None }
    }
}

impl Link for Udp {
    fn connect(&mut self) -> Result<(), Fault> {
        let server = self.address.to_socket_addrs().map_err(|_| Fault)?.next().ok_or(Fault)?;
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).map_err(|_| Fault)?;
        socket.connect(server).map_err(|_| Fault)?;
        self.socket = Some(socket);
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.socket.as_ref().ok_or(Fault)?.send(bytes).map(|_| ()).map_err(|_| Fault)
    }

    fn receive(&mut self, into: &mut [u8], within_ms: u32) -> Received {
        let Some(socket) = &self.socket else { return Received::Closed };
        if socket.set_read_timeout(patience(within_ms)).is_err() {
            return Received::Closed;
        }
        match received(socket.recv(into)) {
            // An empty datagram says nothing; it is no end.
            Received::Closed if within_ms > 0 => Received::Nothing,
            other => other,
        }
    }

    fn disconnect(&mut self) {
        self.socket = None;
    }
}
