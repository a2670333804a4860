//! What the engines do differently: opening, pragmas, beginning and ending a transaction, and the meaning of errors.

pub(crate) mod postgres;
pub(crate) mod sqlite;
