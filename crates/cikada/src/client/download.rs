//! Fetching content into a file: in pieces when it must be, whole and checked when it is done.
//!
//! The bytes go to `FILE.part`, the tag of the content they belong to to `FILE.part.etag`; a later run asks for the rest with
//! `Range` and `If-Range`, and gets the whole again when the content has been replaced. Only a whole file whose digest is
//! the server's is renamed to `FILE`.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use http::HeaderMap;
use indicatif::ProgressBar;
use ureq::Body;

use super::part::Part;
use super::server::NOT_CIKADA;
use super::{Answer, Request, Server, digest, refusal};
use crate::failure::{Failure, Outcome};
use crate::output::{note, visible};
use crate::progress;

const PIECE_BYTES: usize = 256 << 10;
/// How often in a row a transfer may be cut without a byte of progress.
const FRUITLESS_TRIES: u32 = 4;

/// What was fetched.
pub struct Downloaded {
    /// Its length.
    pub bytes: u64,
    /// How much of it an earlier run had fetched.
    pub resumed_at: u64,
    /// Its SHA-256.
    pub sha256: digest::Sha256,
    /// Whether the server said what it should be.
    pub is_checked: bool,
}

/// Fetches what `request` names into the file `to`.
pub fn download(server: &Server, request: &Request, to: &Path) -> Outcome<Downloaded> {
    let mut part = Part::open(to)?;
    let resumed_at = part.length;
    let fetched = fetch_all(server, request, &mut part);
    if fetched.is_err() && part.length == 0 {
        // Nothing to go on with. An empty file that stays is only untidy.
        let _ = fs::remove_file(&part.path);
    }
    part.finish(to, resumed_at, fetched?)
}

/// Asks until everything is there; the digest it should have.
fn fetch_all(server: &Server, request: &Request, part: &mut Part) -> Outcome<Option<digest::Sha256>> {
    let mut fruitless = 0;
    loop {
        let before = part.length;
        match fetch(server, request, part)? {
            Fetched::Whole(promised) => return Ok(promised),
            Fetched::Cut(_) if part.length != before => fruitless = 0,
            Fetched::Cut(failure) if fruitless + 1 == FRUITLESS_TRIES => {
                return Err(failure.advise(format!("run it again: it goes on after {} bytes", part.length)));
            }
            Fetched::Cut(_) => fruitless += 1,
        }
        note(format_args!("the transfer was cut after {} bytes; going on from there", part.length));
        thread::sleep(Duration::from_secs(1 << fruitless));
    }
}

enum Fetched {
    Whole(Option<digest::Sha256>),
    Cut(Failure),
}

/// One request for what is missing.
fn fetch(server: &Server, request: &Request, part: &mut Part) -> Outcome<Fetched> {
    let mut request = request.clone().header("Want-Repr-Digest", "sha-256=1");
    if let Some(tag) = part.tag.clone().filter(|_| part.length > 0) {
        // One byte that is there already is asked for again, so that the range can be met when nothing is missing.
        part.shorten_to(part.length - 1)?;
        request = request.header("Range", format!("bytes={}-", part.length)).header("If-Range", tag);
    }
    let mut answer = match server.send(&request) {
        Ok(answer) => answer,
        Err(failure) => return Ok(Fetched::Cut(failure)),
    };
    let total = match answer.status().as_u16() {
        206 => continued_total(answer.headers(), part.length)?,
        200 => {
            part.begin(text(answer.headers(), "ETag"))?;
            answer.body().content_length()
        }
        429 | 503 => return Ok(Fetched::Cut(Failure::new("the server is busy"))),
        status => {
            let body =
                answer.body_mut().with_config().limit(64 << 10).lossy_utf8(true).read_to_string().unwrap_or_default();
            return Err(refusal::explain(&request, &Answer { status, body }));
        }
    };
    let promised = text(answer.headers(), "Repr-Digest").and_then(|value| digest::parse_field(&value));
    let bar = progress::bytes(&part.label, total.unwrap_or(part.length));
    bar.set_position(part.length);
    let read = append_all(part, answer.body_mut(), &bar);
    bar.finish_and_clear();
    match read? {
        Ok(()) if total.is_none_or(|total| total == part.length) => Ok(Fetched::Whole(promised)),
        Ok(()) => Ok(Fetched::Cut(Failure::new("the transfer ended early"))),
        Err(error) => Ok(Fetched::Cut(Failure::new(format!("the transfer was cut: {error}")))),
    }
}

/// The inner result is the transfer's, the outer the disk's.
fn append_all(part: &mut Part, body: &mut Body, bar: &ProgressBar) -> Outcome<io::Result<()>> {
    let mut reader = body.as_reader();
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(Ok(())),
            Ok(count) => part.append(&buffer[..count])?,
            Err(error) => return Ok(Err(error)),
        }
        bar.set_position(part.length);
    }
}

