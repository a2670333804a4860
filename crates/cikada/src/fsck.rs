//! `cikada fsck`: checks what must always hold in a data folder.

use std::fmt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use blob::{BlobStore, Bounds, Condition, Digest};
use domain::check::{self, Finding, Report};
use serde_json::json;
use store::journal::{self, Records};
use store::table::content;
use store::{MasterKey, Place, Store};

use crate::config::Config;
use crate::failure::{Doing as _, Failure, Outcome};
use crate::folder::Folder;
use crate::output::{line, visible};
use crate::rows;

const BLOB_WRONG: Finding = Finding { promise: "I5", broken: "a blob that is not what its row names" };

/// Check a data folder: keys, windows, blobs, ranges, logs
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada fsck --data /var/lib/cikada
  cikada fsck --data /mnt/restored-backup --json
  cikada fsck --data /var/lib/cikada --blob s3://firmware/prod

Exits 0 only when everything that must hold does. The promises I1 to I12 are told in docs/TRUST.md.")]
pub struct Args {
    /// The data folder, of a stopped, running, crashed or restored server
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where the rows are, if they are not in the folder: postgres://user:password@host/database
    #[arg(long, value_name = "URL", env = "CIKADA_STORE_URL", hide_env_values = true)]
    pub store: Option<String>,
    /// The file of the master key, if it is kept outside the folder
    #[arg(long, value_name = "FILE", env = "CIKADA_MASTER_KEY_FILE")]
    pub master_key: Option<PathBuf>,
    /// The revocation journal, if the server keeps it outside the folder
    #[arg(long, value_name = "FILE")]
    pub revocations: Option<PathBuf>,
    /// The configuration file, where content is not in the data folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where content is kept: file:/some/folder or s3://bucket/prefix
    #[arg(long, value_name = "URL", env = "CIKADA_BLOB_URL")]
    pub blob: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// A blob that a row names: its SHA-256 and its length.
type Named = ([u8; 32], u64);

pub fn run(args: Args) -> Outcome {
    let folder = Folder::new(&args.data, args.master_key.as_deref());
    let place = rows::place(args.store.as_deref(), &folder)?;
    if !rows::hold_a_server(&place)? {
        return Err(Failure::new(format!("{} holds no server", rows::name(&place))));
    }
    folder.settle_master_key()?;
    let master = folder.master_key()?;
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let journal = folder.revocations(args.revocations.as_deref());
    let inspected = Store::inspect(&place, &master, |tx| {
        let mut report = check::check(tx, wall)?;
        // After the rows: what ended since then is in the journal and not in this snapshot.
        let records = if journal.exists() { journal::read(&journal, tx.keyring())? } else { Records::default() };
        check::check_revocations(tx, &records, &mut report)?;
        Ok((report, content::blobs(tx)?))
    });
    let (mut report, named) = inspected.doing("check the database")?;
    report.add(BLOB_WRONG, check_blobs(&args, &folder, &place, &master, &named)?);
    tell(&args, &report, named.len())
}

/// Every blob that a row names is there, whole and unchanged (promise I5).
fn check_blobs(
    args: &Args,
    folder: &Folder,
    place: &Place,
    master: &MasterKey,
    named: &[Named],
) -> Outcome<Vec<String>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start")?;
    let mut config = args.config.as_deref().map_or_else(|| Ok(Config::default()), Config::load)?.blob;
    if let Some(url) = &args.blob {
        config.url.clone_from(url);
    }
    let location = config.location(folder.blobs()).map_err(Failure::new)?;
    let blobs = BlobStore::look_at(&location, &config.access(folder.kept_blobs()), Bounds::default());
    let blobs = blobs.doing("open the content")?;
    let mut wrong = Vec::new();
    for (sha_256, length) in named {
        let digest = Digest::from_bytes(*sha_256);
        let condition = runtime.block_on(blobs.verify(digest, *length)).doing("read a blob")?;
        if condition != Condition::Whole {
            wrong.push((*sha_256, format!("{digest}: {condition:?}")));
        }
    }
    if wrong.is_empty() {
        return Ok(Vec::new());
    }
    // A server that runs may have replaced a blob and removed the old one since the rows were read.
    let still = Store::inspect(place, master, content::blobs).doing("check the database")?;
    wrong.retain(|(sha_256, _)| still.iter().any(|(named, _)| named == sha_256));
    Ok(wrong.into_iter().map(|(_, row)| row).collect())
}

fn tell(args: &Args, report: &Report, blobs: usize) -> Outcome {
    let looked_at = LookedAt { report, blobs };
    if args.json {
        let violations: Vec<_> = report
            .violations
            .iter()
            .map(|one| json!({"promise": one.finding.promise, "what": one.finding.broken, "rows": one.rows}))
            .collect();
        let looked_for: Vec<_> = check::findings()
            .iter()
            .chain([&BLOB_WRONG])
            .map(|one| json!({"promise": one.promise, "what": one.broken}))
            .collect();
        line(json!({
            "clean": violations.is_empty(),
            "violations": violations,
            "looked_at": looked_at.facts(),
            "looked_for": looked_for,
        }))?;
    } else {
        for one in &report.violations {
            line(format_args!("{:<4} {}: {}", one.finding.promise, one.finding.broken, visible(&one.rows.join(", "))))?;
        }
    }
    match report.violations.len() {
        0 if args.json => Ok(()),
        0 => line(format_args!("clean: {looked_at}, all as they must be")),
        count => Err(Failure::new(format!("{count} promises are broken in {}", args.data.display()))
            .advise("keep a copy of the folder as it is, and restore the newest backup that is clean")),
    }
}

/// How much was checked.
struct LookedAt<'a> {
    report: &'a Report,
    blobs: usize,
}

impl LookedAt<'_> {
    fn facts(&self) -> serde_json::Value {
        let extent = &self.report.extent;
        json!({
            "resources": extent.resources,
            "clients": extent.clients,
            "serial_numbers": extent.serial_numbers,
            "ranges": extent.ranges,
            "events": extent.events,
            "blobs": self.blobs,
        })
    }
}

impl fmt::Display for LookedAt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extent = &self.report.extent;
        write!(
            f,
            "{} clients with their keys, {} other resources, {} serial numbers, {} ranges, {} events and {} blobs",
            extent.clients,
            extent.resources - extent.clients,
            extent.serial_numbers,
            extent.ranges,
            extent.events,
            self.blobs
        )
    }
}
