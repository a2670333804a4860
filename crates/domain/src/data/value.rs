//! Values and their texts (contract, data.md "Write" and "Read").
//!
//! A value is kept as its canonical text, which is also what the wire prints: an integer in decimal, a float as the shortest
//! decimal that reads back the same with at least one digit after the point, a string as it is.

use std::borrow::Cow;

use model::{Error, Field, Limits, Result};
use serde_json::Value as Json;
use store::table::resource::Format;

/// A value of one of the three formats.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// 64-bit signed.
    Integer(i64),
    /// A finite IEEE double.
    Float(f64),
    /// UTF-8 text without NUL; it may be empty.
    String(String),
}

const VALUE: Field = Field("value");

impl Value {
    /// Reads a text from outside in a format.
    pub fn parse(format: Format, text: &str, limits: &Limits) -> Result<Value> {
        match format {
            Format::Integer => parse_integer(text).map(Value::Integer),
            Format::Float => text.parse().ok().and_then(Value::finite),
            Format::String => Some(text)
                .filter(|text| text.len() <= limits.string_value_bytes && !text.contains('\0'))
                .map(|text| Value::String(text.to_owned())),
        }
        .ok_or(Error::Malformed(VALUE))
    }

    /// Reads a JSON value in a format: a number, or the text of one; for a string, text or the text of a number.
    pub fn from_json(format: Format, json: &Json, limits: &Limits) -> Result<Value> {
        match (format, json) {
            (_, Json::String(text)) => Value::parse(format, text, limits),
            (Format::Integer, Json::Number(number)) => {
                let whole = number.as_i64().or_else(|| number.as_f64().and_then(whole));
                whole.map(Value::Integer).ok_or(Error::Malformed(VALUE))
            }
            (Format::Float, Json::Number(number)) => {
                number.as_f64().and_then(Value::finite).ok_or(Error::Malformed(VALUE))
            }
            (Format::String, Json::Number(number)) => Value::parse(format, &number.to_string(), limits),
            _ => Err(Error::Malformed(VALUE)),
        }
    }

    /// The value of a text that was stored.
    pub fn from_stored(format: Format, text: String) -> Result<Value> {
        match format {
            Format::Integer => text.parse().ok().map(Value::Integer),
            Format::Float => text.parse().ok().map(Value::Float),
            Format::String => return Ok(Value::String(text)),
        }
        .ok_or_else(|| Error::internal(format_args!("a stored value is no {format:?}")))
    }

    /// The canonical text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Value::Integer(value) => Cow::Owned(value.to_string()),
            Value::Float(value) => Cow::Owned(float_text(*value)),
            Value::String(value) => Cow::Borrowed(value),
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> Json {
        match self {
            Value::Integer(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::String(value) => Json::from(value.as_str()),
        }
    }

    /// A float, unless it is infinite or not a number.
    pub fn finite(value: f64) -> Option<Value> {
        value.is_finite().then_some(Value::Float(value))
    }
}

/// Decimal digits with a sign, and perhaps a point with nothing but zeros behind it.
fn parse_integer(text: &str) -> Option<i64> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|c| c == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    whole.parse().ok()
}

/// The integer that a double is. Beyond 2^53 a double may stand for another number than the one that was written.
fn whole(value: f64) -> Option<i64> {
    (value.abs() <= 9_007_199_254_740_992.0 && value.fract() == 0.0).then_some(value as i64)
}

