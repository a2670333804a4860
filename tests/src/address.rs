//! Source addresses: failed activations are counted for each peer address and its network, so every test
//! that fails on purpose calls from a network of its own.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};

/// A loopback address in a /24 that this process has not used yet, or long ago.
pub fn fresh_address() -> Ipv4Addr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    Ipv4Addr::new(127, high.max(1), low, 9)
}
