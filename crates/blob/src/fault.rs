//! What an error of the file system means to a caller: come back later, or an alarm.

use std::io;
use std::path::Path;

use model::Error;
use rustix::io::Errno;

/// A full disk or a full table of files passes; the caller may try again. Anything else is a fault for the log.
pub(crate) fn fault(doing: &str, path: &Path, error: io::Error) -> Error {
    if passes(&error) {
        tracing::warn!(%error, path = %path.display(), "no room while {doing}");
        return Error::Unavailable;
    }
    alarm(format_args!("{doing} {}: {error}", path.display()))
}

/// A fault that an operator must see: it is logged here, where it is found, and the request fails.
pub(crate) fn alarm(fault: std::fmt::Arguments<'_>) -> Error {
    tracing::error!("blob store: {fault}");
    Error::internal(fault)
}

fn passes(error: &io::Error) -> bool {
    use io::ErrorKind::{OutOfMemory, QuotaExceeded, StorageFull};
    let full = matches!(error.kind(), StorageFull | QuotaExceeded | OutOfMemory);
    full || [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
