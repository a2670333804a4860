//! What a command prints: plain lines on standard output; a reader who has gone away is a failure, not a panic.

use std::fmt;
use std::io::Write;

use crate::failure::{Failure, Outcome};

/// Prints one line.
pub fn line(text: impl fmt::Display) -> Outcome {
    writeln!(std::io::stdout().lock(), "{text}").map_err(Failure::output)
}
