//! How a range writes its numbers (contract, manage.md "A range"): a number has exactly one text in a spelling, and a
//! text that is not exactly that one is no number of it.

use crate::{Error, Field, Result};

/// The longest `length`: a serial number is at most 128 bytes.
const MAX_LENGTH: u32 = 128;
const MAC_LIMIT: u128 = 1 << 48;
const MAC_DIGITS: usize = 12;

/// What the digits of a serial number are, and what stands between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Decimal digits.
    Base10,
    /// Hex digits.
    Base16,
    /// `01:02:03:04:05:FF`
    MacColon,
    /// `01-02-03-04-05-FF`
    MacDash,
    /// `0102.0304.05FF`
    MacDot,
}

/// Which letters stand for the hex digits above nine. It says nothing in base 10, but is kept and given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Casing {
    /// `A` to `F`
    Upper,
    /// `a` to `f`
    Lower,
}

/// One way to write numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spelling {
    format: Format,
    length: Option<u32>,
    casing: Casing,
}

impl Format {
    /// Every format, in the contract's order.
    pub const ALL: [Format; 5] = [Format::Base10, Format::Base16, Format::MacColon, Format::MacDash, Format::MacDot];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Format::Base10 => "base10",
            Format::Base16 => "base16",
            Format::MacColon => "mac:48",
            Format::MacDash => "mac-48",
            Format::MacDot => "mac.48",
        }
    }

    /// The format that this word of the wire stands for.
    pub fn from_word(word: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.word() == word)
    }

    fn radix(self) -> u128 {
        if self == Format::Base10 { 10 } else { 16 }
    }

    /// For a MAC address: how many digits stand together, and what stands between the groups.
    fn groups(self) -> Option<(usize, u8)> {
        match self {
            Format::Base10 | Format::Base16 => None,
            Format::MacColon => Some((2, b':')),
            Format::MacDash => Some((2, b'-')),
            Format::MacDot => Some((4, b'.')),
        }
    }
}

impl Casing {
    /// Both casings.
    pub const ALL: [Casing; 2] = [Casing::Upper, Casing::Lower];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Casing::Upper => "upper",
            Casing::Lower => "lower",
        }
    }

    /// The casing that this word of the wire stands for.
    pub fn from_word(word: &str) -> Option<Casing> {
        Casing::ALL.into_iter().find(|casing| casing.word() == word)
    }

    fn letter_a(self) -> u8 {
        match self {
            Casing::Upper => b'A',
            Casing::Lower => b'a',
        }
    }
}

impl Spelling {
    /// The spelling with these properties. A length (1 to 128 digits) does not apply to MAC addresses and is dropped there.
    pub fn new(format: Format, length: Option<u32>, casing: Casing) -> Result<Spelling> {
        let length = length.filter(|_| format.groups().is_none());
        match length {
            Some(0) => Err(Error::Malformed(Field("ranges"))),
            Some(digits) if digits > MAX_LENGTH => Err(Error::Malformed(Field("ranges"))),
            _ => Ok(Spelling { format, length, casing }),
        }
    }

    /// Digits, and what stands between them.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The number of digits, where it is fixed and can be chosen.
    pub fn length(&self) -> Option<u32> {
        self.length
    }

    /// The letters for the digits above nine.
    pub fn casing(&self) -> Casing {
        self.casing
    }

    /// Every spelling in which `text` is the exact text of a number, with that number: at most eight. A range covers
    /// `text` only if it has one of these spellings and holds the number beside it.
    pub fn readings(text: &str) -> Vec<(Spelling, u128)> {
        let lengths = [None, u32::try_from(text.len()).ok()];
        let mut readings = Vec::new();
        for format in Format::ALL {
            let lengths = if format.groups().is_some() { &lengths[..1] } else { &lengths[..] };
            for (&length, casing) in lengths.iter().flat_map(|length| Casing::ALL.map(|casing| (length, casing))) {
                if let Ok(spelling) = Spelling::new(format, length, casing)
                    && let Some(number) = spelling.decode(text)
                {
                    readings.push((spelling, number));
                }
            }
        }
        readings
    }

    /// The greatest number that can be written.
    pub fn max_number(&self) -> u128 {
        match (self.format.groups(), self.length) {
            (Some(_), _) => MAC_LIMIT - 1,
            (None, None) => u128::MAX,
            (None, Some(digits)) => self.format.radix().checked_pow(digits).map_or(u128::MAX, |limit| limit - 1),
        }
    }

