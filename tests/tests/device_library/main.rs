//! The device library and the simulated fleet against the real server: both sides read the same contract.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod data;
mod fleet;
mod one_device;
