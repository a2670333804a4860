//! Who is at the other end: an endpoint in the words of RFC 7252, and one message of it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The other end's address and port, and the address of ours that it wrote to: an answer comes from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Address and port of the other end.
    pub remote: SocketAddr,
    /// Our address that it wrote to, where the system tells.
    pub local: Option<IpAddr>,
}

/// A message among those of its peer: what makes two datagrams the same message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Exchange {
    pub(super) peer: Peer,
    pub(super) id: u16,
}

impl Peer {
    /// The peer at this address.
    pub fn new(remote: SocketAddr, local: Option<IpAddr>) -> Peer {
        Peer { remote, local }
    }

    /// Its address, an IPv4 one as such.
    pub fn address(&self) -> IpAddr {
        self.remote.ip().to_canonical()
    }

    /// What counts as one where memory is shared out: an IPv4 address, or a /64 of IPv6.
    pub(super) fn source(&self) -> IpAddr {
        match self.address() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
            address => address,
        }
    }
}
