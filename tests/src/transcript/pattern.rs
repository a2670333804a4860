//! Text with `{placeholders}`: filled in where it is sent, matched where it is expected.

use std::collections::BTreeMap;

/// The values known so far in a case.
pub type Values = BTreeMap<String, String>;

enum Piece<'a> {
    Text(&'a str),
    Hole { name: &'a str, keep: Option<&'a str> },
}

/// Fills in every placeholder and resolves the escapes.
pub fn fill(text: &str, values: &Values) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.extend(unescape(text)?),
            Piece::Hole { name, .. } => match values.get(name) {
                Some(value) => out.extend(value.as_bytes()),
                None => return Err(format!("nothing is known of {{{name}}}")),
            },
        }
    }
    Ok(out)
}

/// Whether the text fits the pattern; what the pattern asks to keep is added to the values then.
pub fn fits(pattern: &str, text: &str, values: &mut Values) -> Result<bool, String> {
    let pieces = pieces(pattern);
    let mut kept = Vec::new();
    let fits = matches(&pieces, text, values, &mut kept)?;
    if fits {
        values.extend(kept);
    }
    Ok(fits)
}

fn matches(pieces: &[Piece], text: &str, values: &Values, kept: &mut Vec<(String, String)>) -> Result<bool, String> {
    let Some((first, rest)) = pieces.split_first() else { return Ok(text.is_empty()) };
    let literal = match first {
        Piece::Text(text) => Some(String::from_utf8(unescape(text)?).map_err(|_| "an escape that is not UTF-8")?),
        Piece::Hole { name, keep: None } => values.get(*name).cloned(),
        Piece::Hole { .. } => None,
    };
    if let Some(literal) = literal {
        return match text.strip_prefix(&literal) {
            Some(tail) => matches(rest, tail, values, kept),
            None => Ok(false),
        };
    }
    let Piece::Hole { name, keep } = first else { return Ok(false) };
    let (form, keep) = match keep {
        Some(form) => (*form, Some(*name)),
        None => (*name, None),
    };
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    for end in ends.collect::<Vec<_>>() {
        if is_of_form(form, &text[..end])? && matches(rest, &text[end..], values, kept)? {
            kept.extend(keep.map(|name| (name.to_owned(), text[..end].to_owned())));
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_of_form(form: &str, text: &str) -> Result<bool, String> {
    Ok(match form {
        "any" => true,
        "int" => !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()),
        "hex40" => crate::is_hex40(text),
        "date" => crate::rules::is_http_date(text),
        _ => return Err(format!("{{{form}}} is neither known nor a form")),
    })
}

/// Cuts at `{name}` and `{name=form}`; other braces are text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(open) = rest[from..].find('{').map(|at| from + at) {
        let inside = &rest[open + 1..];
        let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '=')));
        match end {
            Some(end)
                if end > 0
                    && inside[end..].starts_with('}')
                    && inside.starts_with(|c: char| c.is_ascii_alphabetic()) =>
            {
                pieces.push(Piece::Text(&rest[..open]));
                let (name, keep) =
                    inside[..end].split_once('=').map_or((&inside[..end], None), |(name, form)| (name, Some(form)));
                pieces.push(Piece::Hole { name, keep });
                rest = &inside[end + 1..];
                from = 0;
            }
            _ => from = open + 1,
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                let digits = String::from_utf8_lossy(&digits).into_owned();
                u8::from_str_radix(&digits, 16).map_err(|_| format!("a strange escape in {text:?}"))?
            }
            _ => return Err(format!("a strange escape in {text:?}")),
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_matched_and_kept() {
        let mut values = Values::from([("model".to_owned(), "m-1".to_owned())]);
        assert_eq!(fill("a={model}{\"x\":1}\\r\\x00", &values).unwrap(), b"a=m-1{\"x\":1}\r\0");
        assert!(fill("{nobody}", &values).is_err());
        let key = "0123456789abcdef0123456789abcdef01234567";
        assert!(fits("{cik=hex40},{model},{int}", &format!("{key},m-1,42"), &mut values).unwrap());
        assert_eq!(values["cik"], key);
        assert!(!fits("{cik},{int}", &format!("{key},"), &mut values).unwrap());
        assert!(fits("x{any}y", "xxyy", &mut values).unwrap());
        assert!(fits("{nobody}", "", &mut values).is_err());
    }
}
