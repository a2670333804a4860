//! What the disk takes to keep a few KiB.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;

/// The median time of an append of 4 KiB and its fdatasync, in a file of that folder.
pub fn fsync_time(folder: &Path) -> Outcome<Duration> {
    let mut file = tempfile::tempfile_in(folder)?;
    // Room first, as in a write-ahead log that is used again: only data is to be synced, not the file's length.
    file.write_all(&vec![0; 4 << 20])?;
    file.sync_all()?;
    std::io::Seek::rewind(&mut file)?;
    let mut times = Vec::new();
    for number in 0..400_u16 {
        let begin = Instant::now();
        file.write_all(&[number as u8; 4096])?;
        file.sync_data()?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
