//! What can go wrong on a connection to PostgreSQL, and what that is to a rule.

use std::{fmt, io};

use model::{Error, Field};

/// Why a statement has no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection is gone, and with it its transaction. What became of a COMMIT under way is unknown.
    Lost(io::Error),
    /// The server said no; inside a transaction, that is in vain from here on.
    Refused(Refusal),
    /// What reads the rows stopped it.
    Stopped(Error),
}

/// An error of the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    message: String,
    /// It closed the connection as well.
    pub(crate) is_final: bool,
}

impl Refusal {
    /// Reads the fields of an ErrorResponse.
    pub(super) fn read(body: &[u8]) -> Refusal {
        let mut refusal = Refusal::default();
        for field in body.split(|byte| *byte == 0) {
            let Some((kind, text)) = field.split_first() else { break };
            let text = || String::from_utf8_lossy(text).into_owned();
            match kind {
                b'C' => refusal.code = text(),
                b'M' => refusal.message = text(),
                b'V' => refusal.is_final = matches!(text().as_str(), "FATAL" | "PANIC"),
                _ => {}
            }
        }
        refusal
    }

    /// Others were in the way at that moment: the same transaction may succeed now.
    pub(crate) fn is_collision(&self) -> bool {
        matches!(self.code.as_str(), "40001" | "40P01")
    }

    /// It took longer than a statement may.
    pub(crate) fn is_timeout(&self) -> bool {
        self.code == "57014"
    }

    /// The server cannot serve now: it is full, starting, stopping, not the one that takes writes, or did not come to it in time.
    pub(crate) fn passes(&self) -> bool {
        let class = self.code.get(..2).unwrap_or_default();
        self.is_final
            || self.is_collision()
            || matches!(class, "08" | "53" | "57" | "58")
            || matches!(self.code.as_str(), "55P03" | "25006" | "25P02" | "25P03")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.message, self.code)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Lost(cause) => write!(out, "the connection to PostgreSQL is lost: {cause}"),
            Fault::Refused(refusal) => write!(out, "PostgreSQL refused: {refusal}"),
            Fault::Stopped(error) => write!(out, "{error}"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(cause: io::Error) -> Fault {
        Fault::Lost(cause)
    }
}

impl Fault {
    /// What it is to a rule.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Fault::Lost(_) => Error::Unavailable,
            Fault::Refused(refusal) if refusal.passes() => Error::Unavailable,
            // A NUL, which no TEXT of PostgreSQL can hold.
            Fault::Refused(refusal) if refusal.code == "22021" => Error::Malformed(Field("text")),
            Fault::Refused(refusal) => Error::internal(format_args!("PostgreSQL refused: {refusal}")),
            Fault::Stopped(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_and_is_a_fault_of_ours_only_where_it_does_not_pass() {
        let refusal = |severity: &str, code: &str| {
            Refusal::read(format!("S{severity}\0V{severity}\0C{code}\0Mbecause\0\0").as_bytes())
        };
        assert_eq!(refusal("ERROR", "40P01").to_string(), "because (40P01)");
        assert!(refusal("FATAL", "57P01").is_final && !refusal("ERROR", "57014").is_final);
        for code in ["40001", "40P01", "55P03", "57014", "53100", "25006"] {
            assert_eq!(Fault::Refused(refusal("ERROR", code)).into_error(), Error::Unavailable, "{code}");
        }
        let nul = Fault::Refused(refusal("ERROR", "22021")).into_error();
        assert_eq!(nul, Error::Malformed(Field("text")));
        for code in ["42601", "23505"] {
            let error = Fault::Refused(refusal("ERROR", code)).into_error();
            assert!(matches!(error, Error::Internal(_)), "{code}");
        }
    }
}
