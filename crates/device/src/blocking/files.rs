//! Files as non-volatile memory. A file is replaced by renaming, and both it and its folder reach the disk before that
//! counts as stored.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::board::{Fault, ImageMemory, Memory};
use crate::dialogue::Record;

/// The records of a device in a folder: `key.0`, `key.1`, `progress.0` and so on. The key is readable by its owner only.
#[derive(Clone, Debug)]
pub struct FileMemory {
    folder: PathBuf,
}

impl FileMemory {
    /// In this folder, which is made if it isn't there.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<FileMemory> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        Ok(FileMemory { folder })
    }

    fn path(&self, record: Record, slot: u8) -> PathBuf {
        let name = match record {
            Record::Key => "key",
            Record::Progress => "progress",
            Record::Boot => "boot",
        };
        self.folder.join(format!("{name}.{slot}"))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = path.with_extension("new");
        let mut file = create_private(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder(&self.folder)
    }
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

/// Renaming is durable once the folder is. Elsewhere than on Unix a folder can't be opened, and need not be.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

impl Memory for FileMemory {
    fn load(&mut self, record: Record, slot: u8, into: &mut [u8]) -> Result<usize, Fault> {
        let mut file = match File::open(self.path(record, slot)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(_) => return Err(Fault),
        };
        fill(&mut file, into).map_err(|_| Fault)
    }

    fn store(&mut self, record: Record, slot: u8, bytes: &[u8]) -> Result<(), Fault> {
        self.replace(&self.path(record, slot), bytes).map_err(|_| Fault)
    }
}

/// An image in a file.
#[derive(Debug)]
pub struct FileImage {
    file: File,
}

impl FileImage {
    /// In this file, which is made if it isn't there. What is in it stays: a download may go on in it.
    pub fn open(path: impl AsRef<Path>) -> io::Result<FileImage> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(FileImage { file })
    }

    /// Cuts off what an older, longer image has left behind the end.
    pub fn finish(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }
}

impl ImageMemory for FileImage {
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Fault> {
        self.file.seek(SeekFrom::Start(offset)).map_err(|_| Fault)?;
        fill(&mut self.file, into).map_err(|_| Fault)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        let mut write = || {
            self.file.seek(SeekFrom::Start(offset))?;
            self.file.write_all(bytes)?;
            self.file.sync_data()
        };
        write().map_err(|_: io::Error| Fault)
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, into: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < into.len() {
        match file.read(&mut into[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_replaced_as_a_whole_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = FileMemory::open(folder.path().join("nvm")).unwrap();
        let mut bytes = [0; 16];
        assert_eq!(memory.load(Record::Key, 0, &mut bytes), Ok(0));
        memory.store(Record::Key, 0, b"a longer record").unwrap();
        memory.store(Record::Key, 0, b"shorter").unwrap();
        memory.store(Record::Key, 1, b"other").unwrap();
        assert_eq!(memory.load(Record::Key, 0, &mut bytes), Ok(7));
        assert_eq!(&bytes[..7], b"shorter");
        assert_eq!(memory.load(Record::Progress, 0, &mut bytes), Ok(0));
        assert_eq!(fs::read_dir(&memory.folder).unwrap().count(), 2, "nothing is left lying about");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(memory.path(Record::Key, 0)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn memory_that_is_gone_is_a_fault_and_not_an_empty_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = FileMemory::open(folder.path().join("nvm")).unwrap();
        fs::create_dir(memory.path(Record::Key, 0)).unwrap();
        assert_eq!(memory.load(Record::Key, 0, &mut [0; 16]), Err(Fault));
        fs::remove_dir_all(&memory.folder).unwrap();
        assert_eq!(memory.store(Record::Key, 0, b"x"), Err(Fault));
    }

    #[test]
    fn an_image_keeps_what_is_in_it_until_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slot");
        fs::write(&path, "old and long").unwrap();
        let mut image = FileImage::open(&path).unwrap();
        image.write(0, b"new").unwrap();
        let mut bytes = [0; 5];
        assert_eq!(image.read(0, &mut bytes), Ok(5));
        assert_eq!(&bytes, b"new a");
        assert_eq!(image.read(100, &mut bytes), Ok(0));
        image.finish(3).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
