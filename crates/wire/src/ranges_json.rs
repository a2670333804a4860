//! Ranges of serial numbers as JSON (contract, manage.md "A range"): `{"ranges":[…]}` or the bare array comes in, the
//! bare array goes out. Numbers are integers of the JSON text, never a double.

use std::fmt;

use model::{Casing, Error, Field, Format, Limits, Range, Result, Spelling};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::object::Object;

/// Reads the ranges of a body. Unknown keys are ignored, doubled ones refused.
pub fn decode(body: &[u8], limits: &Limits) -> Result<Vec<Range>> {
    let Body(rows) = serde_json::from_slice(body).map_err(|_| malformed())?;
    if rows.len() > limits.ranges_per_model {
        return Err(Error::TooLarge(Field("ranges")));
    }
    rows.iter().map(|Object(row)| row.to_range()).collect()
}

/// Writes the bare array, without a space in it.
pub fn encode(ranges: &[Range]) -> String {
    let rows: Vec<Row> = ranges.iter().map(Row::of).collect();
    serde_json::to_string(&rows).expect("words and integers are always JSON")
}

/// One range as it stands in JSON; the fields' order is the answer's.
#[derive(Serialize, Deserialize)]
struct Row {
    format: String,
    #[serde(default)]
    length: Option<u32>,
    #[serde(default)]
    casing: Option<String>,
    first: u128,
    last: u128,
}

impl Row {
    fn to_range(&self) -> Result<Range> {
        let format = Format::from_word(&self.format).ok_or(malformed())?;
        let casing = match &self.casing {
            Some(word) => Casing::from_word(word).ok_or(malformed())?,
            // It says nothing there.
            None if format == Format::Base10 => Casing::Upper,
            None => return Err(malformed()),
        };
        Range::new(Spelling::new(format, self.length, casing)?, self.first, self.last)
    }

    fn of(range: &Range) -> Row {
        let spelling = range.spelling();
        Row {
            format: spelling.format().word().to_owned(),
            length: spelling.length(),
            casing: Some(spelling.casing().word().to_owned()),
            first: range.first(),
            last: range.last(),
        }
    }
}

/// The rows, out of an object or bare. Read in one pass: a detour over a JSON value would turn long integers into doubles.
struct Body(Vec<Object<Row>>);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Body, D::Error> {
        deserializer.deserialize_any(BodyVisitor).map(Body)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Vec<Object<Row>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with ranges, or a list of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Vec<Object<Row>>, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = list.next_element()? {
            rows.push(row);
        }
        Ok(rows)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<Vec<Object<Row>>, A::Error> {
        let mut rows = None;
        while let Some(key) = object.next_key::<String>()? {
            if key != "ranges" {
                object.next_value::<IgnoredAny>()?;
            } else if rows.replace(object.next_value()?).is_some() {
                return Err(serde::de::Error::duplicate_field("ranges"));
            }
        }
        rows.ok_or(serde::de::Error::missing_field("ranges"))
    }
}

