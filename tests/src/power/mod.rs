//! A power cut, simulated: from what a server told the kernel to write and to sync, every folder is rebuilt that a disk may
//! hold after a cut at any moment (THREATS F05, goal G3).
//!
//! strace writes down each call that changes a file, and each answer as it goes out. What was synced before the cut is there. Of
//! the rest each write may be there, wholly or in single sectors, or not, in any order; of names that were given or taken
//! since their folder was synced, the first few are there. A name is never made durable by syncing its file alone.

mod disk;
mod trace;

pub use disk::{Cut, Disk};
pub use trace::{CALLS, Event, Trace};
