//! A backup as one file: a plain tar archive, so that `tar -tf` shows what is in it. The manifest comes first, then the rows,
//! then the content by digest.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use blob::Digest;

use super::manifest::{self, Manifest, digest_of};
use crate::failure::{Doing as _, Failure, Outcome};
use crate::progress;

/// Beside the archive: where the rows are copied before they go into it.
pub fn workshop(archive: &Path) -> PathBuf {
    let mut path = archive.as_os_str().to_owned();
    path.push(".unfinished");
    PathBuf::from(path)
}

/// Removed again when the backup has ended, well or not.
pub struct Workshop {
    folder: PathBuf,
}

impl Workshop {
    pub fn of(folder: &Path) -> Workshop {
        // What an interrupted backup left.
        let _ = fs::remove_dir_all(folder);
        Workshop { folder: folder.to_path_buf() }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Packs a finished folder. The archive gets its name when it has been read again.
pub fn write(manifest: &Manifest, folder: &Path, archive: &Path) -> Outcome {
    let unfinished = folder.join("archive");
    let packed = || -> io::Result<()> {
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&unfinished)?;
        let mut tar = tar::Builder::new(BufWriter::with_capacity(1 << 20, file));
        let bytes = manifest.bytes();
        append(&mut tar, manifest::NAME, manifest.made_at, bytes.len() as u64, &bytes[..])?;
        let rows = File::open(folder.join(&manifest.database.file))?;
        append(&mut tar, &manifest.database.file, manifest.made_at, manifest.database.bytes, rows)?;
        let bar = progress::bytes("packing", manifest.blobs.iter().map(|blob| blob.bytes).sum());
        for blob in &manifest.blobs {
            let name = format!("blobs/{}", blob.sha_256);
            let content = File::open(blob::file(&folder.join("blobs"), blob.sha_256))?;
            append(&mut tar, &name, manifest.made_at, blob.bytes, content)?;
            bar.inc(blob.bytes);
        }
        bar.finish_and_clear();
        let file = tar.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    };
    packed().doing("pack the backup")?;
    read(&unfinished, |_| Ok(()), |_, _, content| digest_of(content).doing("read the archive again"))?;
    let name = || {
        fs::rename(&unfinished, archive)?;
        let beside = archive.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(beside)?.sync_all()
    };
    name().doing(format_args!("name {}", archive.display()))
}

/// What an entry of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Rows,
    Content(Digest),
}

/// Reads an archive from its beginning to its end. `take` gets every entry with its length and says the digest and the length
/// of what it took, which must be those of the manifest; all that the manifest names must be there.
pub fn read(
    archive: &Path,
    begin: impl FnOnce(&Manifest) -> Outcome,
    mut take: impl FnMut(Entry, u64, &mut dyn Read) -> Outcome<(Digest, u64)>,
) -> Outcome<Manifest> {
    let file = File::open(archive).map_err(|error| Failure::file("read", archive, &error))?;
    let mut tar = tar::Archive::new(io::BufReader::with_capacity(1 << 20, file));
    let mut entries = tar.entries().doing("read the archive")?;
    let first = entries.next().ok_or_else(|| Failure::new("the archive is empty"))?.doing("read the archive")?;
    if first.path().doing("read the archive")?.as_os_str() != manifest::NAME {
        return Err(Failure::new(format!("{} is no backup", archive.display())));
    }
    let manifest = Manifest::read(first)?;
    begin(&manifest)?;
    let expected = std::iter::once((
        manifest.database.file.clone(),
        Entry::Rows,
        manifest.database.sha_256,
        manifest.database.bytes,
    ))
    .chain(
        manifest
            .blobs
            .iter()
            .map(|blob| (format!("blobs/{}", blob.sha_256), Entry::Content(blob.sha_256), blob.sha_256, blob.bytes)),
    );
    for (name, what, sha_256, length) in expected {
        let mut entry = entries
            .next()
            .ok_or_else(|| Failure::new(format!("the archive ends before {name}")))?
            .doing("read the archive")?;
        if entry.path().doing("read the archive")?.as_os_str() != name.as_str() {
            return Err(Failure::new(format!("{name} is not where the archive should have it")));
        }
        if take(what, length, &mut entry)? != (sha_256, length) {
            return Err(Failure::new(format!("{name} in the archive is damaged")));
        }
    }
    Ok(manifest)
}

fn append(tar: &mut tar::Builder<impl Write>, name: &str, at: i64, length: u64, bytes: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(length);
    header.set_mode(0o600);
    header.set_mtime(at.max(0) as u64);
    header.set_entry_type(tar::EntryType::Regular);
    tar.append_data(&mut header, name, bytes)
}
