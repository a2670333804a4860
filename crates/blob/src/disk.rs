//! The folder of blobs: `<digest>`, `<digest>.sum` beside it, and `unfinished/` for what has no name yet.
//!
//! A blob gets its name after its bytes and sums are on the disk, and the sums get theirs first: wherever a crash
//! falls, a digest that can be opened is whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use model::{Error, Result};
use rustix::fs::OFlags;
use tempfile::NamedTempFile;
use tokio::sync::watch;

use crate::fault::{alarm, fault};
use crate::sums;
use crate::{Digest, PIECE_BYTES};

pub(crate) struct Disk {
    folder: PathBuf,
    unfinished: PathBuf,
    /// True once the disk has failed to keep what it was told to keep: nothing it says afterwards is trusted.
    failed: watch::Sender<bool>,
}

/// An upload without a name; both files go when it is dropped.
pub(crate) struct Draft {
    data: NamedTempFile,
    sums: BufWriter<NamedTempFile>,
}

/// An upload to which nothing is added any more.
pub(crate) struct Sealed {
    pub(crate) data: NamedTempFile,
    pub(crate) sums: NamedTempFile,
}

/// The open files of a blob: its bytes stay readable when its name is gone.
pub(crate) struct Files {
    pub(crate) data: File,
    pub(crate) sums: File,
}

