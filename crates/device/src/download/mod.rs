//! Downloads a content in pieces, so that neither a bad link nor a power cut costs more than the last piece, and hands
//! it over only when its SHA-256 is what the server promised (contract, device.md "Download and list content").
//!
//! - Every request asks for one piece, and for that version only that was begun with (`If-Range` with the strong ETag): a
//!   content that is replaced meanwhile starts over and is never mixed.
//! - What is written is remembered at checkpoints. After a power cut the bytes before the last checkpoint are read back into
//!   the running hash, and the download goes on behind them.
//! - A download that was complete is not taken on trust after a power cut: the server is asked whether it is still current.
//!
//! The digest protects against what links and memories do. It does not protect against somebody who can answer in the
//! server's place: use TLS, and sign images.

mod coap;
mod http;
mod machine;
mod progress;
mod protocol;
mod reading;

pub use coap::BlockFetch;
pub use http::RangeFetch;
pub use machine::Download;

use protocol::Protocol;

/// Which content goes where.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The vendor of the model.
    pub vendor: &'a str,
    /// The device's model.
    pub model: &'a str,
    /// The content's id.
    pub id: &'a str,
    /// The place in the device (a firmware slot, say): progress towards one place doesn't count for another.
    pub place: u8,
}

/// The sizes of a download, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The most that the place can hold.
    pub capacity: u64,
    /// How much one request asks for. Over CoAP it is rounded down to a block of 16 to 1024.
    pub piece: u32,
    /// Every write but the last is of exactly this size, and begins at a multiple of it: the page of a flash memory.
    pub block: u16,
    /// How far apart progress is remembered. Make it a multiple of the erase sector: after a power cut writing goes on at a
    /// multiple of this (or at 0), so that is where to erase.
    pub checkpoint: u32,
}

/// The whole image, written and verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256.
    pub digest: [u8; 32],
}

/// Why there is no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// The key is not accepted (401): activate again, then begin again; progress is kept.
    Unauthorized = 0,
    /// This device may not have contents of this model (403).
    Forbidden = 1,
    /// There is no such content for this device (404).
    Absent = 2,
    /// The server finds the request malformed (400).
    Malformed = 3,
    /// The content is larger than the place for it.
    TooLarge = 4,
    /// The server promises no digest, and none was given: nothing can be verified.
    NoDigest = 5,
    /// Three times in a row the image did not have the digest that was promised.
    WrongDigest = 6,
    /// The memory failed again and again.
    Memory = 7,
    /// The buffer is too small.
    BufferTooSmall = 8,
}

/// Over what a download goes: [`RangeFetch`] (HTTP) or [`BlockFetch`] (CoAP).
pub trait Fetch: Protocol {}
impl<P: Protocol> Fetch for P {}
