//! Speaking to a server over its public HTTP API: where it is, who asks, what it answered (contract, manage.md, device.md);
//! and as a device over CoAP ([`coap`]).

pub mod coap;
pub mod digest;
mod download;
#[cfg(test)]
pub mod fixture;
mod flags;
mod part;
mod poll;
mod refusal;
mod request;
pub mod rpc;
mod server;
mod upload;

pub use download::{Downloaded, download};
pub use flags::Flags;
pub use poll::poll;
pub use request::Request;
pub use server::{Answer, Credential, Server};
pub use upload::{Upload, upload};
