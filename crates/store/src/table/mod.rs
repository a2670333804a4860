//! The tables: each SQL text is a constant beside its one function. A row becomes a value here, and nothing is decided.
//!
//! Where a table has a key of its own (client, token, share code), only hashes and sealed copies go in and out.

pub mod account;
pub mod account_session;
pub mod alias;
pub mod allotment;
pub mod audit;
pub mod client;
pub mod client_model;
pub mod comment;
pub mod content;
pub mod device;
pub mod dispatch_queue;
pub mod event;
pub mod grant;
pub mod invitation;
pub mod member_group;
pub mod membership;
pub mod model_share;
pub mod model_try;
pub mod point;
pub mod recovery_code;
pub mod resource;
pub mod revocation;
pub mod rule_timer;
pub mod sealed;
pub mod serial_number;
pub mod serial_range;
pub mod share_code;
pub mod sweep;
pub mod transfer;
pub mod usage;
pub mod vendor;
pub mod vendor_token;

#[cfg(test)]
mod tests;
