//! What `config.rs` prints with in the binary; here nothing is printed.

use std::fmt;

use crate::failure::Outcome;

/// One line.
pub fn line(_text: impl fmt::Display) -> Outcome {
    Ok(())
}
