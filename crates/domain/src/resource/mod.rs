//! The ownership tree: what clients own, what is said of it, and who else may read it (contract, rpc.md).

mod alias;
mod client_key;
mod clone;
mod comment;
mod create;
mod description;
mod drop;
mod info;
mod lend;
mod listing;
mod named;
mod relocate;
pub(crate) mod room;
mod share;
mod tally;
mod update;
mod usage;

pub use alias::{Sought, lookup, map, sought_alias, unmap};
pub use client_key::{activate_key, expire_key, replace_key};
pub use clone::{Copying, Original, clone, clone_for};
pub use comment::{Visibility, add_comment};
pub use create::{NewClient, create, plant_client};
pub use description::{Description, LIMITED};
pub use drop::drop;
pub use info::{Basic, Fact, Part, Share, Standstill, info};
pub use lend::lend;
pub use listing::{Which, listing};
pub use named::Named;
pub(crate) use relocate::hand_over;
pub use relocate::{Names, relocate};
pub(crate) use room::amounts_below;
pub(crate) use share::revoke_all;
pub use share::{GivenUp, activate_share, deactivate_share, describe_share, revoke_share, share};
pub use tally::{SENT, Tally};
pub use update::update;
pub use usage::usage;
