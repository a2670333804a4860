//! The binary among other programs: over a real object store, while that works and while it does not (fault F22), and behind
//! the load balancers of `deploy/`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod balancer;
#[allow(dead_code, reason = "the other suite that mounts this plays the rest")]
#[path = "../../../crates/blob/src/tests/faulty.rs"]
mod faulty;
mod object_store;
#[allow(dead_code, reason = "the other suite that mounts this looks at the rest")]
#[path = "../../../crates/blob/src/tests/s3.rs"]
mod s3;
