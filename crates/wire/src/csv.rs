//! CSV as the management API reads and writes it (contract, README "Rules for every HTTP answer" 9; RFC 4180).
//!
//! Records end with LF or CR LF, the last one perhaps with nothing; empty lines are skipped, and so is a byte order mark
//! at the very start, which spreadsheets write. A field may be quoted and then hold commas, quotes and line breaks.

use std::borrow::Cow;
use std::fmt;

use model::{Error, Field};

/// The most fields of one record: no record of the contract has more than a few.
const MAX_FIELDS: usize = 64;
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// One record: its number, counted from 1 without the empty lines, and its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place among the records, from 1.
    pub number: usize,
    /// Its fields, at least one.
    pub fields: Vec<Cow<'a, str>>,
}

/// What is wrong with a record, and with which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The record's place, from 1.
    pub record: usize,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What can be wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A quote stands inside a field that does not begin with one.
    StrayQuote,
    /// A quoted field goes on after its closing quote.
    TextAfterQuote,
    /// A quoted field never ends.
    OpenQuote,
    /// A CR stands outside of quotes and not before a LF.
    StrayReturn,
    /// A field is not UTF-8.
    NotUtf8,
    /// There are too many fields.
    TooManyFields,
}

/// Reads records one after another; after the first malformed one it is at its end.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text`.
    pub fn new(text: &'a [u8]) -> Reader<'a> {
        Reader { rest: text.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(text), number: 0 }
    }

    /// What has not been read yet. It begins at a record.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn skip_empty_lines(&mut self) {
        while let Some(rest) = self.rest.strip_prefix(b"\n").or_else(|| self.rest.strip_prefix(b"\r\n")) {
            self.rest = rest;
        }
    }

    fn read_record(&mut self) -> Result<Record<'a>, Flaw> {
        let mut fields = Vec::with_capacity(2);
        loop {
            if fields.len() == MAX_FIELDS {
                return Err(Flaw::TooManyFields);
            }
            fields.push(match self.rest.first() {
                Some(b'"') => self.read_quoted()?,
                _ => self.read_plain()?,
            });
            // The field ends at a comma, a line end or the end of the text: both ways of reading one see to it.
            match self.rest {
                [b',', rest @ ..] => self.rest = rest,
                [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => {
                    self.rest = rest;
                    break;
                }
                _ => break,
            }
        }
        Ok(Record { number: self.number, fields })
    }

    fn read_plain(&mut self) -> Result<Cow<'a, str>, Flaw> {
        let special = |c: &u8| matches!(c, b',' | b'\n' | b'\r' | b'"');
        let end = self.rest.iter().position(special).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        match rest {
            [b'"', ..] => return Err(Flaw::StrayQuote),
            [b'\r', after @ ..] if after.first() != Some(&b'\n') => return Err(Flaw::StrayReturn),
            _ => self.rest = rest,
        }
        utf8(field).map(Cow::Borrowed)
    }

    fn read_quoted(&mut self) -> Result<Cow<'a, str>, Flaw> {
        let mut field = Cow::Borrowed("");
        loop {
            // Past the opening quote, or past the second one of a pair.
            let text = &self.rest[1..];
            let end = memchr::memchr(b'"', text).ok_or(Flaw::OpenQuote)?;
            let piece = utf8(&text[..end])?;
            self.rest = &text[end + 1..];
            let paired = self.rest.first() == Some(&b'"');
            if field.is_empty() && !paired {
                field = Cow::Borrowed(piece);
            } else {
                field.to_mut().push_str(piece);
            }
            match self.rest {
                [b'"', ..] => field.to_mut().push('"'),
                [] | [b',' | b'\n', ..] | [b'\r', b'\n', ..] => return Ok(field),
                _ => return Err(Flaw::TextAfterQuote),
            }
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Record<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_empty_lines();
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let record = self.read_record().map_err(|flaw| Malformed { record: self.number, flaw });
        if record.is_err() {
            self.rest = &[];
        }
        Some(record)
    }
}

/// Writes one record and the LF after it.
pub fn write_record<'a>(out: &mut String, fields: impl IntoIterator<Item = &'a str>) {
    let start = out.len();
    let mut count = 0;
    for field in fields {
        if count > 0 {
            out.push(',');
        }
        count += 1;
        write_field(out, field);
    }
    if out.len() == start && count == 1 {
        // One empty field and nothing else would be an empty line, which is skipped.
        out.push_str("\"\"");
    }
    out.push('\n');
}

fn write_field(out: &mut String, field: &str) {
    if !field.contains([',', '"', '\n', '\r']) && !field.starts_with(BYTE_ORDER_MARK) {
        return out.push_str(field);
    }
    out.push('"');
    for (place, piece) in field.split('"').enumerate() {
        if place > 0 {
            out.push_str("\"\"");
        }
        out.push_str(piece);
    }
    out.push('"');
}

