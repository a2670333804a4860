//! Several servers on one PostgreSQL, and what becomes of them when it, they or the ways between them fail (THREATS 3.1 rule 7, T03,
//! T42, F10, F11).

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod load;
mod moving;
mod network;
mod outage;
mod races;
mod rights;
mod upgrade;
