//! JSON as the resource API reads it (contract, rpc.md): one value and nothing after it, at most 127 levels deep, no key
//! twice in an object, text that is Unicode and numbers that are finite.

use std::fmt;

use model::{Error, Field, Result};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

/// Reads a body.
pub fn decode(body: &[u8]) -> Result<Value> {
    match serde_json::from_slice(body) {
        Ok(Strict(value)) => Ok(value),
        Err(_) => Err(Error::Malformed(Field("body"))),
    }
}

/// A value of JSON, whatever it is written in. What has no place in JSON (bytes, tags, NaN, a key that is not text) and a
/// doubled key are refused.
pub(crate) struct Strict(pub(crate) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Strict, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or(E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> std::result::Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Value, A::Error> {
        // Never as many as the peer claims: the list grows with what is there.
        let mut values = Vec::new();
        while let Some(Strict(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            let Strict(value) = object.next_value()?;
            if fields.insert(key, value).is_some() {
                return Err(A::Error::custom("a doubled key"));
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_one_value() {
        for (body, value) in [
            ("null", json!(null)),
            (
                " [1, -1, 1.5, 18446744073709551615, true, \"\\u00e9\\ud83d\\ude00\"] ",
                json!([1, -1, 1.5, u64::MAX, true, "é😀"]),
            ),
            ("{\"b\":{\"a\":[]},\"a\":{}}", json!({"a": {}, "b": {"a": []}})),
        ] {
            assert_eq!(decode(body.as_bytes()), Ok(value), "{body}");
        }
    }

    #[test]
    fn a_body_out_of_form_is_refused() {
        for body in [
            &b""[..],
            b"nul",
            b"[1,]",
            b"{} {}",
            b"[] x",
            b"NaN",
            b"1e400",
            b"01",
            b"'a'",
            b"\"a\nb\"",
            b"\"\\ud800\"",
            b"\"\\udc00\\ud800\"",
            b"\"\xff\"",
            b"\xef\xbb\xbf{}",
            b"{\"a\":1,\"a\":1}",
            b"[{\"b\":{\"a\":1,\"\\u0061\":1}}]",
            b"{a:1}",
        ] {
            assert_eq!(decode(body), Err(Error::Malformed(Field("body"))), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_body_is_at_most_127_levels_deep() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(decode(nested(127).as_bytes()).is_ok());
        assert!(decode(nested(128).as_bytes()).is_err());
        assert!(decode("[".repeat(1_000_000).as_bytes()).is_err());
        assert!(decode("{\"a\":".repeat(1_000_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_decoding_panic(body in "[\\[\\]{}\",:a0-9.eE+u\\\\-]{0,40}", bytes: Vec<u8>) {
            let _ = (decode(body.as_bytes()), decode(&bytes));
        }
    }
}
