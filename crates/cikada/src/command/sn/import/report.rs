//! The rows that were not registered: the first few on the terminal, all of them in a file where one was asked for.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::failure::{Doing, Outcome};
use crate::output::{note, visible};

/// How many rows are told on the terminal.
const TOLD: u64 = 20;

/// Takes note of wrong rows.
pub struct Report {
    file: Option<BufWriter<std::fs::File>>,
    told: u64,
    untold: u64,
}

impl Report {
    /// Writes to `path`, where there is one; goes on in it when the import is a resumed one.
    pub fn new(path: Option<&Path>, append: bool) -> Outcome<Report> {
        let file = path.map(|path| {
            let open = OpenOptions::new().write(true).create(true).append(append).truncate(!append).open(path);
            open.doing(format_args!("write {}", path.display())).map(BufWriter::new)
        });
        Ok(Report { file: file.transpose()?, told: 0, untold: 0 })
    }

    /// A row that was not registered, and why.
    pub fn add(&mut self, line: u64, row: &str, reason: &str) -> Outcome {
        if self.told < TOLD {
            self.told += 1;
            let row: String = visible(row).chars().take(60).collect();
            note(format_args!("line {line}: {reason}: {row}"));
        } else {
            self.untold += 1;
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut record = String::new();
        wire::csv::write_record(&mut record, [line.to_string().as_str(), reason, row]);
        file.write_all(record.as_bytes()).doing("write the report")
    }

    /// Hands what was noted to the system.
    pub fn flush(&mut self) -> Outcome {
        self.file.as_mut().map_or(Ok(()), |file| file.flush().doing("write the report"))
    }

    /// Says how many rows were not told.
    pub fn finish(mut self) -> Outcome {
        if self.untold > 0 {
            note(format_args!("… and {} more", self.untold));
        }
        self.flush()
    }
}
