//! Tells the story: numbered steps, the commands as they would be typed, what came of them, and how long it took.

use std::fmt;
use std::io::{self, IsTerminal};
use std::time::Instant;

use crate::failure::{Failure, Outcome};
use crate::output::line;
use crate::when::span;

/// The one who tells.
pub struct Narrator {
    steps: u32,
    colour: bool,
}

impl Narrator {
    /// In colour on a terminal that wants it.
    pub fn new() -> Narrator {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Narrator { steps: 0, colour: wanted && io::stdout().is_terminal() }
    }

    /// The headline.
    pub fn title(&self, text: impl fmt::Display) -> Outcome {
        line(self.painted("1", text))
    }

    /// One step of the story. It is told as failed when it fails.
    pub fn step<T>(&mut self, title: impl fmt::Display, act: impl FnOnce(&mut Narrator) -> Outcome<T>) -> Outcome<T> {
        self.steps += 1;
        line(format_args!("\n{}", self.painted("1", format_args!("{:>2}  {title}", self.steps))))?;
        let begun = Instant::now();
        match act(self) {
            Ok(value) => {
                self.good(format_args!("done in {}", span(begun.elapsed())))?;
                Ok(value)
            }
            Err(failure) => {
                line(format_args!("    {} {failure}", self.painted("31", "✗")))?;
                Err(failure)
            }
        }
    }

    /// Something that happened.
    pub fn say(&self, text: impl fmt::Display) -> Outcome {
        line(format_args!("    {text}"))
    }

    /// Something that is as it should be.
    pub fn good(&self, text: impl fmt::Display) -> Outcome {
        line(format_args!("    {} {text}", self.painted("32", "✓")))
    }

    /// A command line, and what it printed.
    pub fn command(&self, command: &str, printed: &str) -> Outcome {
        line(format_args!("    {}", self.painted("36", format_args!("$ {command}"))))?;
        printed.lines().try_for_each(|text| line(format_args!("      {text}")))
    }

    fn painted(&self, code: &str, text: impl fmt::Display) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
    }
}

/// What must be so, or the step fails.
pub fn expect(is_so: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if is_so { Ok(()) } else { Err(Failure::new(otherwise())) }
}