    /// The text of a number; none if it is above [`Spelling::max_number`].
    pub fn encode(&self, number: u128) -> Option<String> {
        if number > self.max_number() {
            return None;
        }
        let text = match self.format.groups() {
            Some((width, separator)) => {
                let digits = self.digits(number, MAC_DIGITS);
                digits.chunks(width).collect::<Vec<_>>().join(&separator)
            }
            None => self.digits(number, self.length.map_or(1, |digits| digits as usize)),
        };
        Some(String::from_utf8(text).expect("digits and separators are ASCII"))
    }

    /// The number of which this is the exact text.
    pub fn decode(&self, text: &str) -> Option<u128> {
        let text = text.as_bytes();
        match (self.format.groups(), self.length) {
            (Some((width, separator)), _) => self.decode_mac(text, width, separator),
            (None, Some(digits)) => (text.len() == digits as usize).then(|| self.decode_digits(text))?,
            (None, None) if text.len() > 1 && text[0] == b'0' => None,
            (None, None) => self.decode_digits(text),
        }
    }

    fn decode_mac(&self, text: &[u8], width: usize, separator: u8) -> Option<u128> {
        let mut digits = [0; MAC_DIGITS];
        if text.len() != MAC_DIGITS + MAC_DIGITS / width - 1 {
            return None;
        }
        for (group, chunk) in digits.chunks_mut(width).zip(text.chunks(width + 1)) {
            let (of_group, after) = chunk.split_at(width);
            if !after.iter().all(|&c| c == separator) {
                return None;
            }
            group.copy_from_slice(of_group);
        }
        self.decode_digits(&digits)
    }

    fn decode_digits(&self, digits: &[u8]) -> Option<u128> {
        let radix = self.format.radix();
        if digits.is_empty() {
            return None;
        }
        digits.iter().try_fold(0_u128, |number, &c| number.checked_mul(radix)?.checked_add(self.digit_value(c)?))
    }

    fn digit_value(&self, c: u8) -> Option<u128> {
        let a = self.casing.letter_a();
        match c {
            b'0'..=b'9' => Some(u128::from(c - b'0')),
            _ if self.format != Format::Base10 && (a..a + 6).contains(&c) => Some(u128::from(c - a) + 10),
            _ => None,
        }
    }

    /// At least `width` digits, zero-padded.
    fn digits(&self, mut number: u128, width: usize) -> Vec<u8> {
        let radix = self.format.radix();
        let mut digits = Vec::with_capacity(width.max(39));
        while number > 0 || digits.len() < width {
            let digit = (number % radix) as u8;
            digits.push(if digit < 10 { b'0' + digit } else { self.casing.letter_a() + digit - 10 });
            number /= radix;
        }
        digits.reverse();
        digits
    }

    /// Whether some number from `low` to `high` has the same text in both spellings. Spellings of different formats
    /// are never compared: a text may be a number of each.
    pub(crate) fn share_a_text(&self, other: &Spelling, low: u128, high: u128) -> bool {
        if self.format != other.format {
            return false;
        }
        let Some((low, high)) = both_lengths(self, other, low, high) else { return false };
        if self.casing == other.casing || self.format == Format::Base10 {
            return low <= high;
        }
        low <= high && next_without_letters(low).is_some_and(|number| number <= high)
    }
}

/// The part of `low..=high` whose numbers have as many digits in one spelling as in the other.
fn both_lengths(a: &Spelling, b: &Spelling, low: u128, high: u128) -> Option<(u128, u128)> {
    match (a.length, b.length) {
        (None, None) => Some((low, high)),
        (Some(m), Some(n)) => (m == n).then_some((low, high)),
        // Without a length nothing is padded: only the numbers that have this many digits by themselves. None of a
        // range with that length has more.
        (Some(digits), None) | (None, Some(digits)) => {
            let least = if digits == 1 { 0 } else { a.format.radix().checked_pow(digits - 1)? };
            Some((low.max(least), high))
        }
    }
}

