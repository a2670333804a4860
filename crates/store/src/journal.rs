//! The revocation journal: an append-only file outside the database, one line a right that ended.
//!
//! A line is its number, the second, the right, and a tag by the database's keys, which tells a torn line and another
//! server's file. Numbers go up by one in the order of the commits. A database whose newest number is below the
//! journal's is an older copy, and the lines above it are what it has to forget.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use model::{Error, Result, UnixSeconds};

use crate::revocation::hex;
use crate::{Keyring, Revoked};

/// Longer than any line, several times.
const TAIL_BYTES: u64 = 64 << 10;
const TAG_BYTES: usize = 8;

/// The journal, open for appending.
pub(crate) struct Journal {
    file: File,
    /// Up to where the file holds whole lines.
    length: u64,
    last: i64,
}

/// A line of the journal.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Its number.
    pub number: i64,
    /// When the right ended.
    pub at: UnixSeconds,
    /// The right.
    pub revoked: Revoked,
}

/// A journal as it was read.
#[derive(Debug, Default)]
pub struct Records {
    /// Its lines, numbers going up.
    pub records: Vec<Record>,
    /// Lines that nobody wrote like this: numbers of lines, from 1.
    pub damaged: Vec<usize>,
}

/// Why lines could not be appended.
pub(crate) enum Refused {
    /// There is no room; nothing was kept.
    NoRoom(io::Error),
    /// What is on disk is unknown.
    Fatal(io::Error),
}

/// One line, as it is kept.
pub(crate) fn line(keyring: &Keyring, number: i64, at: UnixSeconds, entry: &str) -> String {
    let text = format!("{number} {at} {entry}");
    let tag = tag(keyring, &text);
    format!("{text} {tag}\n")
}

/// Reads a whole journal. A last line without its end was being written when the file was read, or when its server died.
pub fn read(file: &Path, keyring: &Keyring) -> Result<Records> {
    let failed = |cause| Error::internal(format_args!("reading {}: {cause}", file.display()));
    let mut reader = BufReader::new(File::open(file).map_err(failed)?);
    let (mut read, mut line, mut number) = (Records::default(), Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        reader.by_ref().take(TAIL_BYTES).read_until(b'\n', &mut line).map_err(failed)?;
        if line.pop() != Some(b'\n') {
            return Ok(read);
        }
        let newest = read.records.last().map_or(0, |record| record.number);
        match parse(keyring, &line).filter(|record| record.number > newest) {
            Some(record) => read.records.push(record),
            None => read.damaged.push(number),
        }
    }
}

impl Journal {
    /// Opens a journal, made where it is missing, and drops a line that was cut off at its end.
    pub(crate) fn open(path: &Path, keyring: &Keyring) -> Result<Journal> {
        let failed =
            |cause| Error::internal(format_args!("opening the revocation journal {}: {cause}", path.display()));
        let is_new = !path.exists();
        let mut file =
            OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path).map_err(failed)?;
        if is_new {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        let end = file.metadata().map_err(failed)?.len();
        let begin = end.saturating_sub(TAIL_BYTES);
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(begin)).and_then(|_| file.read_to_end(&mut tail)).map_err(failed)?;
        let (mut last, mut length, mut at) = (0, begin, begin);
        for line in tail.split_inclusive(|byte| *byte == b'\n') {
            at += line.len() as u64;
            if let Some(record) = line.strip_suffix(b"\n").and_then(|line| parse(keyring, line)) {
                (last, length) = (record.number, at);
            }
        }
        // A first line that was cut off is all that there may be without a whole one.
        if last == 0 && tail.contains(&b'\n') {
            return Err(Error::internal(format_args!("{} is not this server's journal", path.display())));
        }
        if last == 0 {
            length = 0;
        }
        if length < end {
            tracing::warn!(bytes = end - length, file = %path.display(), "dropped a line that was cut off");
            file.set_len(length).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        Ok(Journal { file, length, last })
    }

    /// The number of the newest line; 0 where there is none.
    pub(crate) fn last(&self) -> i64 {
        self.last
    }

    /// Appends whole lines, of which `last` is the newest, and makes them durable.
    pub(crate) fn append(&mut self, lines: &str, last: i64) -> std::result::Result<(), Refused> {
        if let Err(cause) = self.file.write_all(lines.as_bytes()) {
            // Whatever came of it is no whole line of ours.
            self.file.set_len(self.length).map_err(Refused::Fatal)?;
            return Err(match cause.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refused::NoRoom(cause),
                _ => Refused::Fatal(cause),
            });
        }
        // Never tried again: the system may have dropped the pages and would report success.
        self.file.sync_data().map_err(Refused::Fatal)?;
        self.length += lines.len() as u64;
        self.last = last;
        Ok(())
    }
}

fn parse(keyring: &Keyring, line: &[u8]) -> Option<Record> {
    let (text, given) = std::str::from_utf8(line).ok()?.rsplit_once(' ')?;
    if tag(keyring, text) != given {
        return None;
    }
    let mut words = text.splitn(3, ' ');
    let (number, at, entry) = (words.next()?, words.next()?, words.next()?);
    Some(Record { number: number.parse().ok()?, at: at.parse().ok()?, revoked: Revoked::parse(entry)? })
}

fn tag(keyring: &Keyring, text: &str) -> String {
    hex(&keyring.hash("revocation", text.as_bytes()).as_bytes()[..TAG_BYTES])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::KeyHash;

    fn entry(id: i64) -> String {
        Revoked::Key { client_id: id, hash: KeyHash::from_bytes([id as u8; 32]) }.text()
    }

    fn written(keyring: &Keyring, numbers: std::ops::RangeInclusive<i64>) -> String {
        numbers.map(|number| line(keyring, number, 1_700_000_000, &entry(number))).collect()
    }

    #[test]
    fn lines_outlive_their_writer_and_a_torn_one_is_dropped() {
        let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::new(&[7; 32]));
        let file = folder.path().join("journal");
        let mut journal = Journal::open(&file, &keyring).unwrap();
        assert!(journal.append(&written(&keyring, 1..=1000), 1000).is_ok());
        let whole = fs::read(&file).unwrap();
        for cut in 1..whole.len() - written(&keyring, 1..=999).len() {
            fs::write(&file, &whole[..whole.len() - cut]).unwrap();
            let mut journal = Journal::open(&file, &keyring).unwrap();
            assert_eq!(journal.last(), 999, "{cut} bytes are missing");
            assert!(journal.append(&written(&keyring, 1000..=1000), 1000).is_ok());
            assert_eq!(fs::read(&file).unwrap(), whole);
        }
        let read = read(&file, &keyring).unwrap();
        assert_eq!((read.records.len(), read.damaged.len()), (1000, 0));
    }

    #[test]
    fn another_servers_journal_is_refused_and_a_changed_line_is_told() {
        let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::new(&[7; 32]));
        let file = folder.path().join("journal");
        fs::write(&file, written(&keyring, 1..=3)).unwrap();
        assert!(Journal::open(&file, &Keyring::new(&[8; 32])).is_err());
        let changed = written(&keyring, 1..=3).replacen("key 2", "key 9", 1);
        fs::write(&file, changed).unwrap();
        let read = read(&file, &keyring).unwrap();
        assert_eq!((read.records.len(), read.damaged), (2, vec![2]));
    }
}
