//! JSON as a person reads it: what fits on a line stays on one, a text alone has no quotes.

use serde_json::Value as Json;

use crate::output::visible;

/// Columns of a line at most.
const WIDTH: usize = 96;

/// A result.
pub fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => visible(text),
        _ => {
            let mut text = String::new();
            lay(json, 0, 0, &mut text);
            text
        }
    }
}

/// Writes a value that begins behind `taken` columns.
fn lay(json: &Json, depth: usize, taken: usize, text: &mut String) {
    let flat = visible(&json.to_string());
    let is_long = 2 * depth + taken + flat.len() > WIDTH;
    match json {
        Json::Array(list) if is_long && !list.is_empty() => {
            let items = list.iter().map(|item| (String::new(), item));
            block('[', ']', items, depth, text);
        }
        Json::Object(object) if is_long && !object.is_empty() => {
            let items = object.iter().map(|(key, value)| (format!("{}: ", Json::from(visible(key))), value));
            block('{', '}', items, depth, text);
        }
        _ => text.push_str(&flat),
    }
}

fn block<'j>(
    open: char,
    close: char,
    items: impl Iterator<Item = (String, &'j Json)>,
    depth: usize,
    text: &mut String,
) {
    let indent = "  ".repeat(depth + 1);
    text.push(open);
    for (index, (key, value)) in items.enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&indent);
        text.push_str(&key);
        lay(value, depth + 1, key.len(), text);
    }
    text.push('\n');
    text.push_str(&indent[2..]);
    text.push(close);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_stays_on_a_line_and_what_does_not_is_still_json() {
        assert_eq!(shown(&json!("a\u{1b}b")), "a\\u{1b}b");
        assert_eq!(shown(&json!([[5, 1.5]])), "[[5,1.5]]");
        let points: Vec<Json> = (0..20).map(|at| json!([1_700_000_000 + at, "value"])).collect();
        let long = json!({"points": points, "name": "x"});
        let text = shown(&long);
        assert!(text.lines().count() == 25 && text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.contains("    [1700000000,\"value\"],\n"), "{text}");
        assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), long);
    }
}
