//! Writing text into a buffer that the caller owns: numbers, percent-encoding, hex. Nothing here allocates.

/// Appends to a fixed buffer and remembers whether everything fitted.
pub(crate) struct Writer<'b> {
    buffer: &'b mut [u8],
    length: usize,
    overflowed: bool,
}

impl<'b> Writer<'b> {
    pub(crate) fn new(buffer: &'b mut [u8]) -> Writer<'b> {
        Writer { buffer, length: 0, overflowed: false }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        match self.buffer.get_mut(self.length..).and_then(|rest| rest.get_mut(..bytes.len())) {
            Some(place) => {
                copy(place, bytes);
                self.length += bytes.len();
            }
            None => self.overflowed = true,
        }
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        let mut digits = [0; 20];
        let (mut rest, mut used) = (number, 0);
        for place in digits.iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
            used += 1;
            if rest == 0 {
                break;
            }
        }
        self.bytes(digits.get(digits.len() - used..).unwrap_or_default())
    }

    /// Appends a text as it stands in a form or a query.
    pub(crate) fn percent(&mut self, text: &str) -> &mut Self {
        for &byte in text.as_bytes() {
            if is_unreserved(byte) {
                self.bytes(&[byte]);
            } else {
                let [high, low] = hex_of(byte).map(|digit| digit.to_ascii_uppercase());
                self.bytes(&[b'%', high, low]);
            }
        }
        self
    }

    /// What has been written so far.
    pub(crate) fn written(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    /// Makes the writing fail: what should be written must not be sent.
    pub(crate) fn refuse(&mut self) {
        self.overflowed = true;
    }

    /// The number of bytes written, if all of them fitted.
    pub(crate) fn finish(&self) -> Option<usize> {
        (!self.overflowed).then_some(self.length)
    }
}

/// Copies as much as there is and as fits. The library's way brings the code of a panic with it.
pub(crate) fn copy(into: &mut [u8], bytes: &[u8]) {
    into.iter_mut().zip(bytes).for_each(|(place, &byte)| *place = byte);
}

/// Moves bytes towards the front of their buffer.
pub(crate) fn move_down(buffer: &mut [u8], start: usize, end: usize, to: usize) {
    for (number, from) in (start..end).enumerate() {
        let byte = buffer.get(from).copied();
        if let (Some(byte), Some(place)) = (byte, buffer.get_mut(to + number)) {
            *place = byte;
        }
    }
}

/// A byte as two lower-case hex digits. Arithmetic, because indexing a table brings the code of a panic with it.
fn hex_of(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|value| if value < 10 { b'0' + value } else { b'a' + value - 10 })
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// How long a text is once it is percent-encoded.
pub(crate) fn percent_length(text: &str) -> usize {
    text.bytes().map(|byte| if is_unreserved(byte) { 1 } else { 3 }).sum()
}

/// Decodes `%XX` and `+` where they stand; the answer is the decoded front of the text.
pub(crate) fn percent_decode(text: &mut [u8]) -> Option<&mut [u8]> {
    let (mut from, mut to) = (0, 0);
    while let Some(&byte) = text.get(from) {
        let (decoded, width) = match byte {
            b'+' => (b' ', 1),
            b'%' => (nibble(*text.get(from + 1)?)? << 4 | nibble(*text.get(from + 2)?)?, 3),
            other => (other, 1),
        };
        *text.get_mut(to)? = decoded;
        from += width;
        to += 1;
    }
    text.get_mut(..to)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Reads decimal digits and nothing else.
pub(crate) fn parse_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, digit| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(value)
    })
}

/// 16 random bytes as 32 hex digits.
pub(crate) fn hex_of_16(bytes: &[u8; 16]) -> [u8; 32] {
    let mut text = [0; 32];
    for (pair, &byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = hex_of(byte);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_does_not_fit_is_noticed_and_never_cut() {
        let mut buffer = [0; 8];
        assert_eq!(Writer::new(&mut buffer).text("12345678").finish(), Some(8));
        assert_eq!(Writer::new(&mut buffer).text("123456789").finish(), None);
        assert_eq!(Writer::new(&mut buffer).number(u64::MAX).finish(), None);
        assert_eq!(Writer::new(&mut buffer).percent("a b").number(0).finish(), Some(6));
        assert_eq!(&buffer[..6], b"a%20b0");
    }

    #[test]
    fn percent_encoding_reads_back_whatever_was_written() {
        for text in ["", "plain", "00:1A b+c&d=e%", "é/ñ~_-."] {
            let mut buffer = [0; 64];
            let length = Writer::new(&mut buffer).percent(text).finish().unwrap();
            assert_eq!(length, percent_length(text));
            assert_eq!(percent_decode(&mut buffer[..length]).unwrap(), text.as_bytes());
        }
        for broken in ["%", "%4", "%g0", "a%4"] {
            assert!(percent_decode(&mut broken.as_bytes().to_vec()).is_none(), "{broken}");
        }
        assert_eq!(percent_decode(&mut b"a+b".to_vec()).unwrap(), b"a b");
    }

    #[test]
    fn a_number_is_digits_that_fit_in_64_bits() {
        assert_eq!(parse_number(b"18446744073709551615"), Some(u64::MAX));
        for wrong in ["", "18446744073709551616", "1a", "-1", " 1", "+1"] {
            assert_eq!(parse_number(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
