//! Vendors: the name registered to a client, and the tokens that stand in for its CIK.

mod registration;
mod token;

pub(crate) use registration::dissolve;
pub use registration::{name_of, register, unregister};
pub use token::{create as create_token, delete as delete_token, list as list_tokens, show as show_token};
