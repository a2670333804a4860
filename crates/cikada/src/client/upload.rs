//! Sending a file as content: streamed, with its digest, so that a server stores exactly these bytes or none.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::thread;
use std::time::Duration;

use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};
use ureq::SendBody;

use super::{Answer, Request, Server, digest, refusal};
use crate::failure::{Doing, Failure, Outcome};
use crate::output::{note, visible};
use crate::progress;

const PIECE_BYTES: usize = 256 << 10;
/// How often an upload that was cut is begun again: there is no resuming inside one.
const TRIES: u32 = 4;

/// A file ready to be sent: its length and digest are known.
pub struct Upload {
    file: File,
    label: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: digest::Sha256,
}

impl Upload {
    /// Opens a file and reads it once for its digest.
    pub fn open(path: &Path) -> Outcome<Upload> {
        let label = visible(&path.file_name().unwrap_or_default().to_string_lossy());
        let mut file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
        let metadata = file.metadata().doing(format_args!("read {}", path.display()))?;
        if !metadata.is_file() {
            return Err(
                Failure::new(format!("{} is not a file", path.display())).advise("name one file; pack a folder first")
            );
        }
        let bar = progress::bytes(&format!("reading {label}"), metadata.len());
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; PIECE_BYTES];
        let mut bytes = 0;
        loop {
            let count = file.read(&mut buffer).doing(format_args!("read {}", path.display()))?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            bytes += count as u64;
            bar.set_position(bytes);
        }
        bar.finish_and_clear();
        Ok(Upload { file, label, bytes, sha256: hasher.finalize().into() })
    }
}

/// Sends the file; begins again when the connection is cut. The server keeps what it had until the new content is whole.
pub fn upload(server: &Server, request: &Request, upload: &mut Upload) -> Outcome<Answer> {
    let mut tries = 0;
    loop {
        tries += 1;
        match send(server, request, upload)? {
            Sent::Answered(answer) if answer.status == 205 => return Ok(answer),
            Sent::Answered(answer) if !matches!(answer.status, 429 | 503) || tries == TRIES => {
                return Err(refusal::explain(request, &answer));
            }
            Sent::Cut(failure) if tries == TRIES => return Err(failure),
            Sent::Answered(answer) => note(format_args!("the server is busy ({}); trying again", answer.status)),
            Sent::Cut(failure) => note(format_args!("{failure}; trying again")),
        }
        thread::sleep(Duration::from_secs(1 << tries));
    }
}

enum Sent {
    Answered(Answer),
    Cut(Failure),
}

fn send(server: &Server, request: &Request, upload: &mut Upload) -> Outcome<Sent> {
    upload.file.rewind().doing(format_args!("read {}", upload.label))?;
    let bar = progress::bytes(&format!("sending {}", upload.label), upload.bytes);
    let mut body = Counted { file: &upload.file, left: upload.bytes, bar: &bar };
    let head = server
        .head(request)
        .header("Content-Length", upload.bytes)
        .header("Repr-Digest", digest::field(&upload.sha256))
        .header("Expect", "100-continue");
    let built = head.body(SendBody::from_reader(&mut body)).doing("write the request")?;
    let sent = server.agent.run(built);
    bar.finish_and_clear();
    let mut answer = match sent {
        Ok(answer) => answer,
        Err(error) => return Ok(Sent::Cut(refusal::unreachable(server.base(), &request.doing, &error))),
    };
    let status = answer.status().as_u16();
    // The status has decided; a reason that got lost is only a reason.
    let body = answer.body_mut().with_config().limit(64 << 10).lossy_utf8(true).read_to_string().unwrap_or_default();
    Ok(Sent::Answered(Answer { status, body }))
}

/// The file's bytes, as many as were hashed: a file that grew meanwhile is sent as it was, one that shrank is an error.
struct Counted<'a> {
    file: &'a File,
    left: u64,
    bar: &'a ProgressBar,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read(&mut buffer[..room])?;
        if count == 0 && room > 0 {
            return Err(io::Error::other("the file got shorter while it was sent"));
        }
        self.left -= count as u64;
        self.bar.inc(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{answer, serve};
    use super::*;

    #[test]
    fn a_file_is_sent_with_its_length_and_digest() {
        let server = serve(|request| {
            assert!(request.contains("content-length: 3\r\n") && request.ends_with("\r\n\r\nabc"), "{request}");
            assert!(
                request.contains("repr-digest: sha-256=:ungwv48bz+pbqudexa4ii7adyaowf3qctbd/yfiafa0=:"),
                "{request}"
            );
            answer("205 Reset Content", "", b"")
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let mut file = Upload::open(&path).unwrap();
        assert_eq!(digest::field(&file.sha256), "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:");
        upload(&server, &Request::post("/blob", &[]), &mut file).unwrap();
    }

    #[test]
    fn a_refused_upload_says_why_and_is_not_tried_again() {
        let mut calls = 0;
        let server = serve(move |_| {
            calls += 1;
            assert_eq!(calls, 1);
            answer("400 Bad Request", "", b"digest does not match")
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let failure = upload(&server, &Request::post("/blob", &[]).to("upload abc"), &mut Upload::open(&path).unwrap());
        assert_eq!(failure.unwrap_err().to_string(), "cannot upload abc (400: digest does not match)");
    }
}
