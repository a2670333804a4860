//! Bytes to values and back, with no I/O: what the server, the device library, the command line and the fuzzers share.
//!
//! Everything here takes bytes from a network: nothing panics on any of them, and nothing allocates by a length that
//! only the peer claims.

pub mod cbor;
pub mod coap;
pub mod csv;
pub mod distinguished_name;
pub mod form;
pub mod http;
pub mod json;
pub mod label;
mod object;
pub mod path;
mod percent;
pub mod ranges_json;
pub mod rpc;
