//! What a command prints: tables for people, JSON for scripts; remarks go to standard error.
//!
//! Text from a server is shown with its control characters written out, so that no serial number can move a cursor.

mod cell;
mod table;

use std::fmt;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::failure::{Failure, Outcome};

pub use cell::{Cell, size, visible};
pub use table::Table;

/// How a command prints.
#[derive(Clone, Copy)]
pub struct Output {
    json: bool,
    colour: bool,
}

impl Output {
    /// For a script when `json`, else for a person, with colours only on a terminal that wants them.
    pub fn new(json: bool) -> Output {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colour =
            !json && wanted && io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Output { json, colour }
    }

    /// Whether a script reads.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Whether colours are wanted.
    pub fn is_coloured(self) -> bool {
        self.colour
    }

    /// Starts a list with these columns.
    pub fn table(self, columns: &'static [&'static str]) -> Table {
        Table::new(columns, self.json, self.colour)
    }

    /// Shows one thing: a line a field, or one JSON object.
    pub fn thing(self, fields: &[(&'static str, Cell)]) -> Outcome {
        if self.json {
            return line(table::object(fields.iter().map(|(name, cell)| (*name, cell))));
        }
        let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, cell) in fields {
            line(format_args!("{name:width$}  {}", cell.painted(self.colour)))?;
        }
        Ok(())
    }

    /// Says what was done: a sentence, or the same as a JSON object.
    pub fn done(self, sentence: impl fmt::Display, facts: Value) -> Outcome {
        if self.json { line(facts) } else { line(sentence) }
    }
}

/// Prints one line on standard output.
pub fn line(text: impl fmt::Display) -> Outcome {
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::output)
}

/// Prints a remark on standard error; it is lost where nobody listens.
pub fn note(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
