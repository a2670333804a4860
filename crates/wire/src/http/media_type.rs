//! A media type (RFC 9110, section 8.3.1): what a blob is stored with, and what says how to read a body.

use model::{Error, Field, Result};

use super::{is_token_byte, trim};

const MAX_BYTES: usize = 128;

/// A media type in form: at most 128 bytes of printable ASCII, so that it can be given back in a header as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    text: &'a str,
    essence: &'a str,
}

impl<'a> MediaType<'a> {
    /// What a body is when nothing says what it is.
    pub const OCTET_STREAM: MediaType<'static> =
        MediaType { text: "application/octet-stream", essence: "application/octet-stream" };

    /// Reads the value of a `Content-Type`.
    pub fn parse(value: &'a str) -> Result<MediaType<'a>> {
        let text = trim(value);
        match essence(text) {
            Some(essence) if text.len() <= MAX_BYTES => Ok(MediaType { text, essence }),
            _ => Err(Error::Malformed(Field("content-type"))),
        }
    }

    /// The whole of it as it came, parameters included.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether it is this type, whatever its parameters say: `is("text/csv")`.
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }
}

/// Type and subtype of a media type that is in form to its end.
fn essence(text: &str) -> Option<&str> {
    let after_type = after_token(text)?.strip_prefix('/')?;
    let after_subtype = after_token(after_type)?;
    let mut rest = after_subtype;
    while !rest.is_empty() {
        rest = rest.trim_start_matches(' ').strip_prefix(';')?.trim_start_matches(' ');
        if !rest.is_empty() && !rest.starts_with(';') {
            rest = after_parameter(rest)?;
        }
    }
    Some(&text[..text.len() - after_subtype.len()])
}

fn after_parameter(text: &str) -> Option<&str> {
    let value = after_token(text)?.strip_prefix('=')?;
    match value.strip_prefix('"') {
        Some(quoted) => after_quoted(quoted),
        None => after_token(value),
    }
}

/// What follows a token of at least one character.
fn after_token(text: &str) -> Option<&str> {
    let end = text.bytes().position(|c| !is_token_byte(c)).unwrap_or(text.len());
    (end > 0).then(|| &text[end..])
}

/// What follows the closing quote.
fn after_quoted(text: &str) -> Option<&str> {
    let mut characters = text.char_indices();
    while let Some((place, c)) = characters.next() {
        match c {
            '"' => return Some(&text[place + 1..]),
            '\\' => characters.next().filter(|(_, c)| is_printable(*c)).map(|_| ())?,
            c if is_printable(c) => {}
            _ => return None,
        }
    }
    None
}

fn is_printable(c: char) -> bool {
    (' '..='~').contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_media_type_is_two_tokens_and_parameters() {
        for (value, essence) in [
            ("text/plain", "text/plain"),
            ("Text/CSV", "text/csv"),
            ("text/csv; charset=utf-8", "text/csv"),
            ("text/csv;charset=\"utf-8\" ; header=absent", "text/csv"),
            ("text/csv ;", "text/csv"),
            ("text/csv;;a=b", "text/csv"),
            (" application/vnd.x+json\t", "application/vnd.x+json"),
            ("a/b;c=\"d;e,\\\"f\\\\\"", "a/b"),
            ("a/b;c=\"\"", "a/b"),
            ("*/*", "*/*"),
        ] {
            let parsed = MediaType::parse(value).unwrap();
            assert!(parsed.is(essence), "{value}");
            assert!(!parsed.is("x/y"));
            assert_eq!(parsed.as_str(), trim(value));
        }
        assert!(MediaType::parse(MediaType::OCTET_STREAM.as_str()) == Ok(MediaType::OCTET_STREAM));
    }

    #[test]
    fn a_media_type_out_of_form_is_refused() {
        for value in [
            "",
            "text",
            "text/",
            "/plain",
            "text/plain/x",
            "text /plain",
            "text/ plain",
            "text/plain charset=utf-8",
            "text/plain, text/html",
            "text/plain; charset",
            "text/plain; charset=",
            "text/plain; charset =utf-8",
            "text/plain; charset= utf-8",
            "text/plain; charset=\"utf-8",
            "text/plain; charset=\"utf-8\"x",
            "text/plain; a=\"\\",
            "text/plain; a=\"\t\"",
            "text/plain\r\nX: y",
            "text/plain; a=\"\r\n\"",
            "text/plain\0",
            "text/plain;\tcharset=utf-8",
            "text/pläin",
            "text/plain; a=\"ä\"",
            "text/plain; a=\"\\ä\"",
            "<script>/x",
            "text/html;<",
        ] {
            assert_eq!(MediaType::parse(value), Err(Error::Malformed(Field("content-type"))), "{value:?}");
        }
        assert!(MediaType::parse(&format!("a/{}", "b".repeat(126))).is_ok());
        assert!(MediaType::parse(&format!("a/{}", "b".repeat(127))).is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_short_printable_ascii(value in ".*|[a-z]{1,3}/[a-z]{1,3}(; ?[a-z]=(\"[ -~\t]*\"|[!-~]*)){0,3}") {
            if let Ok(parsed) = MediaType::parse(&value) {
                prop_assert!(parsed.as_str().len() <= 128);
                prop_assert!(parsed.as_str().chars().all(is_printable));
            }
        }
    }
}
