//! What the contract promises, looked at from the outside.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod authority;
mod budgets;
mod bytes;
mod content;
mod house;
mod lifecycle;
mod limits;
mod malformed;
mod malformed_rpc;
mod paging;
mod policy;
mod processing;
mod races;
mod rights;
mod supply_chain;
mod transcripts;
mod web_socket;
