//! A range of serial numbers (contract, manage.md "A range"): two ends and a spelling, never a list. Every question is
//! answered by arithmetic on the ends, so that a range of 10^18 numbers costs as much as one of ten.

use crate::{Casing, Error, Field, Format, Result, Spelling};

/// The serial numbers from `first` to `last`, both of them included, in one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Range {
    spelling: Spelling,
    first: u128,
    last: u128,
}

/// A range as a row of a table: small numbers, and ends that sort as bytes as they do as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeColumns {
    /// The place of the format in [`Format::ALL`].
    pub format: i64,
    /// The number of digits.
    pub length: Option<i64>,
    /// The place of the casing in [`Casing::ALL`].
    pub casing: i64,
    /// The first number, big-endian.
    pub first: [u8; 16],
    /// The last number, big-endian.
    pub last: [u8; 16],
}

impl Range {
    /// The range from `first` to `last`, if they are in order and both can be written so.
    pub fn new(spelling: Spelling, first: u128, last: u128) -> Result<Range> {
        if first > last || last > spelling.max_number() {
            return Err(Error::Malformed(Field("ranges")));
        }
        Ok(Range { spelling, first, last })
    }

    /// How its numbers are written.
    pub fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// The first number.
    pub fn first(&self) -> u128 {
        self.first
    }

    /// The last number.
    pub fn last(&self) -> u128 {
        self.last
    }

    /// The number that this serial number stands for, if it is one of the range in its exact spelling.
    pub fn contains(&self, serial_number: &str) -> Option<u128> {
        self.spelling.decode(serial_number).filter(|number| (self.first..=self.last).contains(number))
    }

    /// The serial number that this number stands for, if it is in the range.
    pub fn spell(&self, number: u128) -> Option<String> {
        (self.first..=self.last).contains(&number).then(|| self.spelling.encode(number))?
    }

    /// Whether the exact text of some serial number is in both. Ranges of different formats never overlap.
    pub fn overlaps(&self, other: &Range) -> bool {
        self.spelling.share_a_text(&other.spelling, self.first.max(other.first), self.last.min(other.last))
    }

    /// Whether both hold the same serial numbers: casing makes no difference in base 10.
    pub fn is_same(&self, other: &Range) -> bool {
        let base10 = self.spelling.format() == Format::Base10;
        let casing = if base10 { self.spelling.casing() } else { other.spelling.casing() };
        let (a, b) = (self.spelling, other.spelling);
        (a.format(), a.length(), a.casing()) == (b.format(), b.length(), casing)
            && (self.first, self.last) == (other.first, other.last)
    }

    /// The range as a row keeps it.
    pub fn columns(&self) -> RangeColumns {
        let place = |found: Option<usize>| found.expect("ALL holds every value") as i64;
        RangeColumns {
            format: place(Format::ALL.iter().position(|&format| format == self.spelling.format())),
            length: self.spelling.length().map(i64::from),
            casing: place(Casing::ALL.iter().position(|&casing| casing == self.spelling.casing())),
            first: self.first.to_be_bytes(),
            last: self.last.to_be_bytes(),
        }
    }

    /// The range that a row keeps; a row that holds none is a fault of ours.
    pub fn from_stored(row: &RangeColumns) -> Result<Range> {
        fn at<T: Copy>(all: &[T], place: i64) -> Option<T> {
            all.get(usize::try_from(place).ok()?).copied()
        }
        let read = || {
            let length = row.length.map(u32::try_from).transpose().ok()?;
            let spelling = Spelling::new(at(&Format::ALL, row.format)?, length, at(&Casing::ALL, row.casing)?).ok()?;
            Range::new(spelling, u128::from_be_bytes(row.first), u128::from_be_bytes(row.last)).ok()
        };
        read().ok_or_else(|| Error::internal(format_args!("stored range: {row:?}")))
    }
}

#[cfg(test)]
mod tests;