fn float_text(value: f64) -> String {
    let mut text = value.to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(format: Format, text: &str) -> Option<String> {
        Value::parse(format, text, &Limits::default()).ok().map(|value| value.text().into_owned())
    }

    #[test]
    fn an_integer_is_a_whole_number_that_may_have_a_point_and_zeros() {
        for (text, canonical) in [
            ("0", Some("0")),
            ("-0", Some("0")),
            ("007", Some("7")),
            ("+5", Some("5")),
            ("12.0", Some("12")),
            ("-12.000", Some("-12")),
            ("9223372036854775807", Some("9223372036854775807")),
            ("-9223372036854775808.0", Some("-9223372036854775808")),
            ("9223372036854775808", None),
            ("12.5", None),
            ("12.", None),
            (".0", None),
            ("1.0.0", None),
            ("1e3", None),
            ("", None),
            ("-", None),
            (" 1", None),
            ("1\n", None),
            ("0x10", None),
            ("true", None),
        ] {
            assert_eq!(parse(Format::Integer, text).as_deref(), canonical, "{text:?}");
        }
    }

    #[test]
    fn a_float_prints_the_shortest_decimal_with_a_digit_after_its_point() {
        for (text, canonical) in [
            ("1", Some("1.0")),
            ("3.1415", Some("3.1415")),
            ("3.14150", Some("3.1415")),
            ("0.1", Some("0.1")),
            ("-0", Some("-0.0")),
            ("1e3", Some("1000.0")),
            ("1E-7", Some("0.0000001")),
            (".5", Some("0.5")),
            ("5.", Some("5.0")),
            ("123456789012345678", Some("123456789012345680.0")),
            ("1e400", None),
            ("NaN", None),
            ("nan", None),
            ("inf", None),
            ("-Infinity", None),
            ("", None),
            ("1,5", None),
            (" 1.5", None),
            ("abc", None),
        ] {
            assert_eq!(parse(Format::Float, text).as_deref(), canonical, "{text:?}");
        }
    }

    #[test]
    fn a_string_is_as_long_as_its_limit_and_not_longer() {
        let limits = Limits { string_value_bytes: 4, ..Limits::default() };
        for (text, good) in [("", true), ("abcd", true), ("éé", true), ("abcde", false), ("ééé", false), ("a\0", false)]
        {
            assert_eq!(Value::parse(Format::String, text, &limits).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn a_json_value_is_read_in_the_format_of_its_series() {
        let limits = Limits::default();
        let read = |format, json: Json| Value::from_json(format, &json, &limits).ok();
        assert_eq!(read(Format::Integer, json!(12)), Some(Value::Integer(12)));
        assert_eq!(read(Format::Integer, json!(12.0)), Some(Value::Integer(12)));
        assert_eq!(read(Format::Integer, json!("12")), Some(Value::Integer(12)));
        assert_eq!(read(Format::Integer, json!(12.5)), None);
        assert_eq!(read(Format::Integer, json!(u64::MAX)), None);
        assert_eq!(read(Format::Integer, json!(9_223_372_036_854_775_808.0_f64)), None);
        assert_eq!(read(Format::Float, json!(2)), Some(Value::Float(2.0)));
        assert_eq!(read(Format::Float, json!("2.5")), Some(Value::Float(2.5)));
        assert_eq!(read(Format::String, json!("x")), Some(Value::String("x".to_owned())));
        assert_eq!(read(Format::String, json!(2.5)), Some(Value::String("2.5".to_owned())));
        for format in [Format::Integer, Format::Float, Format::String] {
            for json in [json!(null), json!(true), json!([1]), json!({"a": 1})] {
                assert_eq!(read(format, json), None);
            }
        }
    }

    proptest! {
        #[test]
        fn every_value_comes_back_from_its_text(
            integer: i64,
            float in any::<f64>().prop_filter("finite", |float| float.is_finite()),
            string in "[^\0]*",
        ) {
            for (format, value) in [
                (Format::Integer, Value::Integer(integer)),
                (Format::Float, Value::Float(float)),
                (Format::String, Value::String(string)),
            ] {
                let text = value.text().into_owned();
                prop_assert_eq!(Value::parse(format, &text, &Limits::default()), Ok(value.clone()));
                prop_assert_eq!(Value::from_stored(format, text.clone()), Ok(value.clone()));
                let json = value.to_json();
                let printed: Json = serde_json::from_str(&json.to_string()).unwrap();
                prop_assert_eq!(Value::from_json(format, &printed, &Limits::default()), Ok(value));
                if format == Format::Float {
                    prop_assert!(text.split_once('.').is_some_and(|(_, after)| !after.is_empty()));
                }
            }
        }

        #[test]
        fn no_text_makes_parsing_panic(text: String) {
            for format in [Format::Integer, Format::Float, Format::String] {
                let _ = Value::parse(format, &text, &Limits::default());
            }
        }
    }
}
