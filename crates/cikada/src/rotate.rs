//! `cikada rotate-master-key`: another master key, and another key for all that is sealed, beside a server that runs or without
//! one (threat T09).
//!
//! The order makes every interruption harmless: the new key file under another name, the rows in one transaction, the name.
//! Whoever opens the folder next finishes what was begun ([`Folder::settle_master_key`]).

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use domain::rotation::{self, Progress};
use store::{Clock, Options, Store};

use crate::failure::{Doing as _, Failure, Outcome};
use crate::folder::Folder;
use crate::output::line;
use crate::rows;

/// How often a running server is asked whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often emptying the log is tried while somebody reads.
const TRIES: usize = 60;

/// Replace the master key and seal every stored key anew
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada rotate-master-key --data /var/lib/cikada
  cikada rotate-master-key --data /var/lib/cikada --master-key /etc/cikada/master.key

The server may run; it takes the new key up by itself. No device notices. Afterwards the old master key opens nothing of this
folder. Backups made before still need it: keep it with them, or make a new backup and remove them.")]
pub struct Args {
    /// The data folder, of a running or stopped server
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The file of the master key, if it is kept outside the folder; it is replaced
    #[arg(long, value_name = "FILE", env = "CIKADA_MASTER_KEY_FILE")]
    pub master_key: Option<PathBuf>,
}

pub fn run(args: Args) -> Outcome {
    rows::require_folder("cikada rotate-master-key")?;
    let folder = Folder::new(&args.data, args.master_key.as_deref());
    if !folder.holds_a_server() {
        return Err(Failure::new(format!("{} holds no server", args.data.display())));
    }
    // Two at once would take each other's new key file away.
    let _alone = folder.lock_for_rotation()?;
    folder.settle_master_key()?;
    let database = folder.database();
    let is_resealing = || store::rotation::is_resealing(&database).doing("look into the database");
    // What an interrupted rotation left is ended first, by the next lines as well.
    if !is_resealing()? {
        let old = folder.master_key()?;
        let new = folder.prepare_master_key()?;
        store::rotation::turn_over(&database, &old, &new).doing("turn the keys over")?;
        folder.settle_master_key()?;
    }
    while is_resealing()? {
        // Without a server this process does the server's part, also when the server ends meanwhile.
        match folder.lock() {
            Ok(_lock) => seal_anew(&folder)?,
            Err(_) => thread::sleep(LOOK_EVERY),
        }
    }
    let emptied = || store::rotation::empty_log(&database).doing("empty the write-ahead log");
    let mut is_emptied = emptied()?;
    for _ in 0..TRIES {
        if is_emptied {
            break;
        }
        thread::sleep(LOOK_EVERY);
        is_emptied = emptied()?;
    }
    if !is_emptied {
        return Err(Failure::new(
            "the keys are turned over, but the write-ahead log still holds old pages: somebody reads all the time",
        )
        .advise("run it again at a quieter time, or stop the server for a moment"));
    }
    line(
        "the master key is replaced and every stored key is sealed anew; the old master key opens nothing of this folder",
    )
}

fn seal_anew(folder: &Folder) -> Outcome {
    let options = Options { readers: 1, journal: Some(folder.revocations(None)), ..Options::new(folder.database()) };
    let opened = Store::open(options, &folder.master_key()?, Clock::system(), |_| std::process::abort());
    let store = opened.doing("open the database")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().doing("start")?;
    let mut progress = Progress::default();
    while let Some(next) =
        runtime.block_on(store.write(move |tx| rotation::step(tx, progress))).doing("seal the stored keys anew")?
    {
        progress = next;
    }
    store.close();
    Ok(())
}
