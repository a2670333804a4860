//! `cikada backup`: a copy of a data folder, beside a server that runs or without one (threat T39).
//!
//! First the rows, as one snapshot, then the blobs that this snapshot names, which no sweep removes meanwhile. The master key is
//! never in it. A backup counts from the moment when its manifest has its name; it gets that last, after everything was
//! read again and held against what must always hold.

mod archive;
mod manifest;
pub mod restore;

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use blob::{BlobStore, Bounds, Came, Condition, Digest};
use domain::check;
use serde_json::json;
use store::table::content;
use store::{Place, Store};

use crate::failure::{Doing as _, Failure, Outcome};
use crate::folder::Folder;
use crate::output::line;
use crate::{progress, rows};
use manifest::{Blob, Database, Manifest};

/// Copy a data folder, whether or not its server runs
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada backup --data /var/lib/cikada --to /backup/cikada          # again: only new content is copied
  cikada backup --data /var/lib/cikada --to /backup/cikada.tar      # one file

The server goes on serving. The copy is read again and checked before it counts. The master key is not in it: keep a copy of that
somewhere else, for without it nobody can open the backup.")]
pub struct Args {
    /// The data folder, of a running or stopped server
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where the backup goes: a folder, or a file that ends in .tar
    #[arg(long, value_name = "DIR|FILE")]
    pub to: PathBuf,
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

/// What was done.
#[derive(Debug, Default)]
struct Tally {
    blobs: u64,
    copied: u64,
    copied_bytes: u64,
    linked: u64,
}

pub fn run(args: Args) -> Outcome {
    rows::require_folder("cikada backup")?;
    let folder = Folder::new(&args.data, args.master_key.as_deref());
    if !folder.holds_a_server() {
        return Err(Failure::new(format!("{} holds no server", args.data.display())));
    }
    folder.settle_master_key()?;
    let master = folder.master_key()?;
    let journal = folder.revocations(args.revocations.as_deref());
    let journal = fs::canonicalize(&journal).unwrap_or(journal);
    let is_archive = is_archive(&args.to);
    let target = if is_archive { archive::workshop(&args.to) } else { args.to.clone() };
    if is_archive && args.to.exists() {
        return Err(Failure::new(format!("{} exists", args.to.display())).advise("name another file, or remove it"));
    }
    if !is_archive && holds_something_else(&target) {
        return Err(Failure::new(format!("{} holds something that is no backup", target.display()))
            .advise("name an empty folder, or one with an earlier backup"));
    }
    let _workshop = is_archive.then(|| archive::Workshop::of(&target));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(target.join("blobs"))
        .doing(format_args!("make {}", target.display()))?;

    // From here on nothing that the snapshot names goes away.
    let blobs_from = folder.blobs();
    let _kept = match blobs_from.is_dir() {
        true => Some(blob::keep(&blobs_from).doing("hold the content")?),
        false => None,
    };
    let before = Manifest::load(&target).ok();
    let made_at = now();
    let database = unused_name(&target, made_at);
    copy_rows(&folder, &database)?;
    let inspected = Store::inspect(&Place::File(database.clone()), &master, |tx| {
        Ok((check::check(tx, made_at)?, content::blobs(tx)?, store::table::revocation::newest(tx)?))
    });
    let (report, named, revocation) = inspected.doing("check the copy of the database")?;
    require_sound(&report.violations)?;
    let tally = copy_blobs(&blobs_from, &target, &named)?;
    verify_blobs(&blobs_from, &target, &named)?;

    let manifest = Manifest {
        format: manifest::FORMAT,
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        made_at,
        database: Database::of(&database)?,
        revocations: journal,
        revocation,
        blobs: named.iter().map(|(sha_256, bytes)| Blob::new(Digest::from_bytes(*sha_256), *bytes)).collect(),
    };
    sync(&target.join("blobs"))?;
    manifest.keep(&target)?;
    match is_archive {
        true => archive::write(&manifest, &target, &args.to)?,
        false => remove_outdated(before, &manifest, &target)?,
    }
    tell(&args, &manifest, &tally)
}

/// A target that ends so is one file.
fn is_archive(target: &Path) -> bool {
    target.extension().is_some_and(|extension| extension == "tar")
}

fn holds_something_else(target: &Path) -> bool {
    let has_files = fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some());
    // What an interrupted first backup left is its own.
    has_files && Manifest::load(target).is_err() && !target.join("blobs").is_dir()
}

