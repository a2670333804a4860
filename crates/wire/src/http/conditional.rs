//! `If-None-Match` and `If-Range` against what the server has (RFC 9110, sections 13.1.2 and 13.1.5).
//!
//! The server's own entity tag is always a strong one, written with its quotes.

use model::UnixSeconds;

use super::{time, trim};

/// Whether `If-None-Match` names this entity tag, so that the answer is 304. Weak and strong compare alike here, `*`
/// names all, and a value out of form names none.
pub fn none_match_names(value: &str, etag: &str) -> bool {
    if trim(value) == "*" {
        return true;
    }
    let mut rest = value;
    while let Some((tag, after)) = next_tag(rest) {
        if tag.opaque == etag {
            return true;
        }
        rest = after;
    }
    false
}

/// Whether `If-Range` still holds, so that `Range` counts: only a strong tag that is exactly this one, or a date that is
/// exactly `modified`. Pass a `modified` only where `Last-Modified` is sent, and send that only once the second in which
/// the content was replaced is over: otherwise a date would vouch for bytes that it has not seen.
pub fn if_range_holds(value: &str, etag: &str, modified: Option<UnixSeconds>) -> bool {
    match next_tag(value) {
        Some((tag, "")) => !tag.weak && tag.opaque == etag,
        Some(_) => false,
        None => modified.is_some() && time::parse_http_date(trim(value)) == modified,
    }
}

struct Tag<'a> {
    weak: bool,
    /// With its quotes.
    opaque: &'a str,
}

/// The first entity tag of a list, and the rest of the list after its comma. Commas inside of quotes belong to the tag.
fn next_tag(list: &str) -> Option<(Tag<'_>, &str)> {
    let list = list.trim_start_matches([' ', '\t', ',']);
    let (weak, quoted) = match list.strip_prefix("W/") {
        Some(quoted) => (true, quoted),
        None => (false, list),
    };
    let inner = quoted.strip_prefix('"')?;
    let end = inner.find('"')?;
    let allowed = |c: char| c > ' ' && c != '\u{7f}';
    let after = inner[end + 1..].trim_start_matches([' ', '\t']);
    if !inner[..end].chars().all(allowed) || !(after.is_empty() || after.starts_with(',')) {
        return None;
    }
    Some((Tag { weak, opaque: &quoted[..end + 2] }, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn if_none_match_names_a_tag_in_a_list_weak_or_strong() {
        for (value, named) in [
            (r#""a""#, true),
            (r#"W/"a""#, true),
            (r#""b", "a""#, true),
            (r#""b",W/"a" , "c""#, true),
            (r#" , ,"a","#, true),
            (r#""b,","a""#, true),
            ("*", true),
            (" * ", true),
            (r#""b", "c""#, false),
            (r#""A""#, false),
            (r#"w/"a""#, false),
            (r#""b,"a","#, false),
            (r#""b "a""#, false),
            (r#""b" "a""#, false),
            (r#""a"#, false),
            ("a", false),
            ("", false),
            (r#""b", *"#, false),
            (r#""a b", "a""#, false),
        ] {
            assert_eq!(none_match_names(value, "\"a\""), named, "{value}");
        }
    }

    #[test]
    fn if_range_holds_for_the_same_strong_tag_or_the_same_date() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (value, modified, holds) in [
            (r#""a""#, None, true),
            (r#" "a" "#, None, true),
            (r#"W/"a""#, None, false),
            (r#""b""#, None, false),
            (r#""a", "a""#, None, false),
            (r#""b", "a""#, None, false),
            (r#""a"#, None, false),
            ("*", None, false),
            ("", None, false),
            (date, None, false),
            (date, Some(784_111_777), true),
            (date, Some(784_111_778), false),
            (date, Some(784_111_776), false),
            ("yesterday", Some(784_111_777), false),
            ("784111777", Some(784_111_777), false),
        ] {
            assert_eq!(if_range_holds(value, "\"a\"", modified), holds, "{value} {modified:?}");
        }
    }

    proptest! {
        #[test]
        fn a_tag_is_found_wherever_it_stands(before in proptest::collection::vec("(W/)?\"[b-z,]{0,4}\"", 0..4), weak: bool) {
            let tag = if weak { "W/\"a\"" } else { "\"a\"" };
            let list = [before.join(","), tag.into()].join(" , ");
            prop_assert!(none_match_names(&list, "\"a\""));
            prop_assert!(!none_match_names(&before.join(","), "\"a\""));
        }

        #[test]
        fn no_value_makes_a_condition_panic(value in ".*") {
            none_match_names(&value, "\"a\"");
            if_range_holds(&value, "\"a\"", Some(0));
        }
    }
}
