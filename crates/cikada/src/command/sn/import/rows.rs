//! The rows of a CSV file, one after another in bounded memory, each with the line it begins at.

use std::io::{self, BufRead, Read};

use wire::csv::{Flaw, Reader};

/// The longest row that is read; the longest good one is far shorter.
const ROW_BYTES: usize = 16 << 10;

/// How far a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Bytes.
    pub offset: u64,
    /// Lines.
    pub line: u64,
}

/// A row, or what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub enum Row {
    Good { line: u64, sn: String, extra: Option<String> },
    Wrong { line: u64, text: String, reason: &'static str },
}

/// Reads rows.
pub struct Rows<R> {
    source: R,
    position: Position,
    row: Vec<u8>,
}

impl<R: BufRead> Rows<R> {
    /// `source` stands at `position` of the file.
    pub fn new(source: R, position: Position) -> Rows<R> {
        Rows { source, position, row: Vec::new() }
    }

    /// How far the file was read: behind the row that was given last.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next row; empty lines are none.
    pub fn next(&mut self) -> io::Result<Option<Row>> {
        loop {
            self.row.clear();
            let first_line = self.position.line + 1;
            if !self.read_line()? {
                return Ok(None);
            }
            // A quoted field may hold line breaks: the row goes on until its quotes are closed.
            while self.row.len() <= ROW_BYTES && has_open_quote(&self.row) && self.read_line()? {}
            if self.row.len() > ROW_BYTES {
                self.skip_line()?;
                let text = shown(&self.row[..80]);
                return Ok(Some(Row::Wrong {
                    line: first_line,
                    text,
                    reason: "the row is too long; is a quote not closed?",
                }));
            }
            if let Some(row) = self.parse(first_line) {
                return Ok(Some(row));
            }
        }
    }

    fn parse(&self, line: u64) -> Option<Row> {
        // The mark of a file's encoding belongs to its first row only; the reader drops it wherever it starts.
        if line > 1 && self.row.starts_with("\u{feff}".as_bytes()) {
            return Some(self.wrong(line, "a byte order mark in the middle of the file"));
        }
        let record = match Reader::new(&self.row).next()? {
            Ok(record) => record,
            Err(malformed) => return Some(self.wrong(line, flaw(malformed.flaw))),
        };
        let mut fields = record.fields.into_iter();
        let sn = fields.next().unwrap_or_default().into_owned();
        let extra = fields.next().map(|extra| extra.into_owned());
        if fields.next().is_some() {
            return Some(self.wrong(line, "more than two fields: quote an extra that holds a comma"));
        }
        Some(Row::Good { line, sn, extra })
    }

    fn wrong(&self, line: u64, reason: &'static str) -> Row {
        Row::Wrong { line, text: shown(&self.row), reason }
    }

    /// Appends a line with its end to the row; false at the end of the file.
    fn read_line(&mut self) -> io::Result<bool> {
        let room = (ROW_BYTES + 1).saturating_sub(self.row.len()) as u64;
        let count = (&mut self.source).take(room).read_until(b'\n', &mut self.row)?;
        self.position.offset += count as u64;
        self.position.line += u64::from(count > 0);
        Ok(count > 0)
    }

    /// Leaves the rest of a line that is too long.
    fn skip_line(&mut self) -> io::Result<()> {
        while self.row.last() != Some(&b'\n') {
            let buffer = self.source.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let count = buffer.iter().position(|&b| b == b'\n').map_or(buffer.len(), |end| end + 1);
            self.row.push(buffer[count - 1]);
            self.source.consume(count);
            self.position.offset += count as u64;
        }
        Ok(())
    }
}

fn has_open_quote(row: &[u8]) -> bool {
    row.contains(&b'"') && matches!(Reader::new(row).next(), Some(Err(malformed)) if malformed.flaw == Flaw::OpenQuote)
}

fn shown(row: &[u8]) -> String {
    String::from_utf8_lossy(row).trim_end_matches(['\r', '\n']).to_owned()
}

fn flaw(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::StrayQuote => "a quote inside a field that does not begin with one",
        Flaw::TextAfterQuote => "text after a closing quote",
        Flaw::OpenQuote => "a quote that is never closed",
        Flaw::StrayReturn => "a carriage return in the middle of a line",
        Flaw::NotUtf8 => "not UTF-8",
        Flaw::TooManyFields => "too many fields",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> (Vec<Row>, Position) {
        let mut rows = Rows::new(text, Position::default());
        let mut read = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            read.push(row);
        }
        (read, rows.position())
    }

    fn good(line: u64, sn: &str, extra: Option<&str>) -> Row {
        Row::Good { line, sn: sn.into(), extra: extra.map(str::to_owned) }
    }

    #[test]
    fn rows_know_the_line_they_begin_at() {
        let text = "\u{feff}A1\n\nA2,\"two\nlines, \"\"q\"\"\"\r\nA3,\n\r\n\"A4\"";
        let (rows, position) = read(text.as_bytes());
        let expected = [
            good(1, "A1", None),
            good(3, "A2", Some("two\nlines, \"q\"")),
            good(5, "A3", Some("")),
            good(7, "A4", None),
        ];
        assert_eq!(rows, expected);
        assert_eq!(position, Position { offset: text.len() as u64, line: 7 });
    }

    #[test]
    fn a_wrong_row_does_not_stop_the_next() {
        let (rows, _) = read(b"a\"b\nx,y,z\n\xff\nok\nq,\"open\nnever\n");
        let lines: Vec<(u64, bool)> = rows
            .iter()
            .map(|row| match row {
                Row::Good { line, .. } => (*line, true),
                Row::Wrong { line, .. } => (*line, false),
            })
            .collect();
        assert_eq!(lines, [(1, false), (2, false), (3, false), (4, true), (5, false)]);
    }

    #[test]
    fn an_endless_line_costs_bounded_memory_and_only_itself() {
        let mut text = vec![b'x'; ROW_BYTES * 3];
        text.extend_from_slice(b"\nA1\n");
        let mut rows = Rows::new(text.as_slice(), Position::default());
        assert!(matches!(rows.next().unwrap(), Some(Row::Wrong { line: 1, .. })));
        assert!(rows.row.len() < 2 * ROW_BYTES);
        assert_eq!(rows.next().unwrap(), Some(good(2, "A1", None)));
        assert_eq!(rows.position(), Position { offset: text.len() as u64, line: 2 });
    }

    #[test]
    fn a_row_of_exactly_the_limit_is_read() {
        let text = [vec![b'x'; ROW_BYTES - 1], b"\n".to_vec()].concat();
        assert!(matches!(read(&text).0.as_slice(), [Row::Good { .. }]));
        let text = [vec![b'x'; ROW_BYTES], b"\n".to_vec()].concat();
        assert!(matches!(read(&text).0.as_slice(), [Row::Wrong { .. }]));
    }
}
