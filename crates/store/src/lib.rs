//! The rows: one SQL text over the drivers, group commit, migrations, and secrets at rest.
//!
//! A rule of `domain` is a closure over [`Tx`]; [`Store`] runs it on a thread that owns a connection and answers after
//! the commit. Statements live in [`table`], each beside the one function that uses it.

mod allocator;
mod bus;
mod clock;
mod connection;
mod copy;
mod driver;
mod effects;
pub mod journal;
mod keyring;
mod pool;
mod revocation;
pub mod rotation;
mod schema;
pub mod table;
pub mod transfer;
mod tx;

pub use bus::{Heard, Listener};
pub use clock::Clock;
pub use connection::{Param, Row};
pub use copy::copy;
pub use driver::postgres::Url;
pub use effects::{Stamp, Stored, Subject};
pub use keyring::{KeyHash, Keyring, MasterKey, Sealed};
pub use pool::{Options, Place, Store, Tally};
pub use revocation::Revoked;
pub use tx::Tx;
