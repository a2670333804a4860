//! Effects as one node tells the others of them: a row of bytes that is committed with what they are effects of.
//!
//! Each subject is eight bytes. A value is carried whole while there is room; one that is not is only named, and whoever waits for
//! it reads it.

use std::sync::Arc;

use super::{Effects, Stored, Subject};

/// A value that is longer is not carried.
const VALUE_BYTES: usize = 1 << 10;
/// Values are carried while all of them are not longer.
const ALL_VALUES_BYTES: usize = 256 << 10;

const TOUCHED: u8 = 1;
const STORED: u8 = 2;
const STORED_EARLIER: u8 = 3;
const NAMED: u8 = 4;

/// What another node did.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    pub(crate) effects: Effects,
    /// Series into which values came that were not carried.
    pub(crate) named: Vec<Subject>,
}

impl Effects {
    /// As a row of bytes.
    pub(crate) fn carry(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(9 * self.touched.len() + 32 * self.stored.len());
        for subject in &self.touched {
            bytes.push(TOUCHED);
            bytes.extend_from_slice(&subject.number().to_be_bytes());
        }
        for stored in &self.stored {
            let is_carried = stored.value.len() <= VALUE_BYTES && bytes.len() <= ALL_VALUES_BYTES;
            let kind = match (is_carried, stored.is_current) {
                (false, _) => NAMED,
                (true, true) => STORED,
                (true, false) => STORED_EARLIER,
            };
            bytes.push(kind);
            bytes.extend_from_slice(&Subject::Series(stored.resource_id).number().to_be_bytes());
            if is_carried {
                bytes.extend_from_slice(&stored.at.to_be_bytes());
                bytes.extend_from_slice(&(stored.value.len() as u32).to_be_bytes());
                bytes.extend_from_slice(stored.value.as_bytes());
            }
        }
        bytes
    }
}

impl Carried {
    /// Reads a row of bytes; None where a later release wrote something else into it.
    pub(crate) fn read(mut bytes: &[u8]) -> Option<Carried> {
        let mut carried = Carried::default();
        while let Some((kind, rest)) = bytes.split_first() {
            let (number, rest) = rest.split_first_chunk()?;
            let subject = Subject::from_number(u64::from_be_bytes(*number))?;
            bytes = rest;
            match (*kind, subject) {
                (TOUCHED, _) => carried.effects.touched.push(subject),
                (NAMED, Subject::Series(_)) => carried.named.push(subject),
                (STORED | STORED_EARLIER, Subject::Series(resource_id)) => {
                    let (at, rest) = bytes.split_first_chunk()?;
                    let (length, rest) = rest.split_first_chunk()?;
                    let (value, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
                    bytes = rest;
                    carried.effects.stored.push(Arc::new(Stored {
                        resource_id,
                        at: i64::from_be_bytes(*at),
                        is_current: *kind == STORED,
                        value: std::str::from_utf8(value).ok()?.into(),
                    }));
                }
                _ => return None,
            }
        }
        Some(carried)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(resource_id: i64, is_current: bool, value: &str) -> Arc<Stored> {
        Arc::new(Stored { resource_id, at: 1_700_000_000, is_current, value: value.into() })
    }

    #[test]
    fn what_is_carried_arrives() {
        let effects = Effects {
            touched: vec![Subject::Client(1), Subject::Vendor(i64::MAX >> 4), Subject::Resource(0)],
            stored: vec![stored(7, true, "né"), stored(8, false, "")],
            ..Effects::default()
        };
        let carried = Carried::read(&effects.carry()).unwrap();
        assert_eq!(carried.effects.touched, effects.touched);
        assert_eq!(carried.effects.stored, effects.stored);
        assert!(carried.named.is_empty());
    }

    #[test]
    fn a_value_that_is_too_long_and_what_comes_after_too_many_are_named() {
        let long = "x".repeat(VALUE_BYTES + 1);
        let mut effects = Effects { stored: vec![stored(1, true, &long)], ..Effects::default() };
        let full = "x".repeat(VALUE_BYTES);
        effects.stored.extend((0..400).map(|_| stored(2, true, &full)));
        let bytes = effects.carry();
        assert!(bytes.len() < ALL_VALUES_BYTES + 8 * VALUE_BYTES);
        let carried = Carried::read(&bytes).unwrap();
        assert_eq!(carried.named[0], Subject::Series(1));
        assert_eq!(carried.named.len() + carried.effects.stored.len(), 401);
    }

    #[test]
    fn bytes_that_are_not_ours_are_not_believed() {
        let bytes =
            Effects { touched: vec![Subject::Client(1)], stored: vec![stored(7, true, "abc")], ..Effects::default() }
                .carry();
        for length in 1..bytes.len() {
            assert!(length == 9 || Carried::read(&bytes[..length]).is_none(), "{length}");
        }
        assert!(Carried::read(&[9; 9]).is_none());
    }
}
