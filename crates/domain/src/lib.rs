//! The rules of cikada, one file a verb. Synchronous; they see a transaction, its instant and its keys, and no transport.
//!
//! A rule says in its signature whose authority it needs (`&Vendor`, `&OwnedModel`, `&Numbers`, `&CallingClient`); only
//! [`caller`] makes such values, inside the transaction, so that forgetting a check does not compile.

pub mod account;
pub mod caller;
pub mod check;
pub mod data;
pub mod found;
mod key;
pub mod owner;
pub mod processing;
pub mod provision;
pub mod resource;
pub mod revocation;
pub mod rotation;
mod settings;
pub mod sweep;
pub mod vendor;

pub use settings::Settings;
