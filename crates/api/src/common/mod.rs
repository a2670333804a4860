//! What the protocols share: the state of the server, the one table of error codes, the limits on failed tries, and what
//! may be answered from memory.

pub mod activation;
pub mod aliases;
pub mod anchors;
pub mod app;
pub mod callers;
pub mod codes;
pub mod listing;
pub mod measures;
pub mod places;
pub mod profiles;
pub mod rpc;
pub mod shelves;
pub mod stopping;
pub mod tries;
pub mod wait;
