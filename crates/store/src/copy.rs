//! A copy of a database that may be in use: one snapshot, taken in small steps that leave the disk to others in between.
//!
//! The reading connection holds one snapshot for all steps, so that the copy never begins again because somebody writes, and
//! the writer never waits for it. What it costs is that the write-ahead log cannot start again from its beginning meanwhile.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use model::{Error, Result};
use rusqlite::backup::{Backup, StepResult};

use crate::driver::sqlite::{self, Access, Connection};

/// Pages copied at once: a megabyte.
const PAGES: i32 = 256;
/// Pause between two steps.
const PAUSE: Duration = Duration::from_millis(1);
/// Pause before a step that found the database locked.
const LOCKED: Duration = Duration::from_millis(20);
const CACHE_KIB: u32 = 8 << 10;

/// Copies a database into a new file (0600), durably. `progress` hears the pages that are copied, and all pages.
pub fn copy(from: &Path, into: &Path, mut progress: impl FnMut(u64, u64)) -> Result<()> {
    let mut source = Connection::open(from, Access::Read, CACHE_KIB)?;
    source.script("BEGIN")?;
    // A snapshot begins with the first read.
    source.inner().query_row("SELECT count(*) FROM setting", [], |_| Ok(())).map_err(sqlite::error)?;
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(into).map_err(Error::internal)?;
    let mut target = rusqlite::Connection::open(into).map_err(sqlite::error)?;
    {
        let backup = Backup::new(source.inner(), &mut target).map_err(sqlite::error)?;
        loop {
            let step = backup.step(PAGES).map_err(sqlite::error)?;
            let there = backup.progress();
            progress((there.pagecount - there.remaining).max(0) as u64, there.pagecount.max(0) as u64);
            match step {
                StepResult::Done => break,
                StepResult::More => std::thread::sleep(PAUSE),
                _ => std::thread::sleep(LOCKED),
            }
        }
    }
    // One file that stands for itself: no log beside it, wherever it is carried.
    let mode: String =
        target.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0)).map_err(sqlite::error)?;
    if mode != "delete" {
        return Err(Error::internal(format_args!("the copy keeps its log ({mode})")));
    }
    target.close().map_err(|(_, cause)| sqlite::error(cause))?;
    File::open(into).and_then(|file| file.sync_all()).map_err(Error::internal)
}