/// The whole length out of `Content-Range: bytes <first>-<last>/<total>`, where `first` is what was asked for.
fn continued_total(headers: &HeaderMap, first: u64) -> Outcome<Option<u64>> {
    let value = text(headers, "Content-Range").unwrap_or_default();
    let total = value
        .strip_prefix("bytes ")
        .and_then(|rest| rest.split_once('/'))
        .filter(|(range, _)| range.split_once('-').is_some_and(|(start, _)| start.parse() == Ok(first)))
        .and_then(|(_, total)| total.parse().ok());
    total.map(Some).ok_or_else(|| {
        Failure::new(format!("the server gave another range than asked for: {:?}", visible(&value))).advise(NOT_CIKADA)
    })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use sha2::{Digest as _, Sha256};

    use super::super::fixture::{answer, serve};
    use super::super::part::beside;
    use super::*;

    const TEXT: &[u8] = b"0123456789abcdefghij";

    fn promise() -> String {
        format!("ETag: \"one\"\r\nRepr-Digest: {}\r\n", digest::field(&Sha256::digest(TEXT).into()))
    }

    fn cut(mut whole: Vec<u8>, bytes: usize) -> Vec<u8> {
        whole.truncate(whole.len() - bytes);
        whole
    }

    fn range_from(request: &str) -> usize {
        let from = request.split("range: bytes=").nth(1).unwrap().split('-').next().unwrap();
        assert!(request.contains("if-range: \"one\"\r\n"), "{request}");
        from.parse().unwrap()
    }

    fn rest(request: &str) -> Vec<u8> {
        let from = range_from(request);
        let headers = format!("{}Content-Range: bytes {from}-{}/{}\r\n", promise(), TEXT.len() - 1, TEXT.len());
        answer("206 Partial Content", &headers, &TEXT[from..])
    }

    fn fetch_into(server: &Server) -> (tempfile::TempDir, PathBuf, Outcome<Downloaded>) {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("fw.bin");
        let outcome = download(server, &Request::get("/blob", &[]), &to);
        (folder, to, outcome)
    }

    #[test]
    fn a_cut_transfer_goes_on_where_it_was_cut() {
        let mut calls = 0;
        let server = serve(move |request| {
            calls += 1;
            match calls {
                1 => cut(answer("200 OK", &promise(), TEXT), 12),
                2 => cut(rest(request), 5),
                _ => rest(request),
            }
        });
        let (folder, to, outcome) = fetch_into(&server);
        let downloaded = outcome.unwrap();
        assert_eq!(fs::read(&to).unwrap(), TEXT);
        assert_eq!((downloaded.bytes, downloaded.is_checked), (20, true));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no part and no tag stay behind");
    }

    #[test]
    fn a_later_run_goes_on_with_the_part_of_an_earlier_one() {
        let server = serve(|request| {
            assert_eq!(range_from(request), 6, "the last byte of the part is asked for again");
            rest(request)
        });
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("fw.bin");
        fs::write(beside(&to, ".part"), &TEXT[..7]).unwrap();
        fs::write(beside(&to, ".part.etag"), "\"one\"").unwrap();
        let downloaded = download(&server, &Request::get("/blob", &[]), &to).unwrap();
        assert_eq!((downloaded.resumed_at, fs::read(&to).unwrap().as_slice()), (7, TEXT));
    }

    #[test]
    fn content_replaced_in_between_is_fetched_whole() {
        let server = serve(|_| answer("200 OK", "ETag: \"two\"\r\n", b"new"));
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("fw.bin");
        fs::write(beside(&to, ".part"), TEXT).unwrap();
        fs::write(beside(&to, ".part.etag"), "\"one\"").unwrap();
        download(&server, &Request::get("/blob", &[]), &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"new");
    }

    #[test]
    fn a_part_of_unknown_origin_is_thrown_away() {
        let server = serve(|request| {
            assert!(!request.contains("range: bytes"), "{request}");
            answer("200 OK", &promise(), TEXT)
        });
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("fw.bin");
        fs::write(beside(&to, ".part"), "something").unwrap();
        download(&server, &Request::get("/blob", &[]), &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), TEXT);
    }

    #[test]
    fn bytes_that_are_not_the_promised_ones_are_never_kept() {
        let server = serve(|_| answer("200 OK", &promise(), b"0123456789abcdefghiX"));
        let (folder, _, outcome) = fetch_into(&server);
        assert!(outcome.map(|_| ()).unwrap_err().to_string().contains("SHA-256 differs"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_refusal_leaves_no_file() {
        let server = serve(|_| answer("404 Not Found", "", b"no such content"));
        let (folder, _, outcome) = fetch_into(&server);
        assert!(outcome.map(|_| ()).unwrap_err().to_string().ends_with("(404: no such content)"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
