//! CoAP over UDP as a small device needs it (RFC 7252, with RFC 7641 and RFC 7959 for notifications and blocks).

mod call;
pub(crate) mod exchange;
pub mod message;

pub use call::{Call, Request};
pub use message::code;

/// A whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The answer code: see [`code`].
    pub code: u8,
    /// When to come back, where the server refused for now (4.29, 5.03); 0 where it didn't say.
    pub retry_after_s: u32,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// Nothing came back after all retransmissions. The request may have been carried out all the same.
    NoAnswer = 0,
    /// The answer's blocks don't fit together: what was asked for changed meanwhile.
    Changed = 1,
    /// The answer is larger than the buffer.
    TooLarge = 2,
    /// The buffer is too small for the request.
    BufferTooSmall = 3,
}
