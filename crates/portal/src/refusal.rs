//! From an error to a page, once: what went wrong in words that a person can use. What went wrong inside goes to the log.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use model::{Clash, Error, Field, Noun};

use crate::exchange::Response;
use crate::frame::{Frame, render};

#[derive(askama::Template)]
#[template(path = "refusal.html")]
struct Page<'a> {
    frame: Frame,
    title: &'a str,
    text: String,
    /// Where to go from here.
    next: (&'a str, &'a str),
}

/// The page for an error.
pub fn page(error: &Error) -> Response {
    let (status, title) = kind(error);
    let mut text = sentence(error);
    if let Error::Internal(cause) = error {
        let mut bytes = [0; 8];
        // Without randomness the number is of no use, but the page still is.
        let _ = getrandom::fill(&mut bytes);
        let request_id = format!("{:016x}", u64::from_be_bytes(bytes));
        tracing::error!(request_id, cause, "a page failed");
        text = format!("{text} The operator finds the cause in the log by the number {request_id}.");
    }
    let next = match error {
        Error::Forbidden(Noun::Session) => ("/portal/sign-in", "Sign in"),
        _ => ("/portal/", "Back to the start"),
    };
    let response = render(status, &Page { frame: Frame::outside(title), title, text, next });
    match error {
        Error::TooManyTries { retry_after_s } => response.with(RETRY_AFTER, HeaderValue::from(*retry_after_s)),
        Error::Unavailable => response.with(RETRY_AFTER, HeaderValue::from(1)),
        _ => response,
    }
}

/// The page of somebody who called another name.
pub fn misdirected() -> Response {
    let title = "Not the name of this portal";
    let text =
        "Browsers reach this portal by another name. If this is your server, set base_url in the section [portal] of \
                its configuration to the address in the address bar."
            .to_owned();
    let page = Page { frame: Frame::outside(title), title, text, next: ("/portal/", "Try again") };
    render(StatusCode::MISDIRECTED_REQUEST, &page)
}

/// Status and heading.
fn kind(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Malformed(Field("page")) => (StatusCode::NOT_FOUND, "Not found"),
        Error::Malformed(_) | Error::TooLarge(_) => (StatusCode::BAD_REQUEST, "That did not work"),
        Error::UnknownContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "That did not work"),
        Error::Unauthorized => (StatusCode::UNAUTHORIZED, "Please sign in"),
        Error::Forbidden(Noun::Session) => (StatusCode::FORBIDDEN, "This form was not accepted"),
        Error::Forbidden(_) | Error::Locked => (StatusCode::FORBIDDEN, "Not allowed"),
        Error::Absent(_) => (StatusCode::NOT_FOUND, "Not found"),
        Error::NotEnabled | Error::Exists(..) | Error::Conflict(_) | Error::LimitReached(_) => {
            (StatusCode::CONFLICT, "That did not work")
        }
        Error::TooManyTries { .. } => (StatusCode::TOO_MANY_REQUESTS, "One moment"),
        Error::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "One moment"),
        Error::ReadOnly | Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "A fault of the server"),
    }
}

/// What a person is told of an error, as a whole sentence.
pub fn sentence(error: &Error) -> String {
    match error {
        Error::Malformed(Field("page")) => "There is no such page.".into(),
        Error::Malformed(Field("method")) => "This page cannot be asked like that.".into(),
        Error::Malformed(Field(name)) => format!("The field “{}” is missing or not written as it has to be.", words(name)),
        Error::TooLarge(Field("body")) => "This is larger than the server takes.".into(),
        Error::TooLarge(Field(name)) => format!("The field “{}” is longer than it may be.", words(name)),
        Error::UnknownContentType => "The server does not understand this kind of form.".into(),
        Error::Unauthorized => "You are not signed in, or your session is over.".into(),
        Error::Forbidden(Noun::Session) => "It was sent without the token of a page of this portal. Your session may be over, \
            or your browser did not keep the portal's cookie: it does so over HTTPS, and on the server's own machine. Go back, \
            load the page again, and send it once more."
            .into(),
        Error::Forbidden(Noun::Account) => "Your role does not allow this. Ask an administrator.".into(),
        Error::Forbidden(Noun::Owner) => "There is no such owner among yours.".into(),
        Error::Forbidden(Noun::Vendor) => "This account does not act for a vendor.".into(),
        Error::Forbidden(noun) => format!("This {} is not yours.", noun.word()),
        Error::Locked => "The account's client is locked.".into(),
        Error::Absent(Noun::Invitation) => "This link was used already, or its time is over. Ask for a new one.".into(),
        Error::Absent(noun) => format!("There is no such {}, or it is not yours.", noun.word()),
        Error::Exists(noun, None) => format!("There is a {} of that name already.", noun.word()),
        Error::Exists(noun, Some(name)) => format!("The {} “{name}” exists already.", noun.word()),
        Error::NotEnabled => "The serial number is not enabled.".into(),
        Error::Conflict(clash) => clash_sentence(*clash).into(),
        Error::LimitReached(noun) => format!("A limit leaves no room for another {}.", noun.word()),
        Error::TooManyTries { retry_after_s } => format!("Too many are trying right now. Try again in {retry_after_s} seconds."),
        Error::Unavailable => "The server is busy. Try again in a moment.".into(),
        Error::ReadOnly | Error::Internal(_) => "Nothing was changed.".into(),
    }
}

fn clash_sentence(clash: Clash) -> &'static str {
    match clash {
        Clash::HasClient => "The serial number has a device already. Re-enable it, or drop the device first.",
        Clash::NoClient => "The serial number has no device.",
        Clash::NoTemplate => "The template of this model is gone. Choose another one first.",
        Clash::HasVendorName => "It has a vendor name already.",
        Clash::HasModels => "The vendor still has models.",
        Clash::LastAdministrator => "This is the last administrator. Make another one first.",
        Clash::RangeOverlaps => "This range overlaps one that is there.",
        Clash::Cycle => "It cannot hold itself.",
    }
}

fn words(field: &str) -> String {
    match field {
        "sn" => "serial number".to_owned(),
        "rid" => "template".to_owned(),
        "activation_timeout" => "activation window".to_owned(),
        other => other.replace('_', " "),
    }
}
