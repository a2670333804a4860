//! The cloud profile by alias over a real store, by raw sockets (contract, data.md).
#![allow(clippy::unwrap_used, missing_docs)]

mod alias;
mod poll;
mod record;
mod retention;
mod revocation;
mod selection;
mod udp;
mod world;
