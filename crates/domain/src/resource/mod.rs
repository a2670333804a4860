//! The ownership tree: making, cloning and dropping what clients own.

mod clone;
mod create;
mod drop;
mod room;

pub use clone::{Copying, clone};
pub use create::{NewClient, create_client, create_resource};
pub use drop::drop;
pub use room::require_room;
