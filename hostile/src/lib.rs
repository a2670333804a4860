//! Every parser, and the whole server, held against bytes that nobody meant well (goal G7).
//!
//! A [`Target`] is a function from bytes to a number, which panics where a property is broken: nothing more is needed to run
//! it under cargo-fuzz (`fuzz/`), over its stored corpus, or under [`drive`], which mutates on the stable toolchain. The number
//! stands for what the target saw in the bytes: inputs that bring up a new one are worth going on from.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken property ends the run")]

mod corpus;
pub mod drive;
mod mutate;
mod output;
mod seen;
mod target;

/// The binary's own files, of which only the reader of its configuration is used here.
#[path = "../../crates/cikada/src"]
#[allow(dead_code, missing_docs, unused_imports, reason = "the rest is for the command line")]
mod binary {
    pub mod config;
    pub mod failure;
}

use binary::{config, failure};
pub use corpus::{corpus, keep, repository};

/// Something that takes bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of its folder in `fuzz/corpus`, and of its file in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// Panics where a property is broken; otherwise says what it saw.
    pub check: fn(&[u8]) -> u64,
    /// Pieces that its language is made of.
    pub words: &'static [&'static str],
    /// The longest input that is worth trying.
    pub max_bytes: usize,
}

/// Every target.
pub const TARGETS: &[Target] = target::ALL;

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Holds a target against bytes, as cargo-fuzz does.
pub fn check(name: &str, bytes: &[u8]) {
    let target = find(name).expect("a target of that name");
    if bytes.len() <= target.max_bytes {
        (target.check)(bytes);
    }
}
