//! One event as one line.

use std::fmt::{self, Debug, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::Level;
use tracing::field::{Field, Visit};

use crate::config::LogFormat;
use crate::when;

/// A value is cut behind so many bytes.
const VALUE_BYTES: usize = 256;

/// A line that is being written.
pub struct Line {
    format: LogFormat,
    text: String,
    /// The message, which text lines show before the fields.
    message: String,
    fields: String,
}

impl Line {
    pub fn begin(format: LogFormat, level: Level, target: &str) -> Line {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (moment, millis) = (when::utc(since.as_secs()), since.subsec_millis());
        let moment = moment.trim_end_matches('Z').replace(' ', "T");
        let text = match format {
            LogFormat::Text => format!("{moment}.{millis:03}Z {level:<5}"),
            LogFormat::Json => {
                format!("{{\"time\":\"{moment}.{millis:03}Z\",\"level\":\"{level}\",\"target\":\"{target}\"")
            }
        };
        Line { format, text, message: String::new(), fields: String::new() }
    }

    /// The whole line, its LF included.
    pub fn end(mut self) -> String {
        match self.format {
            LogFormat::Text => {
                if !self.message.is_empty() {
                    self.text.push(' ');
                    push_escaped(&mut self.text, &self.message, false);
                }
                self.text.push_str(&self.fields);
            }
            LogFormat::Json => {
                if !self.message.is_empty() {
                    self.text.push_str(",\"message\":");
                    push_quoted(&mut self.text, &self.message);
                }
                self.text.push_str(&self.fields);
                self.text.push('}');
            }
        }
        self.text.push('\n');
        self.text
    }

    fn push_text(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_owned();
            return;
        }
        self.push_name(field);
        let is_plain =
            !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"=\\".contains(&byte));
        if self.format == LogFormat::Text && is_plain {
            push_escaped(&mut self.fields, value, false);
        } else {
            push_quoted(&mut self.fields, value);
        }
    }

    fn push_number(&mut self, field: &Field, value: impl fmt::Display) {
        self.push_name(field);
        let _ = write!(self.fields, "{value}");
    }

    fn push_name(&mut self, field: &Field) {
        let _ = match self.format {
            LogFormat::Text => write!(self.fields, " {}=", field.name()),
            LogFormat::Json => write!(self.fields, ",\"{}\":", field.name()),
        };
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push_text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push_text(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push_number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push_number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push_number(field, value);
    }
}

fn push_quoted(line: &mut String, value: &str) {
    line.push('"');
    push_escaped(line, value, true);
    line.push('"');
}

/// Writes a value that cannot leave its place. In quotes this is JSON.
fn push_escaped(line: &mut String, value: &str, in_quotes: bool) {
    let cut = value.floor_char_boundary(VALUE_BYTES);
    for c in value[..cut].chars() {
        match c {
            '"' | '\\' if in_quotes => line.extend(['\\', c]),
            c if is_unseen(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
            c => line.push(c),
        }
    }
    if cut < value.len() {
        line.push('…');
    }
}

/// Controls, marks that turn the reading direction, separators of lines, and what has no width.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(value: &str) -> String {
        let mut line = String::new();
        push_quoted(&mut line, value);
        line
    }

    #[test]
    fn a_hostile_value_stays_in_its_place() {
        for value in [
            "two\nlines",
            "\r\n{\"level\":\"INFO\"}",
            "\u{1b}[2J\u{7}",
            "\u{202e}txt.exe\u{2066}",
            "a\"b\\c",
            "\u{85}\u{2028}\u{9b}31m",
            "\u{e0041}",
        ] {
            let written = escaped(value);
            assert!(!written.chars().any(is_unseen), "{written}");
            let read: String = serde_json::from_str(&written).unwrap();
            assert_eq!(read, value, "and can be read back");
        }
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = format!("{}ä", "x".repeat(255));
        assert_eq!(escaped(&long), format!("\"{}…\"", "x".repeat(255)));
        assert_eq!(escaped(&"x".repeat(256)), format!("\"{}\"", "x".repeat(256)));
    }

    #[test]
    fn an_event_is_one_json_object_or_one_line_of_text() {
        // Events are made by the macros only, so they are caught on their way to the log.
        struct Catch(std::sync::Arc<std::sync::Mutex<Vec<String>>>);
        impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Catch {
            fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
                for format in [LogFormat::Text, LogFormat::Json] {
                    let mut line = Line::begin(format, *event.metadata().level(), event.metadata().target());
                    event.record(&mut line);
                    self.0.lock().unwrap().push(line.end());
                }
            }
        }
        let lines = std::sync::Arc::<std::sync::Mutex<Vec<String>>>::default();
        let subscriber =
            tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), Catch(lines.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(sn = "a \"b\"\n", count = 3, ok = true, plain = "x/y", "it \u{202e}went\n well");
        });
        let lines = lines.lock().unwrap();
        assert!(
            lines[0]
                .ends_with(" INFO  it \\u202ewent\\u000a well sn=\"a \\\"b\\\"\\u000a\" count=3 ok=true plain=x/y\n"),
            "{}",
            lines[0]
        );
        let object: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
        assert_eq!(
            (&object["level"], &object["sn"], &object["count"]),
            (&"INFO".into(), &"a \"b\"\n".into(), &3.into())
        );
        assert_eq!(object["message"], "it \u{202e}went\n well");
        assert!(lines.iter().all(|line| line.matches('\n').count() == 1));
    }
}
