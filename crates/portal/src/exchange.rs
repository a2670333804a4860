//! What comes in and what goes out, without a listener: the binary carries both over.

use std::net::IpAddr;
use std::pin::Pin;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use model::{Error, Field, Result};

/// One request.
pub struct Request {
    /// The method.
    pub method: Method,
    /// The decoded segments of the path, without the first slash.
    pub segments: Vec<String>,
    /// What stands after the question mark.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The peer's address.
    pub peer: IpAddr,
    /// It came over TLS to this very listener.
    pub is_secure: bool,
    /// The body, unread.
    pub body: Body,
    /// Ends when nobody waits for an answer any more: the peer has hung up, or the server stops.
    pub last_call: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The pieces of a body, as the network gives them.
pub trait Pieces: Send {
    /// The next one, None at the end.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>>> + Send + '_>>;
    /// The length that the peer declared.
    fn declared_length(&self) -> Option<u64>;
}

/// An unread body.
pub struct Body(Box<dyn Pieces>);

/// One answer.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers, but for those of the connection.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub content: Content,
    /// The route that answered, as a template without anything of the caller's, for the log.
    pub route: &'static str,
}

/// The bytes of an answer.
pub enum Content {
    /// None.
    Empty,
    /// In memory.
    Bytes(Bytes),
    /// In pieces that come to that many bytes.
    Stream(u64, UnsyncBoxBody<Bytes, Error>),
    /// Events for as long as somebody listens.
    Events(UnsyncBoxBody<Bytes, Error>),
}

impl Body {
    /// A body of those pieces.
    pub fn new(pieces: impl Pieces + 'static) -> Body {
        Body(Box::new(pieces))
    }

    /// The next piece, None at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        self.0.next().await
    }

    /// Refuses a body whose declared length is over a limit. Nothing is read.
    pub fn require_within(&self, limit_bytes: u64) -> Result<()> {
        match self.0.declared_length() {
            Some(length) if length > limit_bytes => Err(Error::TooLarge(Field("body"))),
            _ => Ok(()),
        }
    }

    /// Reads all of it, up to a limit.
    pub async fn read(mut self, limit_bytes: usize) -> Result<Vec<u8>> {
        self.require_within(limit_bytes as u64)?;
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            if whole.len() + piece.len() > limit_bytes {
                return Err(Error::TooLarge(Field("body")));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

impl Response {
    /// A status without a body.
    pub fn empty(status: StatusCode) -> Response {
        Response { status, headers: Vec::new(), content: Content::Empty, route: "" }
    }

    /// A page.
    pub fn html(status: StatusCode, html: String) -> Response {
        Response::bytes(status, "text/html; charset=utf-8", html.into_bytes())
    }

    /// Values for a script of ours.
    pub fn json(json: &serde_json::Value) -> Response {
        Response::bytes(StatusCode::OK, "application/json", json.to_string().into_bytes())
    }

    /// A body that is in memory.
    pub fn bytes(status: StatusCode, content_type: &'static str, bytes: impl Into<Bytes>) -> Response {
        let content = Content::Bytes(bytes.into());
        Response { content, ..Response::empty(status) }.with(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// 303: what was asked for is done, look there. The path is one of ours.
    pub fn see_other(path: &str) -> Response {
        let response = Response::empty(StatusCode::SEE_OTHER);
        match HeaderValue::from_str(path) {
            Ok(value) => response.with(LOCATION, value),
            Err(_) => response.with(LOCATION, HeaderValue::from_static("/portal/")),
        }
    }

    /// Adds a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Response {
        self.headers.push((name, value));
        self
    }

    /// Sets a cookie, given as the whole field.
    pub fn set_cookie(self, cookie: &str) -> Response {
        match HeaderValue::from_str(cookie) {
            Ok(value) => self.with(SET_COOKIE, value),
            Err(_) => self,
        }
    }

    /// Names the route, for the log.
    pub fn by(mut self, route: &'static str) -> Response {
        self.route = route;
        self
    }
}
