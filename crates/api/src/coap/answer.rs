//! What a route answers: a code and a body, or the part of one; which block of it goes out is decided by the exchange.

use bytes::Bytes;
use wire::coap::{Code, content_format};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its code.
    pub code: Code,
    /// The content format of the body.
    pub format: Option<u16>,
    /// What the resource holds.
    pub body: Body,
    /// The entity tag of the body; one is made from its bytes where it takes several blocks.
    pub etag: Option<[u8; 8]>,
    /// For how many seconds it may be kept; after a refusal, after how many to come back.
    pub max_age_s: Option<u32>,
    /// Whether the caller has shown a living key. An answer to anybody else is at most three times as large as the request.
    pub is_authenticated: bool,
    /// The client in whose name the resource may be observed, by row id.
    pub observed_for: Option<i64>,
    /// The name of the route, for the log.
    pub route: &'static str,
}

/// The body of an answer, or as much of it as the wanted block needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The bytes that are here.
    pub bytes: Bytes,
    /// Where they begin in the whole.
    pub offset: u64,
    /// The size of the whole.
    pub total_bytes: u64,
}

impl Answer {
    /// An answer without a body.
    pub fn empty(code: Code) -> Answer {
        Answer {
            code,
            format: None,
            body: Body::default(),
            etag: None,
            max_age_s: None,
            is_authenticated: false,
            observed_for: None,
            route: "",
        }
    }

    /// 2.05 with a whole body.
    pub fn content(format: u16, body: impl Into<Bytes>) -> Answer {
        Answer { format: Some(format), body: Body::whole(body), ..Answer::empty(Code::CONTENT) }
    }

    /// 2.05 with text.
    pub fn text(text: impl Into<Bytes>) -> Answer {
        Answer::content(content_format::TEXT, text)
    }

    /// An error with a line that says what was wrong; it is left out where it makes the answer larger than the request.
    pub fn refusal(code: Code, text: impl Into<Bytes>) -> Answer {
        Answer { body: Body::whole(text), ..Answer::empty(code) }
    }

    /// To a caller who has shown a living key.
    pub fn authenticated(self) -> Answer {
        Answer { is_authenticated: true, ..self }
    }

    /// It may be kept for so many seconds.
    pub fn max_age(self, seconds: u32) -> Answer {
        Answer { max_age_s: Some(seconds), ..self }
    }

    /// By this route.
    pub fn by(self, route: &'static str) -> Answer {
        Answer { route, ..self }
    }
}

impl Body {
    /// All of it.
    pub fn whole(bytes: impl Into<Bytes>) -> Body {
        let bytes = bytes.into();
        let total_bytes = bytes.len() as u64;
        Body { bytes, offset: 0, total_bytes }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.offset == 0 && self.bytes.len() as u64 == self.total_bytes
    }
}
