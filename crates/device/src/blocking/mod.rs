//! The board of a computer: blocking sockets, files as non-volatile memory, the operating system's clock and randomness.

mod device;
mod files;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod udp;
mod world;

pub use device::{Device, Trouble};
pub use files::{FileImage, FileMemory};
pub use tcp::Tcp;
#[cfg(feature = "tls")]
pub use tls::{BadRoots, Tls};
pub use udp::Udp;
pub use world::System;