/// The name of the copy says when it was made; no copy ever replaces one that a manifest names.
fn unused_name(target: &Path, made_at: i64) -> PathBuf {
    let names = (made_at..).map(|second| target.join(format!("rows-{second}.db")));
    names.into_iter().find(|name| !name.exists()).unwrap_or_else(|| target.join("rows.db"))
}

fn copy_rows(folder: &Folder, into: &Path) -> Outcome {
    let bar = progress::count("rows  ", 0);
    let copied = store::copy(&folder.database(), into, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    copied.doing("copy the database")
}

fn copy_blobs(from: &Path, target: &Path, named: &[([u8; 32], u64)]) -> Outcome<Tally> {
    let mut tally = Tally { blobs: named.len() as u64, ..Tally::default() };
    let bar = progress::bytes("content", named.iter().map(|(_, length)| length).sum());
    for (sha_256, length) in named {
        let digest = Digest::from_bytes(*sha_256);
        let came = blob::bring(from, &target.join("blobs"), digest, *length);
        match came.doing(format_args!("copy the content {digest}"))? {
            Came::Before => {}
            Came::Linked => tally.linked += 1,
            Came::Copied => {
                tally.copied += 1;
                tally.copied_bytes += length;
            }
        }
        bar.inc(*length);
    }
    bar.finish_and_clear();
    Ok(tally)
}

/// Reads every blob of the backup. One that an earlier backup brought and that has been damaged since is brought again, once.
fn verify_blobs(from: &Path, target: &Path, named: &[([u8; 32], u64)]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start")?;
    let folder = target.join("blobs");
    let blobs = BlobStore::look_at_disk(&folder, Bounds::default());
    let bar = progress::bytes("checking", named.iter().map(|(_, length)| length).sum());
    for (sha_256, length) in named {
        let digest = Digest::from_bytes(*sha_256);
        let verify = || runtime.block_on(blobs.verify(digest, *length)).doing("read the backup again");
        if verify()? != Condition::Whole {
            blob::remove(&folder, digest).doing(format_args!("replace the content {digest}"))?;
            blob::bring(from, &folder, digest, *length).doing(format_args!("copy the content {digest}"))?;
            let condition = verify()?;
            if condition != Condition::Whole {
                return Err(Failure::new(format!("the content {digest} is not what its row says: {condition:?}"))
                    .advise("run `cikada fsck` on the data folder"));
            }
        }
        bar.inc(*length);
    }
    bar.finish_and_clear();
    Ok(())
}

fn require_sound(violations: &[check::Violation]) -> Outcome {
    match violations {
        [] => Ok(()),
        [first, ..] => {
            Err(Failure::new(format!("the database breaks {}: {}", first.finding.promise, first.finding.broken))
                .advise("run `cikada fsck` on the data folder; nothing was replaced"))
        }
    }
}

/// What only the backup before needed. It goes after the new manifest has its name.
fn remove_outdated(before: Option<Manifest>, manifest: &Manifest, target: &Path) -> Outcome {
    let Some(before) = before else { return Ok(()) };
    let kept: std::collections::HashSet<Digest> = manifest.blobs.iter().map(|blob| blob.sha_256).collect();
    for outdated in before.blobs.iter().filter(|blob| !kept.contains(&blob.sha_256)) {
        blob::remove(&target.join("blobs"), outdated.sha_256).doing("remove outdated content")?;
    }
    if before.database.file != manifest.database.file {
        let _ = fs::remove_file(target.join(&before.database.file));
    }
    Ok(())
}

fn tell(args: &Args, manifest: &Manifest, tally: &Tally) -> Outcome {
    if args.json {
        return line(json!({
            "to": args.to, "made_at": manifest.made_at, "database_bytes": manifest.database.bytes,
            "blobs": tally.blobs, "copied": tally.copied, "copied_bytes": tally.copied_bytes, "linked": tally.linked,
        }));
    }
    let Tally { blobs, copied, linked, .. } = tally;
    line(format_args!(
        "backed up to {}: {} bytes of rows, {blobs} contents ({} new), all checked. The master key is not in it.",
        args.to.display(),
        manifest.database.bytes,
        copied + linked
    ))
}

fn sync(folder: &Path) -> Outcome {
    File::open(folder).and_then(|folder| folder.sync_all()).doing(format_args!("make {} durable", folder.display()))
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
