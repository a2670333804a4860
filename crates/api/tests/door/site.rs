//! A site with one path for each thing that an answer can be.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cikada_api::common::codes::Manner;
use cikada_api::http::{Answer, Request, Site, refuse};
use http::header::{ALLOW, CONTENT_RANGE, ETAG};
use http::{HeaderValue, Method, StatusCode};
use http_body::{Body, Frame};
use model::Error;

pub const CIK: &str = "0123456789abcdef0123456789abcdef01234567";
pub const SMALL_BYTES: usize = 16;

pub struct Probe;

impl Site for Probe {
    async fn answer(self: Arc<Self>, request: Request) -> Answer {
        let Request { head, mut body } = request;
        let Ok(Some(path)) = head.segments() else { return Answer::refusal(StatusCode::BAD_REQUEST, "malformed path") };
        match (head.method(), &path[..]) {
            (_, ["cik"]) => Answer::text(CIK),
            (_, ["ip"]) => Answer::text(head.peer().to_string()),
            (_, ["said", name]) => Answer::text(format!("{} {name}?{}", head.method(), head.query())),
            (&Method::POST | &Method::PUT, ["echo"]) => match body.read(1 << 20).await {
                Ok(bytes) => Answer::text(bytes),
                Err(error) => refusal(error),
            },
            (&Method::POST, ["small"]) => match body.read(SMALL_BYTES).await {
                Ok(bytes) => Answer::text(bytes),
                Err(error) => refusal(error),
            },
            (&Method::POST, ["count"]) => {
                let mut bytes = 0;
                loop {
                    match body.next().await {
                        Ok(Some(piece)) => bytes += piece.len(),
                        Ok(None) => return Answer::text(bytes.to_string()),
                        Err(error) => return refusal(error),
                    }
                }
            }
            (_, ["ignore"]) => Answer::refusal(StatusCode::UNAUTHORIZED, "no credential"),
            (_, ["204"]) => Answer::no_content(),
            (_, ["205"]) => Answer::reset_content(),
            (_, ["304"]) => Answer::empty(StatusCode::NOT_MODIFIED).with(ETAG, HeaderValue::from_static("\"a\"")),
            (_, ["405"]) => Answer::method_not_allowed("GET, HEAD"),
            (_, ["416"]) => Answer::refusal(StatusCode::RANGE_NOT_SATISFIABLE, "no such range")
                .with(CONTENT_RANGE, HeaderValue::from_static("bytes */7"))
                .with(ALLOW, HeaderValue::from_static("GET")),
            (_, ["close"]) => Answer::text("bye").closing(),
            (_, ["stream", pieces]) => stream(pieces.parse().unwrap(), None),
            (_, ["broken", pieces]) => stream(pieces.parse().unwrap(), Some(2)),
            (_, ["block", ms]) => {
                // What no route may do: it holds its whole worker.
                std::thread::sleep(Duration::from_millis(ms.parse().unwrap()));
                Answer::text("at last")
            }
            (_, ["slow", ms]) => {
                tokio::time::sleep(Duration::from_millis(ms.parse().unwrap())).await;
                Answer::text("at last")
            }
            (_, ["panic"]) => panic!("a route that panics on purpose"),
            (_, ["internal"]) => refuse(&Error::internal("a secret cause"), Manner::Plain),
            _ => Answer::not_found(),
        }
    }
}

fn refusal(error: Error) -> Answer {
    match error {
        Error::TooLarge(_) => Answer::refusal(StatusCode::PAYLOAD_TOO_LARGE, "too large"),
        _ => Answer::refusal(StatusCode::BAD_REQUEST, "malformed body"),
    }
}

const PIECE: &[u8] = &[b'x'; 64 << 10];

fn stream(pieces: u64, breaks_after: Option<u64>) -> Answer {
    let content_type = HeaderValue::from_static("application/octet-stream");
    let body = Pieces { left: breaks_after.unwrap_or(pieces), breaks: breaks_after.is_some() };
    Answer::stream(StatusCode::OK, content_type, pieces * PIECE.len() as u64, body)
}

struct Pieces {
    left: u64,
    breaks: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(match self.left {
            0 if self.breaks => Some(Err(Error::internal("the disk broke"))),
            0 => None,
            _ => {
                self.left -= 1;
                Some(Ok(Frame::data(Bytes::from_static(PIECE))))
            }
        })
    }
}
