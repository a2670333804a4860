//! A UDP socket as a worker uses it: many datagrams with one call, each with the address that it was sent to.

use std::io::{self, IoSliceMut};
use std::net::IpAddr;

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::endpoint::Outbound;
use super::peer::Peer;

/// The largest datagram there is; the system may put several of one peer together, and no more than that.
const BUFFER_BYTES: usize = 64 << 10;

/// A socket.
pub(super) struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
    buffers: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
}

impl Socket {
    /// Takes a bound socket over, inside a runtime.
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Socket> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let buffers = (0..BATCH_SIZE).map(|_| vec![0; BUFFER_BYTES]).collect();
        Ok(Socket {
            socket: UdpSocket::from_std(socket)?,
            state,
            buffers,
            metas: vec![RecvMeta::default(); BATCH_SIZE],
        })
    }

    /// Waits until there is something to receive.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Receives what is there, up to a batch, and gives each datagram to `each`; false where nothing was there.
    pub(super) fn receive(&mut self, mut each: impl FnMut(Peer, &[u8])) -> io::Result<bool> {
        let Socket { socket, state, buffers, metas } = self;
        let mut slices: Vec<IoSliceMut<'_>> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let received = socket.try_io(Interest::READABLE, || state.recv(UdpSockRef::from(&*socket), &mut slices, metas));
        drop(slices);
        let count = match received {
            Ok(count) => count,
            Err(error) if is_of_a_peer(&error) => return Ok(error.kind() != io::ErrorKind::WouldBlock),
            Err(error) => return Err(error),
        };
        for (meta, buffer) in metas.iter().zip(buffers).take(count) {
            if meta.dst_ip.is_some_and(is_for_many) {
                continue;
            }
            let peer = Peer::new(meta.addr, meta.dst_ip);
            for datagram in buffer[..meta.len.min(BUFFER_BYTES)].chunks(meta.stride.max(1)) {
                each(peer, datagram);
            }
        }
        Ok(true)
    }

    /// Sends datagrams. What cannot be sent is lost, as on any network.
    pub(super) async fn send(&self, outbound: &Outbound) -> io::Result<()> {
        for (peer, contents) in outbound.iter() {
            let transmit =
                Transmit { destination: peer.remote, ecn: None, contents, segment_size: None, src_ip: peer.local };
            let send = || self.state.try_send(UdpSockRef::from(&self.socket), &transmit);
            while let Err(error) = self.socket.try_io(Interest::WRITABLE, send) {
                if error.kind() != io::ErrorKind::WouldBlock {
                    tracing::debug!(%error, "a datagram cannot be sent");
                    break;
                }
                self.socket.writable().await?;
            }
        }
        Ok(())
    }
}

/// Whether the address is that of many: they are not answered, and nothing is done for them (threat T22).
fn is_for_many(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_multicast(),
    }
}

/// Whether nothing was there, or what went wrong is one peer's: the socket itself is well.
fn is_of_a_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable, WouldBlock,
    };
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable | WouldBlock
    )
}
