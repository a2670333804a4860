//! The protocols: decode, call a rule, encode. What they share is in [`common`], one folder a protocol beside it.

pub mod coap;
pub mod common;
pub mod http;
pub mod outgoing;
pub mod udp;
