//! The one table of codes: a row a kind of error, a column a protocol (contract, README "Rules for every HTTP answer", 8).
//!
//! The contract is not uniform: where a group of calls answers an error otherwise, it names its [`Manner`], and QUIRKS.md
//! says why.

use http::StatusCode;
use model::{Clash, Error, Field, Noun};
use wire::coap::Code;
use wire::rpc::{CallError, Outcome, Status};

/// How a group of calls answers errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// As the table says.
    #[default]
    Plain,
    /// Listing and info of content: an unknown model is 400.
    ContentInfo,
    /// A blob through the management API: an unknown model is 403.
    ContentBlob,
    /// `info=true` of a download: what is 403 for the blob is 400.
    DownloadInfo,
}

/// What a caller over HTTP is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRefusal {
    /// The status.
    pub status: StatusCode,
    /// One line.
    pub text: String,
    /// Seconds after which to come back.
    pub retry_after_s: Option<u32>,
}

/// How long an unavailable store is left alone.
const UNAVAILABLE_S: u32 = 1;

/// What a caller over CoAP is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoapRefusal {
    /// The code.
    pub code: Code,
    /// One line.
    pub text: String,
    /// Seconds after which to come back.
    pub retry_after_s: Option<u32>,
}

/// A row of the table.
type Codes = (StatusCode, Code);
/// Calls, the errors of theirs that are answered otherwise, and how.
type Exception = (Manner, fn(&Error) -> bool, Codes);

/// The exceptions.
const EXCEPTIONS: &[Exception] = &[
    (
        Manner::ContentInfo,
        |error| matches!(error, Error::Absent(Noun::Model)),
        (StatusCode::BAD_REQUEST, Code::BAD_REQUEST),
    ),
    (
        Manner::ContentBlob,
        |error| matches!(error, Error::Absent(Noun::Model)),
        (StatusCode::FORBIDDEN, Code::FORBIDDEN),
    ),
    (
        Manner::DownloadInfo,
        |error| matches!(error, Error::Forbidden(Noun::Model)),
        (StatusCode::BAD_REQUEST, Code::BAD_REQUEST),
    ),
];

/// What HTTP says of an error.
pub fn http(error: &Error, manner: Manner) -> HttpRefusal {
    HttpRefusal { status: codes(error, manner).0, text: text(error), retry_after_s: retry_after_s(error) }
}

/// What CoAP says of an error.
pub fn coap(error: &Error, manner: Manner) -> CoapRefusal {
    CoapRefusal { code: codes(error, manner).1, text: text(error), retry_after_s: retry_after_s(error) }
}

fn codes(error: &Error, manner: Manner) -> Codes {
    let exception = EXCEPTIONS.iter().find(|(of, applies, _)| *of == manner && applies(error));
    exception.map_or_else(|| row(error), |(_, _, codes)| *codes)
}

fn row(error: &Error) -> Codes {
    match error {
        Error::Malformed(_) => (StatusCode::BAD_REQUEST, Code::BAD_REQUEST),
        Error::TooLarge(Field("body")) => (StatusCode::PAYLOAD_TOO_LARGE, Code::REQUEST_ENTITY_TOO_LARGE),
        Error::TooLarge(_) => (StatusCode::BAD_REQUEST, Code::BAD_REQUEST),
        Error::UnknownContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UNSUPPORTED_CONTENT_FORMAT),
        Error::Unauthorized => (StatusCode::UNAUTHORIZED, Code::UNAUTHORIZED),
        Error::Forbidden(_) | Error::Locked => (StatusCode::FORBIDDEN, Code::FORBIDDEN),
        // HTTP passes over unknown aliases: only CoAP refuses them, as forbidden.
        Error::Absent(Noun::Alias) => (StatusCode::NOT_FOUND, Code::FORBIDDEN),
        Error::Absent(_) => (StatusCode::NOT_FOUND, Code::NOT_FOUND),
        Error::NotEnabled => (StatusCode::CONFLICT, Code::NOT_FOUND),
        Error::Exists(..) | Error::Conflict(_) | Error::LimitReached(_) => (StatusCode::CONFLICT, Code::CONFLICT),
        Error::TooManyTries { .. } => (StatusCode::TOO_MANY_REQUESTS, Code::TOO_MANY_REQUESTS),
        Error::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Code::SERVICE_UNAVAILABLE),
        Error::ReadOnly | Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, Code::INTERNAL_SERVER_ERROR),
    }
}

fn retry_after_s(error: &Error) -> Option<u32> {
    match error {
        Error::TooManyTries { retry_after_s } => Some(*retry_after_s),
        Error::Unavailable => Some(UNAVAILABLE_S),
        _ => None,
    }
}

/// What an RPC call is answered with that ended in an error.
pub fn rpc(error: &Error) -> Outcome {
    match error {
        Error::TooLarge(Field("answer")) => Outcome::Error(CallError::AnswerTooLarge),
        Error::Malformed(_)
        | Error::TooLarge(_)
        | Error::UnknownContentType
        | Error::Absent(_)
        | Error::Exists(..)
        | Error::NotEnabled
        | Error::Conflict(_) => Outcome::Failed(Status::Invalid),
        Error::Forbidden(Noun::Resource) => Outcome::Failed(Status::Restricted),
        Error::Forbidden(_) | Error::Unauthorized | Error::TooManyTries { .. } => Outcome::Failed(Status::NoAuth),
        Error::Locked => Outcome::Failed(Status::Locked),
        Error::LimitReached(_) => Outcome::Failed(Status::Limit),
        Error::ReadOnly | Error::Unavailable | Error::Internal(_) => {
            tracing::error!(%error, "an RPC call failed");
            Outcome::Error(CallError::Fault)
        }
    }
}

/// One line for a person. It names what was wrong, and neither secrets nor what a caller may not know.
pub fn text(error: &Error) -> String {
    match error {
        Error::Malformed(Field(name)) => format!("{name} is missing, repeated or malformed"),
        Error::TooLarge(Field(name)) => format!("{name} is over its limit"),
        Error::UnknownContentType => "this content type is not understood here".into(),
        Error::Unauthorized => "no or unknown credential".into(),
        Error::Forbidden(noun) => format!("not allowed with this {}", noun.word()),
        Error::Locked => "the client is locked".into(),
        Error::Absent(noun) => format!("no such {}", noun.word()),
        Error::Exists(noun, None) => format!("the {} exists", noun.word()),
        Error::Exists(noun, Some(name)) => format!("the {} exists: {name}", noun.word()),
        Error::NotEnabled => "not enabled for activation".into(),
        Error::Conflict(clash) => clash_text(*clash).into(),
        Error::LimitReached(noun) => format!("a limit of the owner leaves no room for another {}", noun.word()),
        Error::TooManyTries { retry_after_s } => format!("too many failed tries, come back in {retry_after_s} seconds"),
        Error::Unavailable => "the store is unavailable, try again".into(),
        Error::ReadOnly | Error::Internal(_) => "a fault of the server".into(),
    }
}

fn clash_text(clash: Clash) -> &'static str {
    match clash {
        Clash::HasClient => "the serial number has a client",
        Clash::NoClient => "the serial number has no client",
        Clash::NoTemplate => "what the model clones is gone",
        Clash::HasVendorName => "the client has a vendor name",
        Clash::HasModels => "the vendor still has models",
        Clash::LastAdministrator => "it is the last administrator",
        Clash::RangeOverlaps => "a range overlaps another",
        Clash::Cycle => "a resource cannot own itself",
    }
}
