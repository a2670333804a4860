//! JSON and CBOR, and what is read out of them: calls, ranges, values, rules.

use domain::data::Value as Point;
use domain::processing::Rule;
use model::{Limits, Range};
use serde_json::Value;
use store::table::resource::Format;
use wire::rpc::{Answers, Encoding, Outcome};

use crate::seen::{magnitude, seen, variant};

const BODY_BYTES: usize = 1 << 20;

/// A JSON value.
pub fn json(bytes: &[u8]) -> u64 {
    let Ok(value) = wire::json::decode(bytes) else { return seen(bytes.first()) };
    let text = serde_json::to_string(&value).expect("a value can be written");
    // An escape of two characters comes back as six, a number with all its digits.
    assert!(text.len() <= 16 + 32 * bytes.len(), "more comes out than went in");
    assert_eq!(wire::json::decode(text.as_bytes()).as_ref(), Ok(&value), "another value comes back");
    shape(&value)
}

/// A CBOR value.
pub fn cbor(bytes: &[u8]) -> u64 {
    let Ok(value) = wire::cbor::decode(bytes, BODY_BYTES) else { return seen(bytes.first().map(|first| first >> 5)) };
    let written = wire::cbor::encode(&value).expect("a value can be written");
    assert!(written.len() <= 16 + 8 * bytes.len(), "more comes out than went in");
    assert_eq!(wire::cbor::decode(&written, BODY_BYTES).as_ref(), Ok(&value), "another value comes back");
    // What is JSON at all is JSON as well.
    let text = serde_json::to_string(&value).expect("a value can be written");
    assert_eq!(wire::json::decode(text.as_bytes()).as_ref(), Ok(&value));
    shape(&value)
}

fn shape(value: &Value) -> u64 {
    fn levels(value: &Value) -> u32 {
        match value {
            Value::Array(values) => 1 + values.iter().map(levels).max().unwrap_or_default(),
            Value::Object(fields) => 1 + fields.values().map(levels).max().unwrap_or_default(),
            _ => 0,
        }
    }
    let inside = match value {
        Value::Array(values) => values.len(),
        Value::Object(fields) => fields.len(),
        Value::String(text) => text.len(),
        _ => 0,
    };
    assert!(levels(value) <= 127, "too deep");
    seen((format!("{:?}", variant(value)), levels(value), magnitude(inside)))
}

/// A request of the resource API, and the answers to its calls.
pub fn rpc(bytes: &[u8]) -> u64 {
    let Ok(body) = wire::json::decode(bytes) else { return 0 };
    let auth = wire::rpc::auth(&body).map(|_| ());
    let limits = Limits::default();
    let calls = match wire::rpc::calls(body, &limits) {
        Ok(calls) => calls,
        Err(error) => return seen((format!("{auth:?}"), format!("{error:?}"))),
    };
    assert!(calls.len() <= limits.rpc_calls);
    const MAX_BYTES: usize = 300;
    for encoding in [Encoding::Json, Encoding::Cbor] {
        let mut answers = Answers::new(encoding, MAX_BYTES);
        let mut expected = 0;
        for call in &calls {
            let outcome = match &call.invocation {
                Ok(invocation) => Outcome::Result(Value::from(invocation.arguments.clone())),
                Err(error) => Outcome::Error(*error),
            };
            expected += usize::from(call.id.is_some());
            answers.push(call.id.as_ref(), &outcome).expect("an entry can be written");
        }
        let written = answers.finish();
        let read = match encoding {
            _ if expected == 0 => {
                assert!(written.is_empty(), "an answer to nobody");
                continue;
            }
            Encoding::Json => wire::json::decode(&written),
            Encoding::Cbor => wire::cbor::decode(&written, BODY_BYTES),
        };
        let read = read.expect("an answer can be read");
        assert_eq!(read.as_array().map(Vec::len), Some(expected), "an entry for each call with an id");
    }
    let wrong = calls.iter().filter(|call| call.invocation.is_err()).count();
    let named = calls.iter().filter(|call| call.id.is_some()).count();
    seen((format!("{auth:?}"), magnitude(calls.len()), magnitude(wrong), magnitude(named)))
}

/// Ranges of serial numbers.
pub fn ranges_json(bytes: &[u8]) -> u64 {
    let ranges = match wire::ranges_json::decode(bytes, &Limits::default()) {
        Ok(ranges) => ranges,
        Err(error) => return seen(format!("{error:?}")),
    };
    let written = wire::ranges_json::encode(&ranges);
    let again = wire::ranges_json::decode(written.as_bytes(), &Limits::default()).expect("what is written can be read");
    assert_eq!(again, ranges, "other ranges come back");
    for range in &ranges {
        assert_eq!(&Range::from_stored(&range.columns()).expect("a stored range"), range);
        for number in [range.first(), range.last()] {
            let text = range.spell(number).expect("an end of a range can be written");
            assert_eq!(range.contains(&text), Some(number), "{text} is in its range");
        }
        for other in ranges.iter().take(8) {
            assert_eq!(range.overlaps(other), other.overlaps(range), "overlapping is mutual");
        }
        assert!(range.overlaps(range) && range.is_same(range));
    }
    let formats: Vec<_> = ranges.iter().take(3).map(|range| range.spelling().format().word()).collect();
    seen((magnitude(ranges.len()), formats, ranges.first().map(|range| range.spelling().length())))
}

/// The text of a point, in each format.
pub fn value(bytes: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    let limits = Limits::default();
    let mut ways = Vec::new();
    for format in [Format::Integer, Format::Float, Format::String] {
        let parsed = Point::parse(format, text, &limits);
        if let Ok(point) = &parsed {
            let written = point.text().into_owned();
            let again = Point::parse(format, &written, &limits).expect("what is written can be read");
            assert_eq!(again.text(), written, "{text:?} is written as {written:?} and then as something else");
            let stored = Point::from_stored(format, written.clone()).expect("what is written can be stored");
            assert_eq!(stored.text(), written);
            let as_json = point.to_json();
            let from_json = Point::from_json(format, &as_json, &limits).expect("a point of JSON");
            assert_eq!(from_json.text(), written, "{as_json}");
        }
        ways.push(parsed.map(|point| magnitude(point.text().len())).map_err(|error| format!("{error:?}")));
    }
    if let Ok(json) = serde_json::from_slice::<Value>(bytes) {
        for format in [Format::Integer, Format::Float, Format::String] {
            ways.push(Point::from_json(format, &json, &limits).map(|_| 0).map_err(|error| format!("{error:?}")));
        }
    }
    seen(ways)
}

/// The rule of a datarule.
pub fn rule(bytes: &[u8]) -> u64 {
    let Ok(json) = wire::json::decode(bytes) else { return 0 };
    match Rule::from_json(&json) {
        Ok(rule) => seen(format!("{rule:?}").chars().filter(|c| c.is_alphabetic()).collect::<String>()),
        Err(error) => seen(format!("{error:?}")),
    }
}
