//! A file that is being fetched, under another name until it is whole: its bytes, their digest, and the tag of the content
//! that they belong to.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Downloaded, digest};
use crate::failure::{Failure, Outcome};
use crate::output::visible;

/// The file so far: its bytes, their digest, and the tag of the content they belong to.
pub(super) struct Part {
    file: File,
    pub(super) path: PathBuf,
    tag_path: PathBuf,
    pub(super) tag: Option<String>,
    pub(super) length: u64,
    hasher: Sha256,
    pub(super) label: String,
}

impl Part {
    pub(super) fn open(to: &Path) -> Outcome<Part> {
        if to.is_dir() {
            return Err(Failure::new(format!("{} is a folder", to.display())).advise("name the file to write"));
        }
        let path = beside(to, ".part");
        let tag_path = beside(to, ".part.etag");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(|error| Failure::file("write", &path, &error))?;
        let tag = fs::read_to_string(&tag_path).ok().filter(|tag| is_strong_tag(tag));
        let label = visible(&to.file_name().unwrap_or_default().to_string_lossy());
        let mut part = Part { file, path, tag_path, tag, length: 0, hasher: Sha256::new(), label };
        match part.tag {
            Some(_) => part.read_again(u64::MAX)?,
            None => part.cut_at(0)?,
        }
        Ok(part)
    }

    /// Starts over with the content that has this tag.
    pub(super) fn begin(&mut self, tag: Option<String>) -> Outcome {
        self.hasher = Sha256::new();
        self.length = 0;
        // The tag goes first: bytes without a tag are thrown away, bytes with another's tag would be mixed.
        self.forget_tag()?;
        self.cut_at(0)?;
        if let Some(tag) = tag.filter(|tag| is_strong_tag(tag)) {
            fs::write(&self.tag_path, &tag).map_err(|error| Failure::file("write", &self.tag_path, &error))?;
            self.tag = Some(tag);
        }
        Ok(())
    }

    /// Drops the bytes beyond `length`.
    pub(super) fn shorten_to(&mut self, length: u64) -> Outcome {
        self.cut_at(length)?;
        self.read_again(length)
    }

    fn cut_at(&mut self, length: u64) -> Outcome {
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length)));
        cut.map(|_| ()).map_err(|error| Failure::file("write", &self.path, &error))
    }

    /// Reads what is in the file, for its digest, and leaves the file's position behind it.
    fn read_again(&mut self, limit: u64) -> Outcome {
        self.hasher = Sha256::new();
        self.file.rewind().map_err(|error| Failure::file("read", &self.path, &error))?;
        let mut bytes = (&self.file).take(limit);
        self.length = io::copy(&mut bytes, &mut HashWriter(&mut self.hasher))
            .map_err(|error| Failure::file("read", &self.path, &error))?;
        Ok(())
    }

    /// Adds bytes.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Outcome {
        self.file.write_all(bytes).map_err(|error| Failure::file("write", &self.path, &error))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn finish(
        mut self,
        to: &Path,
        resumed_at: u64,
        promised: Option<digest::Sha256>,
    ) -> Outcome<Downloaded> {
        let sha256: digest::Sha256 = self.hasher.finalize_reset().into();
        self.forget_tag()?;
        if promised.is_some_and(|promised| promised != sha256) {
            // Nobody can tell which bytes are wrong, so none are kept.
            let _ = fs::remove_file(&self.path);
            return Err(Failure::new("the bytes that arrived are not the server's: their SHA-256 differs").advise(
                "run it again; when it happens again, something between here and the server changes the bytes",
            ));
        }
        self.file.sync_all().map_err(|error| Failure::file("write", &self.path, &error))?;
        fs::rename(&self.path, to).map_err(|error| Failure::file("write", to, &error))?;
        Ok(Downloaded { bytes: self.length, resumed_at, sha256, is_checked: promised.is_some() })
    }

    fn forget_tag(&mut self) -> Outcome {
        self.tag = None;
        match fs::remove_file(&self.tag_path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::new(format!("cannot remove {}: {error}", self.tag_path.display())))
            }
            _ => Ok(()),
        }
    }
}

/// Only a strong tag names exact bytes.
fn is_strong_tag(tag: &str) -> bool {
    tag.len() >= 2
        && tag.starts_with('"')
        && tag.ends_with('"')
        && tag.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

pub(super) fn beside(to: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(to);
    name.push(suffix);
    PathBuf::from(name)
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
