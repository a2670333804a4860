//! An argument as it is typed: JSON, `@alias`, or a bare word.

use serde_json::{Value as Json, json};

/// Reads them all; an error names the one that cannot be read.
pub fn read_all(typed: &[String]) -> Result<Vec<Json>, String> {
    let read = |(index, text): (usize, &String)| {
        read(text).map_err(|why| format!("argument {} is not JSON: {why}", index + 1))
    };
    typed.iter().enumerate().map(read).collect()
}

/// Reads one. What begins like JSON and is none is an error, so that a lost brace does not become a text.
fn read(text: &str) -> Result<Json, String> {
    if let Some(alias) = text.strip_prefix('@') {
        return Ok(json!({"alias": alias}));
    }
    // A key of digits alone is a number to JSON, but never meant as one.
    if text.len() == 40 && text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Ok(json!(text));
    }
    match serde_json::from_str(text) {
        Ok(json) => Ok(json),
        Err(error) if text.trim_start().starts_with(['{', '[', '"']) => Err(error.to_string()),
        Err(_) => Ok(json!(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_json_or_an_alias_or_a_word() {
        let digits = "1234567890".repeat(4);
        for (typed, read_as) in [
            ("@temp", json!({"alias": "temp"})),
            ("@", json!({"alias": ""})),
            ("{\"limit\":5}", json!({"limit": 5})),
            ("[1,\"a\"]", json!([1, "a"])),
            ("-3.5", json!(-3.5)),
            ("true", json!(true)),
            ("\"5\"", json!("5")),
            ("\"@x\"", json!("@x")),
            ("dataport", json!("dataport")),
            ("two words", json!("two words")),
            ("", json!("")),
            (&digits, json!(digits)),
        ] {
            assert_eq!(read(typed), Ok(read_as), "{typed}");
        }
    }

    #[test]
    fn json_that_is_cut_short_is_told_with_its_place() {
        let typed = ["@t".to_owned(), "{\"limit\":5".to_owned()];
        let said = read_all(&typed).unwrap_err();
        assert!(said.starts_with("argument 2 is not JSON: ") && said.contains("column 10"), "{said}");
        for wrong in ["{alias:x}", "[1,", "\"open"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
