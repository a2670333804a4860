//! The commands that speak to a server over its public API, one file each.

pub mod completions;
