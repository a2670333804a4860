//! Which digests are in use now, so that the sweep leaves them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Digest;

/// The digests held by uploads that wait for their row and by downloads.
#[derive(Default)]
pub(crate) struct Holds {
    table: Mutex<Table>,
    /// Locked by the sweep that runs: there is one at a time.
    sweeping: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Table {
    holders: HashMap<Digest, usize>,
    /// Every digest held at any moment of the sweep that runs now: its row may have come after the sweep looked.
    since_sweep: Option<HashSet<Digest>>,
}

/// As long as it lives, the sweep leaves the digest.
pub(crate) struct Hold {
    holds: Arc<Holds>,
    digest: Digest,
}

/// A sweep that runs.
pub(crate) struct Sweep<'a> {
    holds: &'a Holds,
    _alone: tokio::sync::MutexGuard<'a, ()>,
}

impl Holds {
    pub(crate) fn hold(self: &Arc<Self>, digest: Digest) -> Hold {
        let mut table = self.table();
        *table.holders.entry(digest).or_default() += 1;
        if let Some(touched) = &mut table.since_sweep {
            touched.insert(digest);
        }
        Hold { holds: self.clone(), digest }
    }

    /// From now on every digest that is held, or gets held, counts as in use until the guard is gone. Waits for a
    /// sweep that runs already. Not for the runtime's threads.
    pub(crate) fn sweep(&self) -> Sweep<'_> {
        self.begin_sweep(self.sweeping.blocking_lock())
    }

    /// The same on the runtime.
    pub(crate) async fn sweep_from_afar(&self) -> Sweep<'_> {
        self.begin_sweep(self.sweeping.lock().await)
    }

    fn begin_sweep<'a>(&'a self, alone: tokio::sync::MutexGuard<'a, ()>) -> Sweep<'a> {
        let mut table = self.table();
        table.since_sweep = Some(table.holders.keys().copied().collect());
        Sweep { holds: self, _alone: alone }
    }

    /// The table is whole between any two statements, so that a panic elsewhere leaves it usable.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sweep<'_> {
    /// Removes a digest unless it is in use; nobody can take hold of it between the look and the removal.
    pub(crate) fn unless_held<T>(&self, digest: &Digest, remove: impl FnOnce() -> T) -> Option<T> {
        let table = self.holds.table();
        let in_use = table.since_sweep.as_ref().is_none_or(|touched| touched.contains(digest));
        (!in_use).then(remove)
    }
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        self.holds.table().since_sweep = None;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut table = self.holds.table();
        if let Some(count) = table.holders.get_mut(&self.digest) {
            *count -= 1;
            if *count == 0 {
                table.holders.remove(&self.digest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_at_any_moment_of_a_sweep_survives_it() {
        let (holds, digest) = (Arc::new(Holds::default()), Digest::of(b"a"));
        let (first, second) = (holds.hold(digest), holds.hold(digest));
        drop(first);
        let sweep = holds.sweep();
        assert_eq!(sweep.unless_held(&digest, || ()), None, "one of two holders is left");
        drop(second);
        assert_eq!(sweep.unless_held(&digest, || ()), None, "let go during the sweep");
        drop(sweep);
        let sweep = holds.sweep();
        assert_eq!(sweep.unless_held(&digest, || ()), Some(()));
        drop(holds.hold(digest));
        assert_eq!(sweep.unless_held(&digest, || ()), None, "held for a moment during the sweep");
    }
}
