//! What a transaction changed, told to the rest of the process after its COMMIT and before its answer.
//!
//! Caches above the store stamp an entry with the [`Version`] that they read *before* they looked into the store, and
//! believe the entry only while that version stands. A reader that raced with the commit has stamped the old version, so
//! what it keeps is never believed: a revoked right dies before the call that revoked it is answered.

use std::sync::atomic::{AtomicU64, Ordering};

/// Something that a cache or a waiting request may depend on, by row id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A client: its key, its status, its place in the tree.
    Client(i64),
    /// A model: its content, groups, memberships and numbers.
    Model(i64),
    /// A vendor: its name, its tokens.
    Vendor(i64),
}

/// A point in the life of a [`Subject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(u64);

const STRIPES: usize = 1 << 14;

/// Counters by hash of the subject. Two subjects that share a counter only cost each other a cache miss.
#[derive(Debug)]
pub struct Versions {
    stripes: Box<[AtomicU64]>,
}

impl Versions {
    pub(crate) fn new() -> Versions {
        Versions { stripes: (0..STRIPES).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The present version of a subject. Read it before reading the store.
    pub fn now(&self, subject: Subject) -> Version {
        Version(self.stripe(subject).load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, subject: Subject) {
        self.stripe(subject).fetch_add(1, Ordering::SeqCst);
    }

    fn stripe(&self, subject: Subject) -> &AtomicU64 {
        let (kind, id) = match subject {
            Subject::Client(id) => (0u64, id),
            Subject::Model(id) => (1, id),
            Subject::Vendor(id) => (2, id),
        };
        // Fibonacci hashing: neighbouring ids land far apart.
        let mixed = ((id as u64) << 2 | kind).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.stripes[(mixed >> (64 - STRIPES.trailing_zeros())) as usize]
    }
}
