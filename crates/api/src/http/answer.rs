//! The answer to a request, and how it is encoded (contract, README "Rules for every HTTP answer", 1 to 5 and 8).
//!
//! A 204 and a 304 carry no `Content-Length`, a 205 carries a zero one, everything else its true length: an answer is
//! never chunked.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::routes::Route;
use super::seat::Turn;
use super::spelling::spelled;
use super::transport::Transport;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use model::Error;

/// The content type of errors.
pub const PLAIN: HeaderValue = HeaderValue::from_static("text/plain");
/// The content type of CIKs and other text.
pub const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The content type of CSV answers.
pub const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");
/// The content type of JSON answers.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a route gives back.
pub struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: Option<HeaderValue>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) content: Content,
    pub(super) closes: bool,
    pub(super) route: Option<Route>,
    pub(super) part: &'static str,
    /// What goes on with the connection after a 101.
    pub(super) upgrade: Option<Upgrade>,
}

/// Takes a connection over, with the bytes that came early.
pub(super) type Upgrade = Box<dyn FnOnce(Transport, Vec<u8>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// The bytes of an answer.
pub(super) enum Content {
    /// None, by the nature of the status.
    None,
    /// In memory.
    Bytes(Bytes),
    /// In pieces that come to that many bytes.
    Stream(u64, UnsyncBoxBody<Bytes, Error>),
    /// In pieces, for as long as somebody listens.
    Endless(UnsyncBoxBody<Bytes, Error>),
}

impl Answer {
    /// A status without a body: 204, 205, 304; with another one the body is empty.
    pub fn empty(status: StatusCode) -> Answer {
        Answer {
            status,
            content_type: None,
            headers: Vec::new(),
            content: Content::None,
            closes: false,
            route: None,
            part: "",
            upgrade: None,
        }
    }

    /// 101: from here on the connection speaks another protocol.
    pub(super) fn upgraded(
        serve: impl FnOnce(Transport, Vec<u8>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + 'static,
    ) -> Answer {
        Answer { upgrade: Some(Box::new(serve)), ..Answer::empty(StatusCode::SWITCHING_PROTOCOLS) }
    }

    /// 204: nothing to say.
    pub fn no_content() -> Answer {
        Answer::empty(StatusCode::NO_CONTENT)
    }

    /// 205: done.
    pub fn reset_content() -> Answer {
        Answer::empty(StatusCode::RESET_CONTENT)
    }

    /// 200 with plain text.
    pub fn text(text: impl Into<Bytes>) -> Answer {
        Answer::bytes(StatusCode::OK, TEXT, text)
    }

    /// 200 with records, LF after every line.
    pub fn csv(records: impl Into<Bytes>) -> Answer {
        Answer::bytes(StatusCode::OK, CSV, records)
    }

    /// 200 with JSON.
    pub fn json(json: impl Into<Bytes>) -> Answer {
        Answer::bytes(StatusCode::OK, JSON, json)
    }

    /// A status with a body that is in memory.
    pub fn bytes(status: StatusCode, content_type: HeaderValue, bytes: impl Into<Bytes>) -> Answer {
        Answer { content_type: Some(content_type), content: Content::Bytes(bytes.into()), ..Answer::empty(status) }
    }

    /// A status with a body that comes in pieces, `length` bytes in all. A piece that fails cuts the connection.
    pub fn stream<B>(status: StatusCode, content_type: HeaderValue, length: u64, pieces: B) -> Answer
    where
        B: Body<Data = Bytes, Error = Error> + Send + 'static,
    {
        let content = Content::Stream(length, pieces.boxed_unsync());
        Answer { content_type: Some(content_type), content, ..Answer::empty(status) }
    }

    /// 200 with a body that goes on for as long as somebody listens. The only answer without a length, for browsers only: a
    /// device is never answered so.
    pub fn endless<B>(content_type: HeaderValue, pieces: B) -> Answer
    where
        B: Body<Data = Bytes, Error = Error> + Send + 'static,
    {
        let content = Content::Endless(pieces.boxed_unsync());
        Answer { content_type: Some(content_type), content, ..Answer::empty(StatusCode::OK) }
    }

    /// An error: one line of plain text that says what was wrong.
    pub fn refusal(status: StatusCode, what: impl Into<Bytes>) -> Answer {
        let what = what.into();
        // With a `Connection` and an `Allow` or a `Retry-After` the head is still within 158 bytes.
        let content_type = if what.is_ascii() { PLAIN } else { TEXT };
        Answer::bytes(status, content_type, what)
    }

    /// 404.
    pub fn not_found() -> Answer {
        Answer::refusal(StatusCode::NOT_FOUND, "not found")
    }

    /// 405, with what may be asked instead: `"GET, HEAD"`.
    pub fn method_not_allowed(allowed: &'static str) -> Answer {
        Answer::refusal(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
            .with(http::header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// Adds a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Answer {
        self.headers.push((name, value));
        self
    }

    /// Closes the connection after this answer.
    pub fn closing(mut self) -> Answer {
        self.closes = true;
        self
    }

    /// Names the route that answered.
    pub(super) fn of(mut self, route: Route) -> Answer {
        self.route = Some(route);
        self
    }

    /// Says which of the things that its route does was done, for the log.
    pub fn part(mut self, part: &'static str) -> Answer {
        self.part = part;
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer as the parser writes it. The turn ends with the last byte of the body.
    pub(super) fn into_response(self, is_head: bool, turn: Turn) -> Response<AnswerBody> {
        let has_no_body =
            matches!(self.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
        let has_no_length = has_no_body && self.status != StatusCode::RESET_CONTENT;
        let mut body = match self.content {
            _ if has_no_body => AnswerBody::of(Content::None, turn),
            content => AnswerBody::of(content, turn),
        };
        let length = body.left();
        if is_head {
            body.content = Content::None;
        }
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        let has_etag = self.headers.iter().any(|(name, _)| name == ETAG);
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        // The parser knows the length of everything else.
        if let Some(length) = length.filter(|_| is_head && !has_no_length) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if has_etag {
            *response.extensions_mut() = spelled();
        }
        response
    }
}

/// The bytes of an answer on their way out.
pub(super) struct AnswerBody {
    content: Content,
    _turn: Turn,
}

impl AnswerBody {
    fn of(content: Content, turn: Turn) -> AnswerBody {
        AnswerBody { content, _turn: turn }
    }

    /// The bytes still to come, where that is known.
    fn left(&self) -> Option<u64> {
        match &self.content {
            Content::None => Some(0),
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Stream(left, _) => Some(*left),
            Content::Endless(_) => None,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        match &mut this.content {
            Content::None => Poll::Ready(None),
            Content::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                this.content = Content::None;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Content::Stream(left, pieces) => {
                let frame = std::task::ready!(Pin::new(pieces).poll_frame(context));
                let piece = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref);
                *left = left.saturating_sub(piece.map_or(0, |piece| piece.len() as u64));
                Poll::Ready(frame)
            }
            Content::Endless(pieces) => Pin::new(pieces).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
