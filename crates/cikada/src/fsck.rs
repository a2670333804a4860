//! `cikada fsck`: checks what must always hold in a data folder.

use std::path::PathBuf;

use crate::failure::{Failure, Outcome};

/// Check a data folder: keys, windows, blobs, ranges, logs
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada fsck --data /var/lib/cikada
  cikada fsck --data /mnt/restored-backup --json

Exits 0 only when everything that must hold does.")]
pub struct Args {
    /// The data folder, of a stopped, running, crashed or restored server
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

pub fn run(_args: Args) -> Outcome {
    Err(Failure::new("`cikada fsck` is not in this build yet"))
}
