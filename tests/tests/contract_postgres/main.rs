//! The same suites as in `contract`, on PostgreSQL: the name of this binary tells the kit so.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

#[path = "../contract/authority.rs"]
mod authority;
#[path = "../contract/budgets.rs"]
mod budgets;
#[path = "../contract/bytes.rs"]
mod bytes;
#[path = "../contract/content.rs"]
mod content;
#[path = "../contract/lifecycle.rs"]
mod lifecycle;
#[path = "../contract/limits.rs"]
mod limits;
#[path = "../contract/malformed.rs"]
mod malformed;
#[path = "../contract/processing.rs"]
mod processing;
#[path = "../contract/races.rs"]
mod races;
#[path = "../contract/transcripts.rs"]
mod transcripts;
#[path = "../contract/web_socket.rs"]
mod web_socket;
