//! The `Range` header against a content's length (RFC 9110, section 14; contract, device.md "blob"): one range is a part,
//! several are answered with the whole, and so is what cannot be understood.

use super::trim;

/// What of a content to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it, with 200.
    Whole,
    /// The bytes from `first` to `last`, both included, with 206.
    Part {
        /// The first byte, from 0.
        first: u64,
        /// The last byte; below the content's length.
        last: u64,
    },
    /// There is no such part: 416.
    Unsatisfiable,
}

impl Wanted {
    /// The `Content-Range` of the answer, unless it is the whole.
    pub fn content_range(&self, length: u64) -> Option<String> {
        match self {
            Wanted::Whole => None,
            Wanted::Part { first, last } => Some(format!("bytes {first}-{last}/{length}")),
            Wanted::Unsatisfiable => Some(format!("bytes */{length}")),
        }
    }
}

/// What the header's value asks for, of a content with this many bytes.
pub fn wanted(value: &str, length: u64) -> Wanted {
    let Some(ranges) = ranges_in_bytes(value) else { return Wanted::Whole };
    // An empty element of a list counts for nothing.
    let mut ranges = ranges.split(',').map(trim).filter(|range| !range.is_empty());
    match (ranges.next(), ranges.next()) {
        (Some(only), None) => one(only, length).unwrap_or(Wanted::Whole),
        _ => Wanted::Whole,
    }
}

fn ranges_in_bytes(value: &str) -> Option<&str> {
    let (unit, ranges) = trim(value).split_once('=')?;
    unit.eq_ignore_ascii_case("bytes").then_some(ranges)
}

fn one(range: &str, length: u64) -> Option<Wanted> {
    let (first, last) = range.split_once('-')?;
    if first.is_empty() {
        let count = number(last)?.min(length);
        return Some(part(length - count, length, length));
    }
    let first = number(first)?;
    if last.is_empty() {
        return Some(part(first, length, length));
    }
    let last = number(last)?;
    (first <= last).then(|| part(first, last.saturating_add(1), length))
}

fn part(first: u64, end: u64, length: u64) -> Wanted {
    if first < length { Wanted::Part { first, last: end.min(length) - 1 } } else { Wanted::Unsatisfiable }
}

/// Digits; more than fit stand for the greatest number, which is beyond any content.
fn number(digits: &str) -> Option<u64> {
    let valid = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    valid.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part_of(first: u64, last: u64) -> Wanted {
        Wanted::Part { first, last }
    }

    #[test]
    fn one_range_is_a_part_and_anything_else_is_the_whole() {
        use Wanted::*;
        for (value, wanted_of_ten) in [
            ("bytes=0-0", part_of(0, 0)),
            ("bytes=0-9", part_of(0, 9)),
            ("bytes=0-10", part_of(0, 9)),
            ("bytes=9-9", part_of(9, 9)),
            ("bytes=3-", part_of(3, 9)),
            ("bytes=0-", part_of(0, 9)),
            ("bytes=-3", part_of(7, 9)),
            ("bytes=-10", part_of(0, 9)),
            ("bytes=-11", part_of(0, 9)),
            ("bytes=007-008", part_of(7, 8)),
            ("BYTES=1-2", part_of(1, 2)),
            (" bytes=1-2\t", part_of(1, 2)),
            ("bytes= 1-2 ", part_of(1, 2)),
            ("bytes=,1-2, ,", part_of(1, 2)),
            ("bytes=5-18446744073709551615", part_of(5, 9)),
            ("bytes=5-99999999999999999999999", part_of(5, 9)),
            ("bytes=-99999999999999999999999", part_of(0, 9)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-20", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=18446744073709551615-18446744073709551615", Unsatisfiable),
            ("bytes=0-1,3-4", Whole),
            ("bytes=0-1,20-", Whole),
            ("bytes=20-,30-", Whole),
            ("bytes=2-1", Whole),
            ("bytes=", Whole),
            ("bytes=,", Whole),
            ("bytes=-", Whole),
            ("bytes=5", Whole),
            ("bytes=--5", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=1 - 2", Whole),
            ("bytes=1-2-3", Whole),
            ("bytes=0x1-2", Whole),
            ("bytes=a-b", Whole),
            ("bytes =1-2", Whole),
            ("bytes:1-2", Whole),
            ("bytes 1-2", Whole),
            ("octets=1-2", Whole),
            ("1-2", Whole),
            ("", Whole),
            ("bytes=١-٢", Whole),
        ] {
            assert_eq!(wanted(value, 10), wanted_of_ten, "{value:?}");
        }
    }

    #[test]
    fn an_empty_content_has_no_part() {
        for value in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"] {
            assert_eq!(wanted(value, 0), Wanted::Unsatisfiable, "{value}");
        }
        assert_eq!(wanted("bytes=-1", u64::MAX), part_of(u64::MAX - 1, u64::MAX - 1));
    }

    #[test]
    fn the_answer_says_which_part_it_is() {
        assert_eq!(part_of(2, 5).content_range(10).as_deref(), Some("bytes 2-5/10"));
        assert_eq!(Wanted::Unsatisfiable.content_range(10).as_deref(), Some("bytes */10"));
        assert_eq!(Wanted::Whole.content_range(10), None);
    }

    proptest! {
        #[test]
        fn a_part_holds_exactly_the_bytes_that_were_asked_for(first in 0..30_u64, last in 0..30_u64, length in 0..20_u64) {
            let asked: Vec<u64> = (0..length).filter(|byte| (first..=last).contains(byte)).collect();
            let expected = match (asked.first(), asked.last()) {
                _ if first > last => Wanted::Whole,
                (Some(&first), Some(&last)) => part_of(first, last),
                _ => Wanted::Unsatisfiable,
            };
            prop_assert_eq!(wanted(&format!("bytes={first}-{last}"), length), expected);
        }

        #[test]
        fn a_part_never_leaves_the_content(value in "(bytes=)?[0-9, -]{0,12}|.*", length: u64) {
            if let Wanted::Part { first, last } = wanted(&value, length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
