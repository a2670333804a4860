//! Percent-escapes (RFC 3986 section 2.1), strict: an escape is `%` and two hex digits, the result is UTF-8 without NUL.

use std::borrow::Cow;

/// What a plus sign stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// A space, as in forms.
    Space,
    /// Itself, as in paths.
    Itself,
}

/// Decodes once. Text without escapes is borrowed.
pub(crate) fn decode(bytes: &[u8], plus: Plus) -> Option<Cow<'_, str>> {
    let escaped = |c: &u8| *c == b'%' || *c == b'+' && plus == Plus::Space;
    let text = match bytes.iter().position(escaped) {
        None => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
        Some(plain) => Cow::Owned(String::from_utf8(unescape(bytes, plain, plus)?).ok()?),
    };
    (!text.contains('\0')).then_some(text)
}

fn unescape(bytes: &[u8], plain: usize, plus: Plus) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..plain]);
    let mut rest = bytes[plain..].iter();
    while let Some(&c) = rest.next() {
        decoded.push(match c {
            b'%' => hex_digit(*rest.next()?)? << 4 | hex_digit(*rest.next()?)?,
            b'+' if plus == Plus::Space => b' ',
            _ => c,
        });
    }
    Some(decoded)
}

fn hex_digit(c: u8) -> Option<u8> {
    char::from(c).to_digit(16).map(|digit| digit as u8)
}

/// Writes `text` so that both forms and paths read it back: unreserved characters stay, a space becomes what `plus` says.
pub(crate) fn encode_onto(out: &mut String, text: &str, plus: Plus) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b' ' if plus == Plus::Space => out.push('+'),
            _ => {
                out.push('%');
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_is_two_hex_digits_and_gives_utf_8() {
        for (escaped, text) in [
            ("", Some("")),
            ("abc", Some("abc")),
            ("a%20b", Some("a b")),
            ("%C3%a9", Some("é")),
            ("%2520", Some("%20")),
            ("%", None),
            ("%4", None),
            ("a%4", None),
            ("%4g", None),
            ("%+1", None),
            ("% 1", None),
            ("%C3", None),
            ("%FF", None),
            ("%00", None),
            ("a\0", None),
        ] {
            assert_eq!(decode(escaped.as_bytes(), Plus::Itself).as_deref(), text, "{escaped:?}");
            assert_eq!(decode(escaped.as_bytes(), Plus::Space).as_deref(), text, "{escaped:?}");
        }
        assert_eq!(decode(b"a+b", Plus::Itself).as_deref(), Some("a+b"));
        assert_eq!(decode(b"a+b", Plus::Space).as_deref(), Some("a b"));
        assert_eq!(decode(b"\xff", Plus::Space), None);
    }
}