fn utf8(bytes: &[u8]) -> Result<&str, Flaw> {
    std::str::from_utf8(bytes).map_err(|_| Flaw::NotUtf8)
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flaw = match self.flaw {
            Flaw::StrayQuote => "a quote inside a field that does not begin with one",
            Flaw::TextAfterQuote => "text after a closing quote",
            Flaw::OpenQuote => "a quote that is never closed",
            Flaw::StrayReturn => "a carriage return without a line feed",
            Flaw::NotUtf8 => "text that is not UTF-8",
            Flaw::TooManyFields => "too many fields",
        };
        write!(f, "record {}: {flaw}", self.record)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for Error {
    fn from(_: Malformed) -> Error {
        Error::Malformed(Field("csv"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Result<Vec<Vec<String>>, Malformed> {
        let owned = |record: Record| record.fields.into_iter().map(Cow::into_owned).collect();
        Reader::new(text).map(|record| record.map(owned)).collect()
    }

    fn write(records: &[Vec<String>]) -> String {
        let mut out = String::new();
        for record in records {
            write_record(&mut out, record.iter().map(String::as_str));
        }
        out
    }

    #[test]
    fn records_end_with_lf_or_crlf_and_empty_lines_are_skipped() {
        for (text, records) in [
            ("", &[][..]),
            ("\n\r\n\n", &[]),
            ("a\n", &[&["a"][..]]),
            ("a", &[&["a"]]),
            ("a\r\nb\n\n\r\nc", &[&["a"], &["b"], &["c"]]),
            ("a,b\r\n", &[&["a", "b"]]),
            ("a,\n,b\n,\n", &[&["a", ""], &["", "b"], &["", ""]]),
            (" a , b \n", &[&[" a ", " b "]]),
            ("\"a\"\n", &[&["a"]]),
            ("\"a,b\",\"c\"\"d\"\n", &[&["a,b", "c\"d"]]),
            ("\"a\r\nb\n\",c", &[&["a\r\nb\n", "c"]]),
            ("\"\"\n", &[&[""]]),
            ("\"\"\"\"\r\n", &[&["\""]]),
            ("\"\"\"a\"\"\"", &[&["\"a\""]]),
            ("é,ü", &[&["é", "ü"]]),
            ("\u{feff}a\n\u{feff}b", &[&["a"], &["\u{feff}b"]]),
            ("a,", &[&["a", ""]]),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap(), records, "{text:?}");
        }
    }

    #[test]
    fn a_malformed_record_is_named_by_its_number() {
        for (text, record, flaw) in [
            (&b"a\n\n\nb\"c\n"[..], 2, Flaw::StrayQuote),
            (b"a \"b\"", 1, Flaw::StrayQuote),
            (b"\"a\"b", 1, Flaw::TextAfterQuote),
            (b"\"a\" ,b", 1, Flaw::TextAfterQuote),
            (b"\"a\"\rb", 1, Flaw::TextAfterQuote),
            (b"\"a\"\r", 1, Flaw::TextAfterQuote),
            (b"a\nb\n\"c\nd\n", 3, Flaw::OpenQuote),
            (b"\"", 1, Flaw::OpenQuote),
            (b"\"\"\"", 1, Flaw::OpenQuote),
            (b"a\rb", 1, Flaw::StrayReturn),
            (b"a\r", 1, Flaw::StrayReturn),
            (b"a\n\r\r\n", 2, Flaw::StrayReturn),
            (b"a\n\xff\n", 2, Flaw::NotUtf8),
            (b"\"\xc3\"", 1, Flaw::NotUtf8),
        ] {
            assert_eq!(read(text), Err(Malformed { record, flaw }), "{text:?}");
        }
        assert_eq!(read(&[b','; 63]).unwrap()[0].len(), 64);
        assert_eq!(read(&[b','; 64]), Err(Malformed { record: 1, flaw: Flaw::TooManyFields }));
        assert_eq!(Reader::new(b"a\"\nb\n").count(), 1, "nothing is read after a malformed record");
    }

    #[test]
    fn quotes_are_written_only_where_they_are_needed() {
        for (record, line) in [
            (&["a", "b c", "é"][..], "a,b c,é\n"),
            (&["a,b", "c\"d", "e\nf", "g\rh"], "\"a,b\",\"c\"\"d\",\"e\nf\",\"g\rh\"\n"),
            (&["", ""], ",\n"),
            (&["a", "", ""], "a,,\n"),
            (&[""], "\"\"\n"),
        ] {
            let mut out = String::new();
            write_record(&mut out, record.iter().copied());
            assert_eq!(out, line);
        }
    }

    #[test]
    fn what_is_left_begins_at_a_record() {
        let mut reader = Reader::new(b"a,1\nb,2\nc,3\n");
        assert_eq!(reader.next().unwrap().unwrap().number, 1);
        assert_eq!(reader.rest(), b"b,2\nc,3\n");
    }

    proptest! {
        #[test]
        fn every_table_comes_back(
            records in proptest::collection::vec(
                proptest::collection::vec(prop_oneof!["[a,\"\r\n\u{feff}]{0,5}", ".*"], 1..5), 0..8),
        ) {
            prop_assert_eq!(read(write(&records).as_bytes()).unwrap(), records);
        }

        #[test]
        fn what_can_be_read_is_read_the_same_after_it_was_written(text in "[a,\"\r\n]{0,30}") {
            if let Ok(records) = read(text.as_bytes()) {
                prop_assert_eq!(read(write(&records).as_bytes()).unwrap(), records);
            }
        }

        #[test]
        fn no_bytes_make_reading_panic(text: Vec<u8>) {
            let _ = read(&text);
        }
    }
}
