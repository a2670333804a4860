//! Content bytes, named by their SHA-256 (contract, README "Limits": streamed, memory does not grow with the blob).
//!
//! A blob is written once and never changed: an [`Upload`] hashes into a temporary file, and only whole and durable
//! bytes get their name. A [`Reader`] holds the bytes it opened, whatever happens to the name meanwhile. A row of the
//! database decides which digests are wanted; what no row names is removed by [`BlobStore::sweep`].
//!
//! Never wrong bytes: a small blob is checked against its digest when it is read into memory, and a big one against
//! the sums of its chunks, written beside it at upload, piece by piece as it is served.

mod bounds;
mod copy;
mod digest;
mod disk;
mod fault;
mod files;
mod hold;
mod intake;
mod location;
mod memory;
mod objects;
mod piece;
mod reader;
mod store;
mod sums;
mod tally;
#[cfg(test)]
mod tests;
mod upload;

pub use bounds::Bounds;
pub use copy::{Came, Kept, bring, file, keep, remove};
pub use digest::Digest;
pub use location::{Location, ObjectAccess};
pub use reader::{Pieces, Reader};
pub use store::{BlobStore, Condition, Swept};
pub use tally::Tally;
pub use upload::{Stored, Upload};

/// The most bytes that one piece of an upload or a download holds in memory.
pub const PIECE_BYTES: usize = 256 << 10;
