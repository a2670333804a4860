//! The cloud profile by alias over HTTP (contract, data.md).

pub(super) mod alias;
mod entry;
mod poll;
pub(super) mod record;
