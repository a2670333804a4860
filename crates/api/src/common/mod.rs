//! What the protocols share: the state of the server, and the one table of error codes.

pub mod app;
