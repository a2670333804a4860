//! HTTP/1.1 as a small device needs it: requests into a buffer, answers in pieces of any size.

pub mod answer;
mod call;
pub(crate) mod field;
pub(crate) mod request;

pub use call::{Call, Failure, Reply, Stamp};

use crate::identity::Cik;

/// Where a call goes, and as whom.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// What stands in the `Host` field: the server's name, with its port where that is not the usual one.
    pub host: &'a str,
    /// The key.
    pub cik: Cik,
}
