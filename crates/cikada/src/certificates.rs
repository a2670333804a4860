//! The certificates of a server that runs: read again when their files change, and when somebody asks by SIGHUP. Connections that
//! are open keep what they began with.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use api::http::tls::{Files, Tls};
use tokio::signal::unix::Signal;

/// How often the files are looked at. Who renews a certificate has days for it.
const EVERY: Duration = Duration::from_secs(2);

/// What tells that a file is another: its inode, its length, when it was written.
type Looks = Vec<Option<(u64, u64, i64, i64)>>;

/// Keeps the certificates up to date for ever.
pub async fn renew(tls: Tls, files: Files, mut asked: Signal) {
    let mut known = look(&files);
    loop {
        let is_asked = tokio::select! {
            () = tokio::time::sleep(EVERY) => false,
            _ = asked.recv() => true,
        };
        let now = look(&files);
        if now == known && !is_asked {
            continue;
        }
        known = now;
        // Half of a renewal (the certificate without its key) does not fit together, and is tried again with the other half.
        match tls.reload(&files) {
            Ok(()) => tracing::info!(certificate = %files.certificate.display(), "took up the certificates"),
            Err(cause) => tracing::warn!(%cause, "the certificates cannot be used; the ones before stay"),
        }
    }
}

fn look(files: &Files) -> Looks {
    let of_authorities = files.authorities.iter().map(|authority| &*authority.file);
    [&*files.certificate, &*files.key].into_iter().chain(of_authorities).map(look_at).collect()
}

fn look_at(file: &Path) -> Option<(u64, u64, i64, i64)> {
    let found = fs::metadata(file).ok()?;
    Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
}
