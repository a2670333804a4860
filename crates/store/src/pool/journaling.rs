//! The thread that writes the revocation journal. A job that ended a right is answered here, after its COMMIT and after its
//! lines are durable: a revocation that was answered is in the journal, whatever happens next.
//!
//! What waits goes into one write and one sync. Jobs that ended nothing never come here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use model::Error;

use super::Shared;
use super::job::Job;
use crate::journal::{Journal, Refused};

/// Pause before lines that found no room are tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// Commits whose lines are written together at most.
const TOGETHER: usize = 256;

/// What a commit ended, and who waits to hear that it did.
pub(super) struct Ended {
    pub(super) lines: String,
    /// The number of the newest line.
    pub(super) last: i64,
    pub(super) jobs: Vec<Box<dyn Job>>,
}

pub(super) fn serve(mut journal: Journal, shared: &Arc<Shared>, ended: &Receiver<Ended>, fatal: fn(&str)) {
    // Lines that found no room. The database keeps them, too, until they are here.
    let (mut lines, mut last) = (String::new(), journal.last());
    loop {
        let mut jobs = Vec::new();
        let mut take = |one: Ended| {
            lines.push_str(&one.lines);
            last = one.last;
            jobs.extend(one.jobs);
        };
        match ended.recv_timeout(AGAIN) {
            Ok(one) => take(one),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        ended.try_iter().take(TOGETHER).for_each(take);
        if lines.is_empty() {
            continue;
        }
        let answer = match journal.append(&lines, last) {
            Ok(()) => {
                lines.clear();
                shared.journaled.store(last, Ordering::Release);
                Ok(())
            }
            Err(Refused::NoRoom(cause)) => {
                tracing::warn!(%cause, "no room for the revocation journal");
                Err(Error::Unavailable)
            }
            Err(Refused::Fatal(cause)) => {
                shared.healthy.store(false, Ordering::SeqCst);
                tracing::error!(%cause, "the revocation journal failed; the process ends");
                fatal("the revocation journal failed");
                Err(Error::Unavailable)
            }
        };
        for job in jobs {
            job.answer(answer.clone());
        }
    }
}
