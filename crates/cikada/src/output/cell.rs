//! One value of a table: as a person reads it, and as JSON.

use std::fmt::Write;

use serde_json::Value;

use crate::when;

/// A value with a type that decides how it is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Any text.
    Text(String),
    /// A count.
    Number(u64),
    /// A size in bytes.
    Bytes(u64),
    /// A moment in Unix seconds.
    Time(u64),
    /// Yes or no.
    Flag(bool),
    /// The status of a serial number or a resource.
    Status(String),
    /// Nothing there.
    Nothing,
}

impl Cell {
    /// Text, or nothing when it is empty.
    pub fn text(text: &str) -> Cell {
        if text.is_empty() { Cell::Nothing } else { Cell::Text(text.to_owned()) }
    }

    /// A moment, or the text itself when it is no number; 0 is no moment.
    pub fn time(text: &str) -> Cell {
        match text.parse() {
            Ok(0) => Cell::Nothing,
            Ok(seconds) => Cell::Time(seconds),
            Err(_) => Cell::text(text),
        }
    }

    /// A count, or the text itself when it is no number.
    pub fn number(text: &str) -> Cell {
        text.parse().map_or_else(|_| Cell::text(text), Cell::Number)
    }

    /// A size, or the text itself when it is no number.
    pub fn bytes(text: &str) -> Cell {
        text.parse().map_or_else(|_| Cell::text(text), Cell::Bytes)
    }

    /// The word of a serial number's status; on the wire `unused` is empty.
    pub fn status(word: &str) -> Cell {
        Cell::Status(if word.is_empty() { "unused".to_owned() } else { word.to_owned() })
    }

    /// For JSON.
    pub fn value(&self) -> Value {
        match self {
            Cell::Text(text) | Cell::Status(text) => Value::from(text.as_str()),
            Cell::Number(number) | Cell::Bytes(number) | Cell::Time(number) => Value::from(*number),
            Cell::Flag(flag) => Value::from(*flag),
            Cell::Nothing => Value::Null,
        }
    }

    /// For people.
    pub fn shown(&self) -> String {
        match self {
            Cell::Text(text) | Cell::Status(text) => visible(text),
            Cell::Number(number) => number.to_string(),
            Cell::Bytes(bytes) => size(*bytes),
            Cell::Time(seconds) => when::utc(*seconds),
            Cell::Flag(flag) => (if *flag { "yes" } else { "no" }).to_owned(),
            Cell::Nothing => "-".to_owned(),
        }
    }

    /// For people, in colour where colour says something.
    pub fn painted(&self, colour: bool) -> String {
        self.paint(self.shown(), colour)
    }

    /// Puts the cell's colour around `text`, which may be the cell padded to a column.
    pub fn paint(&self, text: String, colour: bool) -> String {
        let code = match self {
            Cell::Status(word) => match word.as_str() {
                "activated" => "32",
                "notactivated" => "33",
                "expired" | "locked" => "31",
                _ => "2",
            },
            Cell::Nothing => "2",
            _ => return text,
        };
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text }
    }
}

/// Text with everything written out that would move a cursor, change a colour or turn the reading direction.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c.is_control() || turns_direction(c) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A size as people say it: three digits or so, and binary units.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_naturally() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (4 << 20, "4.0 MiB"),
            (3 << 30, "3.0 GiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn an_unused_serial_number_has_a_word_for_people_and_scripts() {
        assert_eq!(Cell::status("").value(), Value::from("unused"));
        assert_eq!(Cell::status("expired").shown(), "expired");
    }
}
