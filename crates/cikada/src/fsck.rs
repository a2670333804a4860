//! `cikada fsck`: checks what must always hold in a data folder.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use blob::{BlobStore, Bounds, Condition, Digest};
use domain::check::{self, Violation};
use serde_json::json;
use store::Store;
use store::journal::{self, Records};
use store::table::content;

use crate::failure::{Doing as _, Failure, Outcome};
use crate::folder::Folder;
use crate::output::line;

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
    /// The file of the master key, if it is kept outside the folder
    #[arg(long, value_name = "FILE", env = "CIKADA_MASTER_KEY_FILE")]
    pub master_key: Option<PathBuf>,
    /// The revocation journal, if the server keeps it outside the folder
    #[arg(long, value_name = "FILE")]
    pub revocations: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: Args) -> Outcome {
    let folder = Folder::new(&args.data, args.master_key.as_deref());
    if !folder.holds_a_server() {
        return Err(Failure::new(format!("{} holds no server", args.data.display())));
    }
    folder.settle_master_key()?;
    let master = folder.master_key()?;
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let journal = folder.revocations(args.revocations.as_deref());
    let inspected = Store::inspect(&folder.database(), &master, |tx| {
        let mut violations = check::check(tx, wall)?;
        // After the rows: what ended since then is in the journal and not in this snapshot.
        let records = if journal.exists() { journal::read(&journal, tx.keyring())? } else { Records::default() };
        violations.extend(check::check_revocations(tx, &records)?);
        Ok((violations, content::blobs(tx)?))
    });
    let (mut violations, named) = inspected.doing("check the database")?;
    violations.extend(check_blobs(&folder, &named)?);
    report(&args, &violations, named.len())
}

/// Every blob that a row names is there, whole and unchanged (promise I5).
fn check_blobs(folder: &Folder, named: &[([u8; 32], u64)]) -> Outcome<Vec<Violation>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start")?;
    let blobs = BlobStore::look_at_disk(&folder.blobs(), Bounds::default());
    let mut rows = Vec::new();
    for (sha_256, length) in named {
        let digest = Digest::from_bytes(*sha_256);
        let condition = runtime.block_on(blobs.verify(digest, *length)).doing("read a blob")?;
        if condition != Condition::Whole {
            rows.push(format!("{digest}: {condition:?}"));
        }
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Violation { promise: "I5", what: "a blob that is not what its row names".to_owned(), rows }])
}

fn report(args: &Args, violations: &[Violation], blobs: usize) -> Outcome {
    if args.json {
        let listed: Vec<_> =
            violations.iter().map(|one| json!({"promise": one.promise, "what": one.what, "rows": one.rows})).collect();
        line(json!({"clean": violations.is_empty(), "violations": listed, "blobs": blobs}))?;
    } else {
        for one in violations {
            line(format_args!("{}  {}: {}", one.promise, one.what, one.rows.join(", ")))?;
        }
    }
    match violations.len() {
        0 => {
            if !args.json {
                line(format_args!(
                    "clean: database, keys, windows, logs, ranges and {blobs} blobs are as they must be"
                ))?;
            }
            Ok(())
        }
        count => Err(Failure::new(format!("{count} promises are broken in {}", args.data.display()))),
    }
}
