//! Names in paths. Browsers resolve `.` and `..` before they ask, however they are written, and both are good names here: a
//! tilde goes before them, and before every name that begins with one.

use wire::path::encode_segment;

/// A name as one segment of a path.
pub fn written(name: &str) -> String {
    let tilde = if matches!(name, "." | "..") || name.starts_with('~') { "~" } else { "" };
    format!("{tilde}{}", encode_segment(name))
}

/// A text with everything escaped that has a meaning in a header or a URL.
pub fn escaped(text: &str) -> String {
    encode_segment(text)
}

/// The name that a decoded segment stands for.
pub fn read(segment: &str) -> &str {
    segment.strip_prefix('~').unwrap_or(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_survives_a_browser() {
        for (name, segment) in [("a", "a"), ("..", "~.."), (".", "~."), ("~x", "~~x"), ("a b/ü", "a%20b%2F%C3%BC")] {
            assert_eq!(written(name), segment);
            assert_eq!(read(&wire::path::decode_segment(segment).unwrap()), name);
        }
    }
}
