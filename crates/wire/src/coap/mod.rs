//! CoAP messages and options (contract, coap.md; RFC 7252, and of 7641, 7959 and 9175 the options), sans I/O.
//!
//! [`Message::decode`] reads a datagram without copying it and says of a malformed one whether it gets a Reset or
//! silence; [`Request::read`] and [`Response::read`] go through the options and refuse the critical ones that are not
//! understood; [`Draft`] writes. Message ids, retransmission, deduplication and block-wise transfers are not decided here.

mod block;
mod code;
mod draft;
mod message;
mod option;
mod request;
mod response;

pub use block::Block;
pub use code::{Code, Kind, Token};
pub use draft::Draft;
pub use message::{Flaw, Message, Options, Reaction, Rejected};
pub use option::{content_format, number};
pub use request::{Refusal, Request};
pub use response::{Response, is_newer_notification};
