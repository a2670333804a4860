//! The portal as people use it: in a real browser.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod everybody;
mod hostile;
mod kit;
mod owner;
mod scan;
mod stage;
