//! Forms, CSV and escapes: what is read can be written and read again.

use model::Limits;
use wire::csv::{Reader, write_record};
use wire::form::Form;

use crate::seen::{magnitude, seen};

/// A body.
pub fn form(bytes: &[u8]) -> u64 {
    match Form::from_body(bytes, &Limits::default()) {
        Ok(form) => read_again(&form, bytes.len()),
        Err(error) => seen(format!("{error:?}")),
    }
}

/// A query string.
pub fn query(bytes: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    match Form::from_query(Some(text), &Limits::default()) {
        Ok(form) => read_again(&form, bytes.len()),
        Err(error) => seen(format!("{error:?}")),
    }
}

fn read_again(form: &Form<'_>, came: usize) -> u64 {
    let fields: Vec<(&str, &str)> = form.iter().collect();
    let held: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(held <= came, "more comes out than went in");
    assert!(fields.iter().all(|(name, value)| !name.contains('\0') && !value.contains('\0')), "a NUL");
    let written = wire::form::encode(fields.iter().copied());
    let again = Form::from_body(written.as_bytes(), &Limits::default()).expect("what is written can be read");
    assert_eq!(again.iter().collect::<Vec<_>>(), fields, "another form comes back");
    assert_eq!(form.is_empty(), fields.is_empty());
    let mut ways = Vec::new();
    for name in ["sn", "enable", "options", "id", "vendor"] {
        let once = form.one(name);
        if let Ok(Some(value)) = once {
            assert!(form.has(name) && form.list(name) == Ok(vec![value]), "one value is a list of one");
        }
        let words = form.words(name).map(|words| words.len().min(3));
        ways.push((once.is_ok(), form.required(name).is_ok(), words.ok(), form.flag(name).ok()));
    }
    seen((magnitude(fields.len()), ways))
}

/// Records.
pub fn csv(bytes: &[u8]) -> u64 {
    let mut reader = Reader::new(bytes);
    let (mut records, mut flaw) = (Vec::new(), None);
    for (place, record) in reader.by_ref().enumerate() {
        match record {
            Ok(record) => {
                assert_eq!(record.number, place + 1, "records are counted");
                assert!(!record.fields.is_empty());
                records.push(record.fields);
            }
            Err(malformed) => {
                assert_eq!(malformed.record, place + 1);
                flaw = Some(format!("{:?}", malformed.flaw));
            }
        }
    }
    assert!(reader.next().is_none() && reader.rest().is_empty(), "an end is an end");
    let held: usize = records.iter().flatten().map(|field| field.len()).sum();
    assert!(held <= bytes.len(), "more comes out than went in");
    let mut written = String::new();
    records.iter().for_each(|fields| write_record(&mut written, fields.iter().map(|field| &**field)));
    let again: Vec<_> = Reader::new(written.as_bytes()).map(|record| record.expect("in form").fields).collect();
    assert_eq!(again, records, "other records come back from {written:?}");
    let widths = records.iter().map(Vec::len).max().unwrap_or_default();
    seen((magnitude(records.len()), magnitude(widths), flaw))
}

/// A segment of a path.
pub fn percent(bytes: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    let Ok(name) = wire::path::decode_segment(text) else { return 1 };
    assert!(name.len() <= text.len() && !name.contains('\0'));
    let written = wire::path::encode_segment(&name);
    assert!(written.bytes().all(|c| c.is_ascii_graphic() && c != b'/'), "one segment");
    assert_eq!(wire::path::decode_segment(&written).as_deref(), Ok(&*name), "another name comes back");
    seen((magnitude(name.len()), written == text, name.contains('/'), name.contains('%')))
}
