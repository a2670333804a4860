//! What the store did, counted.

use model::tally::{Count, Sizes, Times};

/// Counts of one store since its process began.
#[derive(Debug, Default)]
pub struct Tally {
    /// Jobs that wanted to be written.
    pub queued: Count,
    /// Those that the writer took.
    pub taken: Count,
    /// Those that were refused because too many waited.
    pub refused: Count,
    /// Reads that were refused because too many waited.
    pub refused_reads: Count,
    /// Jobs in each commit.
    pub commit_jobs: Sizes,
    /// How long each commit took, from its first job to the disk.
    pub commit_times: Times,
    /// Commits that failed.
    pub failed_commits: Count,
}

impl Tally {
    /// Jobs that wait for the writer.
    pub fn waiting(&self) -> u64 {
        // Read in this order, so that a job which is taken meanwhile is not counted for two.
        let gone = self.taken.get() + self.refused.get();
        self.queued.get().saturating_sub(gone)
    }
}
