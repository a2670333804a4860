//! The HTTP door by raw sockets: what stands in the bytes, not what a client library makes of them.
#![allow(clippy::unwrap_used, missing_docs)]

mod answers;
mod bodies;
mod crowd;
mod framing;
mod patience;
mod server;
mod site;
mod stop;
