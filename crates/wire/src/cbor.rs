//! CBOR (RFC 8949) for the values that JSON has (contract, coap.md): what comes in is read as strictly as JSON is, and
//! nothing is allocated by a length that the peer only claims.

use model::{Error, Field, Result};
use serde::Serialize;
use serde_json::Value;

use crate::json::Strict;

/// As deep as JSON may be.
const MAX_LEVELS: usize = 127;

/// Reads a payload of at most `max_bytes`: one value, and nothing after it.
pub fn decode(payload: &[u8], max_bytes: usize) -> Result<Value> {
    if payload.len() > max_bytes {
        return Err(Error::TooLarge(Field("body")));
    }
    let mut rest = payload;
    match ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_LEVELS) {
        Ok(Strict(value)) if rest.is_empty() => Ok(value),
        _ => Err(Error::Malformed(Field("body"))),
    }
}

/// Writes a value.
pub fn encode(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut payload = Vec::new();
    ciborium::into_writer(value, &mut payload).map_err(Error::internal)?;
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(payload: &[u8]) -> Result<Value> {
        decode(payload, 1 << 20)
    }

    #[test]
    fn the_values_of_json_are_read() {
        for (payload, value) in [
            (&b"\xf6"[..], json!(null)),
            (b"\xf7", json!(null)),
            (b"\xf5", json!(true)),
            (b"\x18\x64", json!(100)),
            (b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", json!(u64::MAX)),
            (b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", json!(i64::MIN)),
            (b"\xf9\x3e\x00", json!(1.5)),
            (b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a", json!(1.1)),
            (b"\x62\xc3\xa9", json!("é")),
            (b"\x7f\x61a\x62bc\xff", json!("abc")),
            (b"\x82\x01\x80", json!([1, []])),
            (b"\x9f\x01\xff", json!([1])),
            (b"\xa1\x61a\xa0", json!({"a": {}})),
            (b"\xbf\x61a\x01\xff", json!({"a": 1})),
        ] {
            assert_eq!(read(payload), Ok(value), "{payload:x?}");
        }
    }

    #[test]
    fn what_json_does_not_have_is_refused() {
        for payload in [
            &b""[..],
            b"\x01\x01",
            b"\x41a",
            b"\xc0\x61a",
            b"\xd9\xd9\xf7\x01",
            b"\xc2\x49\x01\0\0\0\0\0\0\0\0",
            b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xf9\x7e\x00",
            b"\xf9\x7c\x00",
            b"\xf9\xfc\x00",
            b"\xe0",
            b"\xff",
            b"\x1c",
            b"\x62\xc3\x28",
            b"\xa1\x01\x01",
            b"\xa1\xf6\x01",
            b"\xa2\x61a\x01\x61a\x02",
            b"\x82\x01",
            b"\x9f\x01",
            b"\x61",
        ] {
            assert_eq!(read(payload), Err(Error::Malformed(Field("body"))), "{payload:x?}");
        }
    }

    #[test]
    fn bombs_cost_no_more_than_their_bytes() {
        for bomb in [
            b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            b"\x7b\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            b"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec(),
            vec![0x81; 1 << 20],
            vec![0x9f; 1 << 20],
            vec![0xa1; 1 << 20],
            vec![0xbf; 1 << 20],
            vec![0xc1; 1 << 20],
            vec![0xd8; 1 << 20],
            vec![0x7f; 1 << 20],
            vec![0x5f; 1 << 20],
        ] {
            let small_stack = std::thread::Builder::new().stack_size(2 << 20);
            let refused = small_stack.spawn(move || read(&bomb)).unwrap().join().unwrap();
            assert_eq!(refused, Err(Error::Malformed(Field("body"))));
        }
        assert_eq!(decode(&[0xf6; 3], 2), Err(Error::TooLarge(Field("body"))));
    }

    #[test]
    fn a_payload_is_as_deep_as_json_may_be() {
        let nested = |levels: usize| [vec![0x81; levels - 1], vec![0x80]].concat();
        assert!(read(&nested(127)).is_ok());
        assert!(read(&nested(128)).is_err());
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaves = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter_map("finite", |float| float.is_finite().then(|| Value::from(float))),
            ".*".prop_map(Value::from),
        ];
        leaves.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(".*", inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_of_json_comes_back(value in values()) {
            prop_assert_eq!(read(&encode(&value).unwrap()), Ok(value));
        }

        #[test]
        fn no_bytes_make_decoding_panic(payload: Vec<u8>) {
            let _ = read(&payload);
        }
    }
}
