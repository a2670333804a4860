//! The resource API's requests and answers (contract, rpc.md), the same over HTTP, WebSocket and CoAP.
//!
//! A body is decoded by [`crate::json`] or [`crate::cbor`]; [`auth`] and [`calls`] read what it asks for; [`Answers`]
//! writes what came of it.

mod answer;
mod error;
mod request;

pub use answer::{Answers, Encoding, Outcome, Status};
pub use error::{CallError, RequestError};
pub use request::{ActingAs, Auth, Call, Invocation, auth, calls};
