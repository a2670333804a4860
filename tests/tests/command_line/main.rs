//! The command line as vendors, owners and devices use it: every command against a real server, with good and bad input.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod contents;
mod credentials;
mod data;
mod demo;
mod devices;
mod groups;
mod import;
mod labels;
mod models;
mod partners;
mod profiles;
mod serial_numbers;
mod terminal;