impl Disk {
    pub(crate) fn open(folder: &Path) -> Result<Disk> {
        let unfinished = folder.join("unfinished");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&unfinished)
            .map_err(|error| fault("making the folder", &unfinished, error))?;
        let disk = Disk::look(folder);
        disk.remove_abandoned().map_err(|error| fault("sweeping", &disk.unfinished, error))?;
        Ok(disk)
    }

    /// The folder as it is, nothing made and nothing removed.
    pub(crate) fn look(folder: &Path) -> Disk {
        let unfinished = folder.join("unfinished");
        Disk { folder: folder.into(), unfinished, failed: watch::Sender::new(false) }
    }

    /// True from the first time on that the disk failed to keep bytes.
    pub(crate) fn failed(&self) -> watch::Receiver<bool> {
        self.failed.subscribe()
    }

    pub(crate) fn draft(&self) -> Result<Draft> {
        if *self.failed.borrow() {
            return Err(Error::Unavailable);
        }
        let make = || {
            let (data, sums) = (self.temporary()?, self.temporary()?);
            sums.as_file().write_all_at(&sums::header(0), 0)?;
            let mut sums = BufWriter::new(sums);
            io::Seek::seek(&mut sums, io::SeekFrom::Start(sums::HEADER_BYTES as u64))?;
            Ok(Draft { data, sums })
        };
        make().map_err(|error| fault("making a file in", &self.unfinished, error))
    }

    /// Gives a whole upload its name, durably. A blob that is there already is replaced by the same bytes, which
    /// heals it should the disk have damaged it.
    pub(crate) fn place(&self, sealed: Sealed, digest: Digest) -> Result<()> {
        self.durable(sealed.data.as_file(), &self.unfinished)?;
        self.durable(sealed.sums.as_file(), &self.unfinished)?;
        self.place_as_it_is(sealed, &digest)?;
        self.durable_folder()
    }

    /// The same without a promise: what is lost in a power cut can be had elsewhere, and what is half there does not
    /// agree with its sums.
    pub(crate) fn place_as_it_is(&self, sealed: Sealed, digest: &Digest) -> Result<()> {
        let Sealed { data, sums } = sealed;
        for (file, name) in [(sums, self.sums_path(digest)), (data, self.path(digest))] {
            file.persist(&name).map_err(|error| fault("naming", &name, error.error))?;
        }
        Ok(())
    }

    /// The files and the length of a blob, or None where it has no name. Where only the sums are missing (a folder
    /// restored from copies of the blobs alone) they are made anew from bytes that agree with the digest.
    pub(crate) fn files(&self, digest: &Digest) -> Result<Option<(Files, u64)>> {
        let Some((data, sums, length)) = self.files_as_they_are(digest)? else { return Ok(None) };
        let sums = match sums {
            Some(sums) => sums,
            None => self.rebuild_sums(digest, &data, length)?,
        };
        let path = self.sums_path(digest);
        if !sums::frame_fits(&sums, length).map_err(|error| fault("reading", &path, error))? {
            return Err(alarm(format_args!("{} does not fit its blob of {length} bytes", path.display())));
        }
        Ok(Some((Files { data, sums }, length)))
    }

    /// The data, the sums where there are any, and the length of the data.
    pub(crate) fn files_as_they_are(&self, digest: &Digest) -> Result<Option<(File, Option<File>, u64)>> {
        let path = self.path(digest);
        let Some(data) = open_or_none(&path)? else { return Ok(None) };
        let length = data.metadata().map_err(|error| fault("looking at", &path, error))?.len();
        Ok(Some((data, open_or_none(&self.sums_path(digest))?, length)))
    }

    /// Every blob and its length, in no order.
    pub(crate) fn list(&self) -> Result<Vec<(Digest, u64)>> {
        let mut blobs = Vec::new();
        self.each_file(|digest, is_blob, metadata| {
            if is_blob {
                blobs.push((digest, metadata.len()));
            }
            Ok(())
        })?;
        Ok(blobs)
    }

    /// Every blob, and every file of sums that has lost its blob, last named that long ago.
    pub(crate) fn older_than(&self, age: Duration) -> Result<Vec<Digest>> {
        let now = SystemTime::now();
        let mut digests = Vec::new();
        self.each_file(|digest, is_blob, metadata| {
            // A time in the future is one of a clock that has since been put right: young.
            let old = metadata.modified().is_ok_and(|then| now.duration_since(then).is_ok_and(|past| past >= age));
            if old && (is_blob || !self.path(&digest).exists()) {
                digests.push(digest);
            }
            Ok(())
        })?;
        Ok(digests)
    }

    /// Takes the name away; gives the bytes that this frees. The data goes first: sums alone are harmless.
    pub(crate) fn remove(&self, digest: &Digest) -> Result<u64> {
        let mut freed = 0;
        for path in [self.path(digest), self.sums_path(digest)] {
            let length = fs::symlink_metadata(&path).map_or(0, |metadata| metadata.len());
            match fs::remove_file(&path) {
                Ok(()) => freed += length,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(fault("removing", &path, error)),
            }
        }
        Ok(freed)
    }

    /// Locked by a sweep that removes (alone) and by backups (together), which may be other processes.
    pub(crate) fn removal_lock(&self) -> io::Result<File> {
        removal_lock(&self.folder)
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    pub(crate) fn sums_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}.sum"))
    }

    /// A new file (O_EXCL, 0600), locked as long as it is open, so that another process that starts on this folder
    /// while we drain leaves it alone.
    fn temporary(&self) -> io::Result<NamedTempFile> {
        let file = NamedTempFile::new_in(&self.unfinished)?;
        file.as_file().lock()?;
        Ok(file)
    }

    /// What a killed process left; a file that is locked belongs to one that lives.
    fn remove_abandoned(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.unfinished)? {
            let path = entry?.path();
            let file = OpenOptions::new().read(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(&path)?;
            if file.try_lock().is_ok() {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn rebuild_sums(&self, digest: &Digest, data: &File, length: u64) -> Result<File> {
        let path = self.path(digest);
        tracing::warn!(blob = %path.display(), "the sums of this blob are missing, making them anew");
        let mut draft = self.draft()?;
        if digest_of(data, |piece| draft.append_sums(piece))? != *digest {
            return Err(alarm(format_args!("{} is damaged: its digest is another", path.display())));
        }
        let sums_path = self.sums_path(digest);
        let sums = draft.sums.into_inner().map_err(|error| fault("writing", &sums_path, error.into_error()))?;
        sums.as_file().write_all_at(&sums::header(length), 0).map_err(|error| fault("writing", &sums_path, error))?;
        self.durable(sums.as_file(), &sums_path)?;
        let file = sums.persist(&sums_path).map_err(|error| fault("naming", &sums_path, error.error))?;
        self.durable_folder()?;
        Ok(file)
    }

    /// A failed fsync is never tried again: the system may have dropped the pages and would report success.
    fn durable(&self, file: &File, path: &Path) -> Result<()> {
        file.sync_all().map_err(|error| {
            let error = fault("making durable", path, error);
            if error != Error::Unavailable {
                self.failed.send_replace(true);
            }
            Error::Unavailable
        })
    }

    fn durable_folder(&self) -> Result<()> {
        let folder = File::open(&self.folder).map_err(|error| fault("opening", &self.folder, error))?;
        self.durable(&folder, &self.folder)
    }

    fn each_file(&self, mut see: impl FnMut(Digest, bool, fs::Metadata) -> Result<()>) -> Result<()> {
        let wrong = |error| fault("listing", &self.folder, error);
        for entry in fs::read_dir(&self.folder).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let (stem, is_blob) = name.strip_suffix(".sum").map_or((name, true), |stem| (stem, false));
            let Ok(digest) = stem.parse() else { continue };
            match entry.metadata() {
                Ok(metadata) => see(digest, is_blob, metadata)?,
                // Removed since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(wrong(error)),
            }
        }
        Ok(())
    }
}

impl Draft {
    /// Appends a piece; every one but the last is whole, so that chunks never straddle two.
    pub(crate) fn append(&mut self, piece: &[u8]) -> Result<()> {
        self.data.as_file_mut().write_all(piece).map_err(|error| fault("writing", self.data.path(), error))?;
        self.append_sums(piece)
    }

    /// Writes what says how much it all is.
    pub(crate) fn seal(self, length: u64) -> Result<Sealed> {
        let Draft { data, sums } = self;
        let folder = data.path().parent().unwrap_or(Path::new("")).to_path_buf();
        let sums = sums
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|sums| sums.as_file().write_all_at(&sums::header(length), 0).map(|()| sums))
            .map_err(|error| fault("writing in", &folder, error))?;
        Ok(Sealed { data, sums })
    }

    fn append_sums(&mut self, piece: &[u8]) -> Result<()> {
        let path = self.sums.get_ref().path().to_path_buf();
        self.sums.write_all(&sums::sums_of(piece)).map_err(|error| fault("writing", &path, error))
    }
}

pub(crate) fn removal_lock(folder: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(folder.join("removal.lock"))
}

/// Reads a whole file once, piece by piece, and gives its digest.
pub(crate) fn digest_of(data: &File, mut see: impl FnMut(&[u8]) -> Result<()>) -> Result<Digest> {
    use sha2::Digest as _;
    let (mut hash, mut buffer, mut at) = (sha2::Sha256::new(), vec![0; PIECE_BYTES], 0);
    loop {
        let mut filled = 0;
        while filled < buffer.len() {
            match data.read_at(&mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(alarm(format_args!("reading a blob: {error}"))),
            }
        }
        if filled == 0 {
            return Ok(Digest::from_bytes(hash.finalize().into()));
        }
        hash.update(&buffer[..filled]);
        see(&buffer[..filled])?;
        at += filled as u64;
    }
}

/// Opens a blob's file without following a link; the file's name comes from a digest, never from a request.
fn open_or_none(path: &Path) -> Result<Option<File>> {
    match OpenOptions::new().read(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault("opening", path, error)),
    }
}
