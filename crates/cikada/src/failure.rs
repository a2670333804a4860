//! Why a command did not succeed, in words for the person who ran it: what went wrong, and what to do about it.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// What every command returns.
pub type Outcome<T = ()> = Result<T, Failure>;

/// A command's failure; [`Failure::report`] prints it, the exit code is 1.
#[derive(Debug)]
pub struct Failure {
    what: String,
    advice: Option<String>,
    silent: bool,
}

impl Failure {
    /// Says what went wrong, in one line without a full stop.
    pub fn new(what: impl fmt::Display) -> Failure {
        Failure { what: what.to_string(), advice: None, silent: false }
    }

    /// Says what to do next.
    pub fn advise(mut self, advice: impl fmt::Display) -> Failure {
        self.advice = Some(advice.to_string());
        self
    }

    /// A file that could not be read or written; `doing` completes "cannot …".
    pub fn file(doing: &str, path: &Path, error: &io::Error) -> Failure {
        let failure = Failure::new(format!("cannot {doing} {}: {}", path.display(), plain(error)));
        match error.kind() {
            io::ErrorKind::NotFound => failure.advise("check the name, and the folder you are in"),
            io::ErrorKind::PermissionDenied => failure.advise("look at who may use it with `ls -l`"),
            io::ErrorKind::StorageFull => failure.advise("make room on that disk, and run it again"),
            _ => failure,
        }
    }

    /// Nobody reads the output any more (`… | head`): not a success, and nobody to tell.
    pub fn output(error: io::Error) -> Failure {
        let silent = error.kind() == io::ErrorKind::BrokenPipe;
        Failure { silent, ..Failure::new(format!("cannot write the output: {error}")) }
    }

    /// Prints the failure on standard error.
    pub fn report(&self) -> ExitCode {
        if !self.silent {
            let mut stderr = io::stderr().lock();
            // When standard error is closed as well, the exit code has to say it.
            let _ = writeln!(stderr, "error: {}", self.what);
            if let Some(advice) = &self.advice {
                let _ = writeln!(stderr, "  try: {advice}");
            }
        }
        ExitCode::FAILURE
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Adds what was being done to an error that only knows how it failed.
pub trait Doing<T> {
    /// `doing` completes "cannot …".
    fn doing(self, doing: impl fmt::Display) -> Outcome<T>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl fmt::Display) -> Outcome<T> {
        self.map_err(|error| Failure::new(format!("cannot {doing}: {}", plain(error))))
    }
}

/// An error in words, without the number that the system has for it.
pub fn plain(error: impl fmt::Display) -> String {
    let mut text = error.to_string();
    if let Some(end) = text.find(" (os error ") {
        text.truncate(end);
    }
    text
}