fn malformed() -> Error {
    Error::Malformed(Field("ranges"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Result<Vec<Range>> {
        decode(body.as_bytes(), &Limits::default())
    }

    #[test]
    fn ranges_come_in_an_object_or_bare_and_go_out_bare() {
        let bare = r#"[{"format":"base10","length":4,"casing":"upper","first":0,"last":9999},{"format":"mac:48","length":null,"casing":"lower","first":1,"last":281474976710655}]"#;
        let ranges = read(bare).unwrap();
        assert_eq!(read(&format!("{{\"ranges\":{bare}}}")).unwrap(), ranges);
        assert_eq!(encode(&ranges), bare);
        assert_eq!(read("[]").unwrap(), []);
        assert_eq!(encode(&[]), "[]");
    }

    #[test]
    fn a_mac_range_drops_its_length_and_base10_needs_no_casing() {
        let written = r#" {"x":[{}], "ranges" : [ {"last":2,"first":1,"format":"mac.48","length":12,"casing":"upper","y":{}} ] } "#;
        let answered = r#"[{"format":"mac.48","length":null,"casing":"upper","first":1,"last":2}]"#;
        assert_eq!(encode(&read(written).unwrap()), answered);
        let short = r#"[{"format":"base10","first":1,"last":2}]"#;
        let answered = r#"[{"format":"base10","length":null,"casing":"upper","first":1,"last":2}]"#;
        assert_eq!(encode(&read(short).unwrap()), answered);
    }

    #[test]
    fn a_number_is_read_exactly_however_long_it_is() {
        for number in ["9007199254740993", "18446744073709551616", "340282366920938463463374607431768211455"] {
            let body = format!(r#"[{{"format":"base10","casing":"upper","first":{number},"last":{number}}}]"#);
            assert_eq!(read(&body).unwrap()[0].first().to_string(), number);
        }
    }

    #[test]
    fn what_is_not_a_list_of_ranges_is_malformed() {
        let row = |fields: &str| format!("[{{{fields}}}]");
        for body in [
            String::new(),
            "null".into(),
            "{}".into(),
            "[1]".into(),
            "[] x".into(),
            "[[\"base10\",4,\"upper\",0,1]]".into(),
            "{\"ranges\":{\"ranges\":[]}}".into(),
            "[{}]".into(),
            "{\"ranges\":null}".into(),
            "{\"ranges\":{}}".into(),
            "{\"ranges\":[],\"ranges\":[]}".into(),
            "[]]".into(),
            row(r#""format":"base8","casing":"upper","first":0,"last":1"#),
            row(r#""format":"BASE10","casing":"upper","first":0,"last":1"#),
            row(r#""format":"base16","first":0,"last":1"#),
            row(r#""format":"base10","casing":"Upper","first":0,"last":1"#),
            row(r#""format":"base10","casing":"upper","first":0"#),
            row(r#""format":"base10","casing":"upper","first":1,"last":0"#),
            row(r#""format":"base10","casing":"upper","first":-1,"last":0"#),
            row(r#""format":"base10","casing":"upper","first":0,"last":1.0"#),
            row(r#""format":"base10","casing":"upper","first":0,"last":1e3"#),
            row(r#""format":"base10","casing":"upper","first":"0","last":"1""#),
            row(r#""format":"base10","casing":"upper","first":0,"last":340282366920938463463374607431768211456"#),
            row(r#""format":"base10","casing":"upper","first":0,"first":0,"last":1"#),
            row(r#""format":"base10","length":0,"casing":"upper","first":0,"last":1"#),
            row(r#""format":"base10","length":129,"casing":"upper","first":0,"last":1"#),
            row(r#""format":"base10","length":"4","casing":"upper","first":0,"last":1"#),
            row(r#""format":"base10","length":4,"casing":"upper","first":0,"last":10000"#),
            row(r#""format":"mac-48","casing":"upper","first":0,"last":281474976710656"#),
            "[".repeat(1_000_000),
            "{\"a\":".repeat(1_000_000),
        ] {
            assert_eq!(read(&body), Err(malformed()), "{}", &body[..body.len().min(120)]);
        }
    }

    #[test]
    fn a_model_has_so_many_ranges_and_no_more() {
        let limits = Limits { ranges_per_model: 2, ..Limits::default() };
        let row = r#"{"format":"base10","first":1,"last":2}"#;
        assert_eq!(decode(format!("[{row},{row}]").as_bytes(), &limits).unwrap().len(), 2);
        let over = decode(format!("[{row},{row},{row}]").as_bytes(), &limits);
        assert_eq!(over, Err(Error::TooLarge(Field("ranges"))));
    }

    proptest! {
        #[test]
        fn every_range_comes_back(format in 0..5_usize, length in proptest::option::of(1..=128_u32),
                                  upper: bool, a: u128, b: u128) {
            let casing = if upper { Casing::Upper } else { Casing::Lower };
            let spelling = Spelling::new(Format::ALL[format], length, casing).unwrap();
            let (a, b) = (a.min(spelling.max_number()), b.min(spelling.max_number()));
            let range = Range::new(spelling, a.min(b), a.max(b)).unwrap();
            prop_assert_eq!(read(&encode(&[range])), Ok(vec![range]));
        }

        #[test]
        fn no_bytes_make_decoding_panic(body: Vec<u8>) {
            let _ = decode(&body, &Limits::default());
        }
    }
}
