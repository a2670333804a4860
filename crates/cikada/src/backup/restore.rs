//! `cikada restore`: a data folder from a backup. What ended after the backup was made is ended again before anybody is
//! served from it (threat T39): the revocation journal says what that is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use blob::Digest;
use domain::check;
use domain::revocation::{self, Replayed};
use sha2::Digest as _;
use store::{Clock, MasterKey, Options, Place, Store};

use super::archive::{self, Entry};
use super::manifest::{Manifest, digest_of};
use super::{is_archive, now, require_sound, sync, verify_blobs};
use crate::failure::{Doing as _, Failure, Outcome};
use crate::folder::Folder;
use crate::output::line;

/// Make a data folder from a backup
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada restore --from /backup/cikada --data /var/lib/cikada --master-key /etc/cikada/master.key
  cikada restore --from /backup/cikada.tar --data ./data --revocations /var/lib/cikada.old/revocations.log

Keys, tokens and shares that ended after the backup are ended again, from the server's revocation journal. It is looked for where
the server kept it; name it if it has been moved. Devices that were enabled or activated after the backup have to be enabled again.")]
pub struct Args {
    /// The backup: a folder, or a file that ends in .tar
    #[arg(long, value_name = "DIR|FILE")]
    pub from: PathBuf,
    /// The folder to make; one that holds a server is refused
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The file of the master key that the server had when the backup was made; without it, master.key in the folder
    #[arg(long, value_name = "FILE", env = "CIKADA_MASTER_KEY_FILE")]
    pub master_key: Option<PathBuf>,
    /// The server's revocation journal
    #[arg(long, value_name = "FILE", conflicts_with = "without_revocations")]
    pub revocations: Option<PathBuf>,
    /// Restore without a journal: what ended after the backup lives again
    #[arg(long)]
    pub without_revocations: bool,
}

pub fn run(args: Args) -> Outcome {
    let folder = Folder::new(&args.data, args.master_key.as_deref());
    if folder.holds_a_server() {
        return Err(Failure::new(format!("{} holds a server", args.data.display()))
            .advise("move that folder away first; nothing was changed"));
    }
    let master = folder.master_key().map_err(|failure| {
        failure.advise("a backup has no master key in it: name the file with --master-key, or put it into the folder")
    })?;
    folder.make()?;
    let _lock = folder.lock()?;
    folder.remove_unfinished()?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder.blobs()).doing("make the folder of the content")?;
    let manifest = if is_archive(&args.from) { unpack(&args.from, &folder)? } else { copy(&args.from, &folder)? };
    let database = folder.unfinished_database();
    // Before anything else is done with it: another master key opens nothing.
    let opened = Store::inspect(&Place::File(database.clone()), &master, |_| Ok(()));
    opened.doing("open the restored database with this master key")?;
    let journal = match args.without_revocations {
        true => None,
        false => Some(find_journal(&args, &folder, &manifest)?),
    };
    if let Some(journal) = &journal {
        take_over(journal, &folder)?;
    }
    let replayed = replay(&folder, &master, journal.is_some())?;
    let named: Vec<([u8; 32], u64)> =
        manifest.blobs.iter().map(|blob| (*blob.sha_256.as_bytes(), blob.bytes)).collect();
    let report = Store::inspect(&Place::File(database.clone()), &master, |tx| check::check(tx, now()))
        .doing("check the database")?;
    require_sound(&report.violations)?;
    let source = if is_archive(&args.from) { folder.blobs() } else { args.from.join("blobs") };
    verify_blobs(&source, folder.root(), &named)?;
    sync(&folder.blobs())?;
    fs::rename(&database, folder.database()).doing("name the database")?;
    folder.sync()?;
    tell(&args, &manifest, replayed, journal.is_some())
}

/// Takes a backup out of a folder.
fn copy(from: &Path, folder: &Folder) -> Outcome<Manifest> {
    let manifest = Manifest::load(from)?;
    let rows = File::open(from.join(&manifest.database.file)).doing("read the backup's rows")?;
    if keep_rows(rows, folder)? != (manifest.database.sha_256, manifest.database.bytes) {
        return Err(Failure::new("the rows in the backup are damaged: their digest is not the manifest's"));
    }
    for blob in &manifest.blobs {
        let brought = blob::bring(&from.join("blobs"), &folder.blobs(), blob.sha_256, blob.bytes);
        brought.doing(format_args!("copy the content {}", blob.sha_256))?;
    }
    Ok(manifest)
}

/// Takes a backup out of an archive.
fn unpack(from: &Path, folder: &Folder) -> Outcome<Manifest> {
    archive::read(
        from,
        |_| Ok(()),
        |entry, _, content| match entry {
            Entry::Rows => keep_rows(content, folder),
            Entry::Content(digest) => keep_content(content, folder, digest),
        },
    )
}

