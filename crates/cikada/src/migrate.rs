//! `cikada migrate`: moves the rows of a server from SQLite to PostgreSQL, or back.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use store::Place;
use store::transfer::{self, Progress, Stage};

use crate::failure::{Doing as _, Failure, Outcome};
use crate::folder::Folder;
use crate::output::line;
use crate::rows;

/// Move a server's rows from SQLite to PostgreSQL, or back
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada migrate --data /var/lib/cikada --from sqlite: --to postgres://cikada@db/cikada
  cikada migrate --data /var/lib/cikada --from postgres://cikada@db/cikada --to sqlite:

`sqlite:` alone is the file in the data folder. Stop the server first. A move that was interrupted goes on when it is run
again; it is done when it says that both sides agree. The source stays as it was. Content stays where it is.")]
pub struct Args {
    /// The data folder, with the master key
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where the rows are: sqlite:FILE or postgres://user:password@host/database
    #[arg(long, value_name = "URL", hide_env_values = true)]
    pub from: String,
    /// Where they are to be
    #[arg(long, value_name = "URL", hide_env_values = true)]
    pub to: String,
    /// The file of the master key, if it is kept outside the folder
    #[arg(long, value_name = "FILE", env = "CIKADA_MASTER_KEY_FILE")]
    pub master_key: Option<PathBuf>,
}

pub fn run(args: Args) -> Outcome {
    let folder = Folder::new(&args.data, args.master_key.as_deref());
    let (from, to) = (place(&args.from, &folder)?, place(&args.to, &folder)?);
    // A server on this folder would go on writing to what is being moved.
    let _lock = folder.lock()?;
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{prefix:<9} {msg:<16} {bar:30} {pos}/{len} rows")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut last = String::new();
    let mut tell = |progress: &Progress| {
        bar.set_prefix(match progress.stage {
            Stage::Copying => "copying",
            Stage::Comparing => "comparing",
        });
        if last != progress.table {
            last.clone_from(&progress.table);
            bar.set_message(progress.table.clone());
        }
        bar.set_length(progress.of);
        bar.set_position(progress.rows.min(progress.of));
    };
    let moved = transfer::move_rows(&from, &to, &folder.master_key()?, &mut tell);
    bar.finish_and_clear();
    let moved = moved.doing(format_args!("move the rows from {} to {}", rows::name(&from), rows::name(&to)))?;
    line(format_args!(
        "moved {} rows in {} tables to {}; counts and digests of both sides agree",
        moved.rows,
        moved.tables,
        rows::name(&to)
    ))
}

fn place(text: &str, folder: &Folder) -> Outcome<Place> {
    match text {
        "" => Err(Failure::new("a place is `sqlite:`, `sqlite:FILE` or postgres://user:password@host/database")),
        "sqlite:" => rows::place(None, folder),
        other => rows::place(Some(other), folder),
    }
}
