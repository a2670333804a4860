//! The pages, one file a noun.

pub mod account;
pub mod home;
pub mod join;
pub mod owner;
pub mod sign_in;
pub mod vendor;

pub use vendor::Counting;
