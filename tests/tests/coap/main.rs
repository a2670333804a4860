//! CoAP, looked at from the outside: by peers of the kit, and by programs that were not written here.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod blocks;
mod exchange;
mod flood;
mod hostile;
mod interop;
mod lossy;
mod observe;
mod stage;
