//! What a transaction changed, told to the rest of the process after its COMMIT and before its answer.
//!
//! Caches above the store stamp an entry with the [`Stamp`] of the transaction that read it and believe the entry only while
//! nothing that it depends on has changed since. A reader that raced with a commit holds a stamp from before that commit, so
//! what it keeps is never believed: a revoked right dies before the call that revoked it is answered, and no value is
//! read that is older than a write that was answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::UnixSeconds;

use crate::Revoked;

mod carried;

pub(crate) use carried::Carried;

/// Something that a cache or a waiting request may depend on, by row id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A client: its key, its status, its place in the tree, its aliases.
    Client(i64),
    /// A model: its content, groups, memberships and numbers.
    Model(i64),
    /// A vendor: its name, its tokens.
    Vendor(i64),
    /// A resource: whether it is there, its description, who subscribes to it.
    Resource(i64),
    /// The values of a resource.
    Series(i64),
    /// Which numbers a model has, whatever their state.
    Numbers(i64),
    /// A person: the account, its role, its sessions.
    Account(i64),
}

/// A moment in the order of all commits: what a transaction read is no older than its stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

/// A value that was stored, for those who wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The row id of the resource that holds it.
    pub resource_id: i64,
    /// The second that it stands at.
    pub at: UnixSeconds,
    /// Whether it stood at the present or later when it was stored, and is not a record of the past.
    pub is_current: bool,
    /// Its text as the wire prints it.
    pub value: Box<str>,
}

/// What one transaction leaves for the time after its COMMIT.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) touched: Vec<Subject>,
    pub(crate) stored: Vec<Arc<Stored>>,
    pub(crate) revoked: Vec<Revoked>,
}

/// How far effects had come, to go back to.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    touched: usize,
    stored: usize,
    revoked: usize,
}

const STRIPES: usize = 1 << 16;

/// The moment of the newest change of every subject, by its hash. Two subjects that share a place only cost each other a
/// cache miss.
#[derive(Debug)]
pub(crate) struct Changes {
    latest: AtomicU64,
    stripes: Box<[AtomicU64]>,
    noting: Mutex<()>,
}

impl Changes {
    pub(crate) fn new() -> Changes {
        let stripes = (0..STRIPES).map(|_| AtomicU64::new(0)).collect();
        Changes { latest: AtomicU64::new(0), stripes, noting: Mutex::default() }
    }

    /// The present moment. Taken before a transaction begins, it stamps all that the transaction reads.
    pub(crate) fn now(&self) -> Stamp {
        Stamp(self.latest.load(Ordering::SeqCst))
    }

    /// Whether nothing of the subject has changed since the stamp.
    pub(crate) fn is_unchanged(&self, subject: Subject, since: Stamp) -> bool {
        self.stripe(subject).load(Ordering::SeqCst) <= since.0
    }

    /// The subjects changed. Called after the commit: a stamp from before this moment was perhaps taken before the commit, one
    /// from after it was not.
    pub(crate) fn note(&self, subjects: impl Iterator<Item = Subject>) {
        // One thread at a time, so that no stripe goes back.
        let _noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut moment = None;
        for subject in subjects {
            let moment = *moment.get_or_insert_with(|| self.latest.fetch_add(1, Ordering::SeqCst) + 1);
            self.stripe(subject).store(moment, Ordering::SeqCst);
        }
    }

    /// Anything may have changed.
    pub(crate) fn note_all(&self) {
        let _noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = self.latest.fetch_add(1, Ordering::SeqCst) + 1;
        for stripe in &self.stripes {
            stripe.store(moment, Ordering::SeqCst);
        }
    }

    fn stripe(&self, subject: Subject) -> &AtomicU64 {
        // Fibonacci hashing: neighbouring ids land far apart.
        let mixed = subject.number().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.stripes[(mixed >> (64 - STRIPES.trailing_zeros())) as usize]
    }
}

impl Subject {
    /// One number for kind and id: ids stay far below 2^61.
    pub(crate) fn number(self) -> u64 {
        let (kind, id) = match self {
            Subject::Client(id) => (0u64, id),
            Subject::Model(id) => (1, id),
            Subject::Vendor(id) => (2, id),
            Subject::Resource(id) => (3, id),
            Subject::Series(id) => (4, id),
            Subject::Numbers(id) => (5, id),
            Subject::Account(id) => (6, id),
        };
        (id as u64) << 3 | kind
    }

    /// The subject with that number.
    pub(crate) fn from_number(number: u64) -> Option<Subject> {
        let id = (number >> 3) as i64;
        const KINDS: [fn(i64) -> Subject; 7] = [
            Subject::Client,
            Subject::Model,
            Subject::Vendor,
            Subject::Resource,
            Subject::Series,
            Subject::Numbers,
            Subject::Account,
        ];
        KINDS.get((number & 7) as usize).map(|kind| kind(id))
    }
}

impl Effects {
    /// Every subject that changed.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = Subject> {
        let series = self.stored.iter().map(|stored| Subject::Series(stored.resource_id));
        self.touched.iter().copied().chain(series)
    }

    /// Whether the subject is among those that changed.
    pub(crate) fn hold(&self, subject: Subject) -> bool {
        let stored = |id| self.stored.iter().any(|stored| stored.resource_id == id);
        self.touched.contains(&subject) || matches!(subject, Subject::Series(id) if stored(id))
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { touched: self.touched.len(), stored: self.stored.len(), revoked: self.revoked.len() }
    }

    pub(crate) fn go_back_to(&mut self, mark: Mark) {
        self.touched.truncate(mark.touched);
        self.stored.truncate(mark.stored);
        self.revoked.truncate(mark.revoked);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.stored.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.touched.clear();
        self.stored.clear();
        self.revoked.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_believed_after_it() {
        let changes = Changes::new();
        let before = changes.now();
        let subject = Subject::Client(7);
        assert!(changes.is_unchanged(subject, before));
        changes.note([subject].into_iter());
        assert!(!changes.is_unchanged(subject, before));
        assert!(changes.is_unchanged(subject, changes.now()));
        assert!(changes.is_unchanged(Subject::Resource(8), before));
    }

    #[test]
    fn what_is_undone_leaves_no_effect() {
        let mut effects = Effects::default();
        effects.touched.push(Subject::Client(1));
        let mark = effects.mark();
        effects.touched.push(Subject::Client(2));
        let stored = Stored { resource_id: 3, at: 5, is_current: true, value: "x".into() };
        effects.stored.push(Arc::new(stored));
        assert_eq!(effects.subjects().count(), 3);
        effects.go_back_to(mark);
        assert_eq!(effects.subjects().collect::<Vec<_>>(), [Subject::Client(1)]);
    }
}
