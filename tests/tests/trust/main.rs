//! What an operator does to keep a server trustworthy: backups, certificates, keys, and a description that says what is true.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod backup;
mod concealed;
mod description;
mod forms;
mod operator;
mod revocations;
mod rotation;
mod tls;
