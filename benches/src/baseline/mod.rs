//! The limits of what the server is built on, measured in the same run.

pub mod bare;
pub mod disk;
pub mod nginx;
pub mod store_alone;