/// The least number from `number` on whose hex digits are all below ten: the one kind that upper and lower case share.
fn next_without_letters(number: u128) -> Option<u128> {
    let Some(letter) = (0..32).rev().find(|&place| number >> (4 * place) & 15 > 9) else { return Some(number) };
    // Everything from the first letter down becomes zero, and one is carried into the places above, of nines too.
    let carry_to = (letter + 1..32).find(|&place| number >> (4 * place) & 15 < 9)?;
    let kept = number >> (4 * carry_to);
    Some((kept + 1) << (4 * carry_to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelling(format: Format, length: Option<u32>, casing: Casing) -> Spelling {
        Spelling::new(format, length, casing).unwrap()
    }

    #[test]
    fn a_number_has_one_text() {
        use Casing::*;
        use Format::*;
        for (format, length, casing, number, text) in [
            (Base10, None, Upper, 0, "0"),
            (Base10, None, Lower, 42, "42"),
            (Base10, Some(4), Upper, 42, "0042"),
            (Base10, None, Upper, u128::MAX, "340282366920938463463374607431768211455"),
            (Base10, Some(41), Upper, u128::MAX, "00340282366920938463463374607431768211455"),
            (Base16, None, Upper, 0xbeef, "BEEF"),
            (Base16, Some(6), Lower, 0xbeef, "00beef"),
            (Base16, Some(32), Lower, u128::MAX, "ffffffffffffffffffffffffffffffff"),
            (MacColon, None, Upper, 0x01_02_03_04_05_ff, "01:02:03:04:05:FF"),
            (MacDash, Some(3), Lower, 0x01_02_03_04_05_ff, "01-02-03-04-05-ff"),
            (MacDot, None, Lower, 0x01_02_03_04_05_ff, "0102.0304.05ff"),
        ] {
            let spelling = spelling(format, length, casing);
            assert_eq!(spelling.encode(number).as_deref(), Some(text));
            assert_eq!(spelling.decode(text), Some(number), "{text}");
            assert!(Spelling::readings(text).contains(&(spelling, number)), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_the_exact_one_is_no_number() {
        use Casing::*;
        use Format::*;
        for (format, length, casing, text) in [
            (Base10, None, Upper, ""),
            (Base10, None, Upper, "00"),
            (Base10, None, Upper, "042"),
            (Base10, None, Upper, "+42"),
            (Base10, None, Upper, " 42"),
            (Base10, None, Upper, "4a"),
            (Base10, None, Upper, "٤"),
            (Base10, None, Upper, "340282366920938463463374607431768211456"),
            (Base10, Some(4), Upper, "42"),
            (Base10, Some(4), Upper, "00042"),
            (Base10, Some(40), Upper, "9999999999999999999999999999999999999999"),
            (Base16, None, Upper, "beef"),
            (Base16, None, Lower, "BEEF"),
            (Base16, None, Lower, "beeF"),
            (Base16, None, Lower, "0xbeef"),
            (Base16, None, Lower, "g"),
            (MacColon, None, Upper, "01:02:03:04:05:ff"),
            (MacColon, None, Upper, "01-02-03-04-05-FF"),
            (MacColon, None, Upper, "1:02:03:04:05:FF"),
            (MacColon, None, Upper, "01:02:03:04:05:FF:"),
            (MacColon, None, Upper, "01:02:03:04:05FF:"),
            (MacColon, None, Upper, "010203:04:05:FF::"),
            (MacDash, None, Upper, "0102030405FF"),
            (MacDot, None, Upper, "0102.0304:05FF"),
            (MacDot, None, Upper, "01.02.03.04.05.FF"),
        ] {
            assert_eq!(spelling(format, length, casing).decode(text), None, "{format:?} {text:?}");
        }
    }

    #[test]
    fn a_length_is_one_to_a_hundred_and_twenty_eight_digits() {
        for (length, good) in [(0, false), (1, true), (128, true), (129, false), (u32::MAX, false)] {
            assert_eq!(Spelling::new(Format::Base16, Some(length), Casing::Upper).is_ok(), good, "{length}");
            assert_eq!(spelling(Format::MacDot, Some(length), Casing::Upper).length(), None);
        }
    }

    #[test]
    fn digits_alone_can_be_read_in_eight_ways_and_other_text_in_none() {
        assert_eq!(Spelling::readings("1234").len(), 8);
        assert_eq!(Spelling::readings("0123").len(), 4);
        assert_eq!(Spelling::readings("12ab").len(), 2);
        assert_eq!(Spelling::readings("00:00:00:00:00:00").len(), 2);
        for none in ["", "xyz", "12aB", "é", &"1".repeat(129)] {
            assert_eq!(Spelling::readings(none), [], "{none:?}");
        }
    }

    #[test]
    fn the_next_number_without_letters_is_found_without_counting() {
        for (number, next) in [
            (0, Some(0)),
            (0x9, Some(0x9)),
            (0xa, Some(0x10)),
            (0x9a, Some(0x100)),
            (0x19a, Some(0x200)),
            (0xa123, Some(0x10000)),
            (0x1a99, Some(0x2000)),
            (0x9999_9999_9999_9999_9999_9999_9999_9999, Some(0x9999_9999_9999_9999_9999_9999_9999_9999)),
            (0x9999_9999_9999_9999_9999_9999_9999_999a, None),
            (u128::MAX, None),
        ] {
            assert_eq!(next_without_letters(number), next, "{number:x}");
        }
        let mut expected = 0x10_0000;
        for number in (0..0x10_0000_u128).rev() {
            if !format!("{number:x}").contains(|c: char| c.is_ascii_alphabetic()) {
                expected = number;
            }
            assert_eq!(next_without_letters(number), Some(expected), "{number:x}");
        }
    }
}