fn keep_rows(rows: impl Read, folder: &Folder) -> Outcome<(Digest, u64)> {
    keep(rows, &folder.unfinished_database()).doing("write the rows")
}

fn keep_content(content: impl Read, folder: &Folder, digest: Digest) -> Outcome<(Digest, u64)> {
    let path = blob::file(&folder.blobs(), digest);
    if let Ok(there) = File::open(&path) {
        // What an interrupted restore brought; the archive is read on all the same.
        let there = digest_of(there).doing("read content")?;
        if there.0 == digest {
            return digest_of(content).doing("read the archive");
        }
        fs::remove_file(&path).doing("replace content")?;
    }
    keep(content, &path).doing("write content")
}

/// Writes a new file (0600) and makes it durable; says what was written.
fn keep(mut from: impl Read, path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    let (mut hash, mut buffer, mut length) = (sha2::Sha256::new(), vec![0; 256 << 10], 0);
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count])?;
        length += count as u64;
    }
    file.sync_all()?;
    Ok((Digest::from_bytes(hash.finalize().into()), length))
}

/// The server's journal: as named, in the new folder, or where the server had it when the backup was made.
fn find_journal(args: &Args, folder: &Folder, manifest: &Manifest) -> Outcome<PathBuf> {
    if let Some(named) = &args.revocations {
        return match named.is_file() {
            true => Ok(named.clone()),
            false => Err(Failure::new(format!("{} is no revocation journal", named.display()))),
        };
    }
    let places = [folder.revocations(None), manifest.revocations.clone()];
    places.into_iter().find(|place| place.is_file()).ok_or_else(|| {
        Failure::new(format!(
            "the revocation journal is not at {}: keys that ended after the backup would live again",
            manifest.revocations.display()
        ))
        .advise("name it with --revocations FILE, or say --without-revocations if it is lost")
    })
}

/// The new folder goes on with a copy of the journal of the old one.
fn take_over(journal: &Path, folder: &Folder) -> Outcome {
    let own = folder.revocations(None);
    let is_same = fs::canonicalize(journal).ok() == fs::canonicalize(&own).ok();
    if is_same {
        return Ok(());
    }
    if own.exists() {
        return Err(Failure::new(format!("{} is there already", own.display())).advise("move it away"));
    }
    let copied = || {
        let (digest, length) = keep(File::open(journal)?, &own)?;
        Ok::<_, io::Error>((digest, length))
    };
    copied().doing("copy the revocation journal").map(|_| ())
}

/// Ends what the journal says has ended.
fn replay(folder: &Folder, master: &MasterKey, has_journal: bool) -> Outcome<Replayed> {
    let journal = has_journal.then(|| folder.revocations(None));
    let options = Options { readers: 1, journal, ..Options::new(folder.unfinished_database()) };
    let store = Store::open(options, master, Clock::system(), |_| std::process::abort()).doing("open the database")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().doing("start")?;
    let replayed = runtime.block_on(catch_up(&store))?;
    runtime.block_on(store.write(revocation::end_visits)).doing("end the sessions of the portal")?;
    store.close();
    for suffix in ["-wal", "-shm"] {
        let mut path = folder.unfinished_database().into_os_string();
        path.push(suffix);
        // The log is folded: the file gets its name alone.
        match fs::metadata(&path).map(|left| left.len()) {
            Ok(0) | Err(_) => {}
            Ok(_) if suffix == "-shm" => {}
            Ok(left) => return Err(Failure::new(format!("{left} bytes of the log were not folded in"))),
        }
        let _ = fs::remove_file(&path);
    }
    Ok(replayed)
}

/// Ends in a database that is older than its journal what the journal says has ended.
pub async fn catch_up(store: &Store) -> Outcome<Replayed> {
    let Some(records) = store.unreplayed().doing("read the revocation journal")? else {
        return Ok(Replayed::default());
    };
    let replayed = store.write(move |tx| revocation::replay(tx, &records)).await;
    replayed.doing("end again what has ended since the backup")
}

fn tell(args: &Args, manifest: &Manifest, replayed: Replayed, has_journal: bool) -> Outcome {
    let Replayed { keys, tokens, shares } = replayed;
    line(format_args!(
        "restored {} contents and the rows of {} into {}",
        manifest.blobs.len(),
        manifest.made_at,
        args.data.display()
    ))?;
    match has_journal {
        true => line(format_args!(
            "ended again, because they ended after the backup: {keys} keys, {tokens} tokens, {shares} shares"
        )),
        false => line("without a revocation journal: what ended after the backup lives again, until somebody ends it"),
    }
}
