//! The CoAP door (contract, coap.md): datagrams, exchanges, requests, answers; `routes` says who answers what.
//!
//! [`Endpoint`] is the exchange layer without I/O and without a clock: repetitions, acknowledgements, bodies in blocks and
//! observers.

mod answer;
mod bodies;
mod dedup;
mod echo;
mod encode;
mod endpoint;
mod ids;
mod listener;
mod notify;
mod observe;
mod outbox;
mod peer;
mod request;
mod routes;
mod socket;
mod upload;
mod watch;
mod worker;

pub use answer::{Answer, Body};
pub use endpoint::{Bounds, Endpoint, Outbound, Shared, Ticket};
pub use listener::{Listener, Options};
pub use observe::ObserverId;
pub use peer::Peer;
pub use request::Request;
