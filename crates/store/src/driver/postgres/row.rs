//! Values on the wire of PostgreSQL: parameters as text, which fits whatever type the statement gives them; answers in
//! binary.

use std::ops::Range;

use model::{Error, Result};

use crate::Param;

const NUMERIC: u32 = 1700;

/// One row of an answer.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    pub(super) body: &'r [u8],
    /// Where each column's value is; None for NULL.
    pub(super) places: &'r [Option<Range<usize>>],
    /// The type of each column.
    pub(super) types: &'r [u32],
}

/// A type that a column can be read as.
pub(crate) trait Column: Sized {
    fn read(bytes: &[u8], type_id: u32) -> Option<Self>;
}

impl<'r> Row<'r> {
    /// A column's value.
    pub(crate) fn find<T: Column>(&self, column: usize) -> Result<Option<T>> {
        let Some(bytes) = self.bytes(column)? else { return Ok(None) };
        let value = T::read(bytes, self.types.get(column).copied().unwrap_or_default());
        value.map(Some).ok_or_else(|| Error::internal(format_args!("column {column} has an unexpected type")))
    }

    /// A column that is not NULL.
    pub(crate) fn require<T: Column>(&self, column: usize) -> Result<T> {
        self.find(column)?.ok_or_else(|| Error::internal(format_args!("column {column} is NULL")))
    }

    /// The bytes of a column.
    pub(crate) fn bytes(&self, column: usize) -> Result<Option<&'r [u8]>> {
        let place = self.places.get(column).ok_or_else(|| Error::internal(format_args!("no column {column}")))?;
        Ok(place.clone().and_then(|place| self.body.get(place)))
    }
}

/// Finds the columns of a message of data.
pub(super) fn columns(body: &[u8], places: &mut Vec<Option<Range<usize>>>) -> Option<()> {
    places.clear();
    let count = u16::from_be_bytes(body.get(..2)?.try_into().ok()?);
    let mut at = 2;
    for _ in 0..count {
        let length = i32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?);
        at += 4;
        if length < 0 {
            places.push(None);
            continue;
        }
        let end = at + length as usize;
        if end > body.len() {
            return None;
        }
        places.push(Some(at..end));
        at = end;
    }
    Some(())
}

impl Column for i64 {
    fn read(bytes: &[u8], type_id: u32) -> Option<i64> {
        if type_id == NUMERIC {
            return whole(bytes);
        }
        match *bytes {
            [a] => Some(i64::from(a)),
            [a, b] => Some(i64::from(i16::from_be_bytes([a, b]))),
            [a, b, c, d] => Some(i64::from(i32::from_be_bytes([a, b, c, d]))),
            _ => bytes.try_into().ok().map(i64::from_be_bytes),
        }
    }
}

impl Column for f64 {
    fn read(bytes: &[u8], _: u32) -> Option<f64> {
        bytes.try_into().ok().map(f64::from_be_bytes)
    }
}

impl Column for bool {
    fn read(bytes: &[u8], _: u32) -> Option<bool> {
        match bytes {
            [byte] => Some(*byte != 0),
            _ => None,
        }
    }
}

impl Column for String {
    fn read(bytes: &[u8], _: u32) -> Option<String> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

impl Column for Vec<u8> {
    fn read(bytes: &[u8], _: u32) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}

/// A NUMERIC without a fraction, as sums are: digits to the base of 10,000, the first of which counts 10,000^weight.
fn whole(bytes: &[u8]) -> Option<i64> {
    let word = |at: usize| Some(i16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let (digits, weight, sign) = (word(0)?, word(2)?, word(4)? as u16);
    let mut number: i128 = 0;
    for place in 0..=i32::from(weight) {
        let digit = if place < i32::from(digits) { word(8 + 2 * place as usize)? } else { 0 };
        number = number.checked_mul(10_000)?.checked_add(i128::from(digit))?;
    }
    match sign {
        0 => i64::try_from(number).ok(),
        0x4000 => i64::try_from(-number).ok(),
        _ => None,
    }
}

impl Param<'_> {
    /// 1 where it is sent in binary, 0 where as text.
    pub(super) fn format(&self) -> i16 {
        i16::from(matches!(self, Param::Bytes(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_whole_numbers() {
        let numeric = |digits: &[i16], weight: i16, sign: i16| {
            let head = [digits.len() as i16, weight, sign, 0];
            head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>()
        };
        assert_eq!(i64::read(&numeric(&[], 0, 0), NUMERIC), Some(0));
        assert_eq!(i64::read(&numeric(&[7], 0, 0x4000), NUMERIC), Some(-7));
        assert_eq!(i64::read(&numeric(&[1, 2345], 1, 0), NUMERIC), Some(12_345));
        assert_eq!(i64::read(&numeric(&[3], 2, 0), NUMERIC), Some(300_000_000));
        assert_eq!(i64::read(&numeric(&[922, 3372, 368, 5477, 5807], 4, 0), NUMERIC), Some(i64::MAX));
        assert_eq!(i64::read(&numeric(&[922, 3372, 368, 5477, 5808], 4, 0), NUMERIC), None);
    }
}
