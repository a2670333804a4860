//! Serving a blob: conditions, ranges, digests (contract, device.md "blob"; RFC 9110, RFC 9530).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::blob::{Digest, Pieces};
use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_RANGE, ETAG, HeaderName, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use http_body::{Frame, SizeHint};
use model::{Error, Noun, Result};
use store::table::content::Content;
use wire::http::byte_range::{self, Wanted};
use wire::http::{conditional, digest};

use crate::common::app::App;
use crate::http::{Answer, Head};

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");

/// Answers with the blob of a content, or the part of it that was asked for. An entry that never got a blob has none.
pub(super) async fn serve(app: &Arc<App>, head: &Head, content: &Content) -> Result<Answer> {
    let sha_256 = content.digest.ok_or(Error::Absent(Noun::Content))?;
    let etag = etag(&sha_256);
    if head.header("if-none-match").is_some_and(|tags| conditional::none_match_names(tags, &etag)) {
        return Ok(finish(Answer::empty(StatusCode::NOT_MODIFIED), head, &etag, &sha_256));
    }
    if let Some(url) = app.blobs.redirect(Digest::from_bytes(sha_256), content.length).await? {
        let location = HeaderValue::try_from(url).map_err(Error::internal)?;
        let answer = Answer::refusal(StatusCode::TEMPORARY_REDIRECT, "the content is at the object store");
        return Ok(finish(answer.with(LOCATION, location), head, &etag, &sha_256));
    }
    let wanted = match head.header("range") {
        Some(range) if *head.method() == Method::GET && range_counts(head, &etag) => {
            byte_range::wanted(range, content.length)
        }
        _ => Wanted::Whole,
    };
    let content_range = wanted.content_range(content.length).map(HeaderValue::try_from).transpose();
    let content_range = content_range.map_err(Error::internal)?;
    let (status, bytes) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0..content.length),
        Wanted::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first..last + 1),
        Wanted::Unsatisfiable => {
            let answer = Answer::refusal(StatusCode::RANGE_NOT_SATISFIABLE, "the range cannot be met");
            let answer = finish(answer, head, &etag, &sha_256);
            return Ok(content_range.into_iter().fold(answer, |answer, value| answer.with(CONTENT_RANGE, value)));
        }
    };
    let content_type = HeaderValue::from_str(&content.content_type).map_err(Error::internal)?;
    let reader = app.blobs.open(Digest::from_bytes(sha_256), content.length).await?;
    let answer = match reader.bytes() {
        Some(whole) => {
            let part = whole.slice(bytes.start as usize..bytes.end as usize);
            app.measures.content_sent.add(part.len() as u64);
            Answer::bytes(status, content_type, part)
        }
        None => {
            let length = bytes.end - bytes.start;
            let mut pieces = reader.pieces(bytes);
            // A store that fails is said to fail while there is still a status to say it with.
            pieces.begin().await?;
            Answer::stream(status, content_type, length, PieceBody { pieces, app: app.clone() })
        }
    };
    let answer = finish(answer, head, &etag, &sha_256);
    Ok(content_range.into_iter().fold(answer, |answer, value| answer.with(CONTENT_RANGE, value)))
}

fn finish(answer: Answer, head: &Head, etag: &str, sha_256: &[u8; 32]) -> Answer {
    let value = |text: &str| HeaderValue::from_str(text).expect("hex, quotes and base64 are visible ASCII");
    let answer = answer.with(ACCEPT_RANGES, BYTES).with(ETAG, value(etag));
    if head.header("want-repr-digest").is_some_and(digest::wants_sha_256) {
        return answer.with(REPR_DIGEST, value(&digest::encode(sha_256)));
    }
    answer
}

/// `Range` counts unless `If-Range` names other bytes.
fn range_counts(head: &Head, etag: &str) -> bool {
    head.header("if-range").is_none_or(|value| conditional::if_range_holds(value, etag, None))
}

/// A strong entity tag: 128 bits of the blob's SHA-256.
fn etag(sha_256: &[u8; 32]) -> String {
    let digest = Digest::from_bytes(*sha_256).to_string();
    format!("\"{}\"", &digest[..32])
}

struct PieceBody {
    pieces: Pieces,
    app: Arc<App>,
}

impl http_body::Body for PieceBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let piece = std::task::ready!(self.pieces.poll_next(context));
        if let Some(Ok(bytes)) = &piece {
            self.app.measures.content_sent.add(bytes.len() as u64);
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.pieces.remaining())
    }
}
