//! The portal from outside: sessions, roles, pages (threats T13, T33 to T36).
#![allow(clippy::unwrap_used, reason = "a broken expectation ends the test that made it")]

mod sessions;
mod vendor;
