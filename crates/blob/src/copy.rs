//! Blobs on their way into a backup and out of one: whole files, from folder to folder, beside a server that runs.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::Digest;
use crate::disk::removal_lock;

/// As long as it lives, no sweep of any process removes a blob of the folder.
pub struct Kept {
    _lock: File,
}

/// How a blob came to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It was there.
    Before,
    /// The same file under another name: nothing was copied.
    Linked,
    /// Its bytes were copied.
    Copied,
}

/// Keeps every blob of a folder from being removed; waits for a sweep that runs.
pub fn keep(folder: &Path) -> io::Result<Kept> {
    let lock = removal_lock(folder)?;
    lock.lock_shared()?;
    Ok(Kept { _lock: lock })
}

/// The file of a blob in a folder of blobs.
pub fn file(folder: &Path, digest: Digest) -> PathBuf {
    folder.join(digest.to_string())
}

/// Brings a blob of that length into another folder, by a link where both are on one file system. It has its name only when it
/// is whole; the caller syncs the folder when all are there. Not found: the blob is not where it should be.
pub fn bring(from: &Path, to: &Path, digest: Digest, length: u64) -> io::Result<Came> {
    let target = file(to, digest);
    if fs::metadata(&target).is_ok_and(|there| there.len() == length) {
        return Ok(Came::Before);
    }
    let source = file(from, digest);
    let unfinished = to.join(format!("{digest}.new"));
    remove_if_there(&unfinished)?;
    let came = match fs::hard_link(&source, &unfinished) {
        Ok(()) => Came::Linked,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
        Err(_) => {
            let mut copy = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&unfinished)?;
            io::copy(&mut File::open(&source)?, &mut copy)?;
            copy.sync_all()?;
            Came::Copied
        }
    };
    fs::rename(&unfinished, &target)?;
    Ok(came)
}

/// Takes a blob out of a folder of copies.
pub fn remove(folder: &Path, digest: Digest) -> io::Result<()> {
    remove_if_there(&file(folder, digest))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
