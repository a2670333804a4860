//! Row ids, given out before the row is written, because the RID and the keys of a row carry its id.
//!
//! An id that was given out and then rolled back is never given again while the process lives; after a restart
//! counting goes on above the highest id that any row holds. Where several nodes write, the database gives ids out in
//! blocks instead (`driver/postgres`).

use std::sync::atomic::{AtomicI64, Ordering};

#[derive(Debug)]
pub(crate) struct Allocator {
    /// For the tables whose keys carry their row id: one sequence for all of them.
    rows: AtomicI64,
    /// For events, which stay in the order in which they happened.
    events: AtomicI64,
}

impl Allocator {
    pub(crate) fn above(highest_row: i64, highest_event: i64) -> Allocator {
        Allocator { rows: AtomicI64::new(highest_row + 1), events: AtomicI64::new(highest_event + 1) }
    }

    pub(crate) fn next_row(&self) -> i64 {
        self.rows.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn next_event(&self) -> i64 {
        self.events.fetch_add(1, Ordering::Relaxed)
    }
}
