//! How far an import got: a small file beside the imported one, replaced after each batch, removed at the end.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Tally;
use super::rows::Position;
use crate::failure::{Doing, Failure, Outcome};
use crate::output::note;

/// What is compared to tell whether the file is still the same.
const HEAD_BYTES: u64 = 64 << 10;

/// The journal of one import; without a path it remembers nothing.
pub struct Journal {
    path: Option<PathBuf>,
    record: Record,
    is_resumed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    subject: Subject,
    position: Position,
    tally: Tally,
}

/// Which import it is: of this file, into this model of this server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Subject {
    server: String,
    model: String,
    bytes: u64,
    head_sha256: String,
}

impl Journal {
    /// Remembers nothing.
    pub fn none() -> Journal {
        Journal { path: None, record: Record::default(), is_resumed: false }
    }

    /// Goes on with what an earlier run left for the same file, model and server.
    pub fn open(file: &Path, server: &str, model: &str, restart: bool) -> Outcome<Journal> {
        let subject = Subject::of(file, server, model).map_err(|error| Failure::file("read", file, &error))?;
        let mut name = file.as_os_str().to_owned();
        name.push(".import");
        let path = PathBuf::from(name);
        let left = match fs::read(&path) {
            Ok(text) => serde_json::from_slice::<Record>(&text).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::file("read", &path, &error)),
        };
        let record = match left {
            Some(record) if record.subject == subject && !restart => record,
            Some(record) if !restart && record.subject.model == model && record.subject.server == server => {
                note(
                    "the file changed since an earlier run stopped in it: beginning at its start; what is registered is skipped",
                );
                Record { subject, ..Record::default() }
            }
            _ => Record { subject, ..Record::default() },
        };
        let is_resumed = record.position.offset > 0;
        Ok(Journal { path: Some(path), record, is_resumed })
    }

    /// Whether an earlier run did a part.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Where to go on.
    pub fn position(&self) -> Position {
        self.record.position
    }

    /// What was counted up to there.
    pub fn tally(&self) -> Tally {
        self.record.tally
    }

    /// Everything before `position` is done. It need not be on the disk at once: what is done twice is skipped.
    pub fn advance(&mut self, position: Position, tally: Tally) -> Outcome {
        self.record.position = position;
        self.record.tally = tally;
        let Some(path) = &self.path else { return Ok(()) };
        let new = path.with_extension("import.new");
        let text = serde_json::to_vec(&self.record).doing("write the journal")?;
        let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
        if let Err(error) = written {
            note(format_args!("cannot write {} ({error}): this import cannot be resumed", path.display()));
            self.path = None;
        }
        Ok(())
    }

    /// The import is complete.
    pub fn finish(self) -> Outcome {
        match self.path.map(fs::remove_file) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::new(format!("cannot remove the journal: {error}")))
            }
            _ => Ok(()),
        }
    }
}

impl Subject {
    fn of(file: &Path, server: &str, model: &str) -> io::Result<Subject> {
        let file = File::open(file)?;
        let bytes = file.metadata()?.len();
        let mut head = Vec::new();
        file.take(HEAD_BYTES).read_to_end(&mut head)?;
        let head_sha256 = crate::client::digest::hex(&Sha256::digest(&head).into());
        Ok(Subject { server: server.to_owned(), model: model.to_owned(), bytes, head_sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_goes_on_only_with_the_same_file_model_and_server() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("numbers.csv");
        fs::write(&file, "A1\nA2\nA3\n").unwrap();
        let position = Position { offset: 6, line: 2 };
        let tally = Tally { registered: 2, ..Tally::default() };
        let mut journal = Journal::open(&file, "http://s", "m", false).unwrap();
        assert!(!journal.is_resumed());
        journal.advance(position, tally).unwrap();

        let again = Journal::open(&file, "http://s", "m", false).unwrap();
        assert_eq!((again.is_resumed(), again.position(), again.tally()), (true, position, tally));
        for (server, model, restart) in [("http://t", "m", false), ("http://s", "n", false), ("http://s", "m", true)] {
            let other = Journal::open(&file, server, model, restart).unwrap();
            assert_eq!((other.is_resumed(), other.position()), (false, Position::default()));
        }
        fs::write(&file, "B1\nA2\nA3\n").unwrap();
        assert!(!Journal::open(&file, "http://s", "m", false).unwrap().is_resumed());
    }

    #[test]
    fn a_finished_import_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("numbers.csv");
        fs::write(&file, "A1\n").unwrap();
        let mut journal = Journal::open(&file, "http://s", "m", false).unwrap();
        journal.advance(Position { offset: 3, line: 1 }, Tally::default()).unwrap();
        journal.finish().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
