//! What goes wrong outside of the server: processes that die, peers that misbehave.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod clock;
mod crash;
mod every_call;
mod flips;
mod fsck;
mod kernel;
mod odd_clients;
mod peers;
mod power;
mod restart;
mod revocation;
mod secrets;
mod slow_peers;
mod smuggling;
mod stop;
