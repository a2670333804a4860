//! What routes read alike: the credential, the accepted format; and what an error is answered with.

use domain::caller::Credential;
use model::{Cik, Error, Result, SecretKey as _};
use wire::coap::Code;

use crate::coap::{Answer, Request};
use crate::common::codes::{self, Manner};

const RAW_KEY_BYTES: usize = 20;

/// The credential of a request: its first query, the CIK in hex or as its raw bytes.
pub(super) fn credential(request: &Request) -> Result<Credential> {
    let shown = request.query.first().ok_or(Error::Unauthorized)?;
    let cik = match <[u8; RAW_KEY_BYTES]>::try_from(&shown[..]) {
        Ok(raw) => Some(Cik::from_bytes(raw)),
        Err(_) => std::str::from_utf8(shown).ok().and_then(Cik::parse),
    };
    cik.map(Credential::Cik).ok_or(Error::Unauthorized)
}

/// Whether the caller takes one of these formats; otherwise what it is answered.
pub(super) fn not_acceptable(request: &Request, offered: &[u16]) -> Option<Answer> {
    let wanted = request.accept.filter(|wanted| !offered.contains(wanted));
    wanted.map(|_| Answer::refusal(Code::NOT_ACCEPTABLE, "not in this format"))
}

/// The answer to an error.
pub(in crate::coap) fn refuse(error: &Error) -> Answer {
    refuse_as(error, Manner::Plain)
}

/// The answer to an error of a group of calls. What went wrong inside goes to the log.
pub(super) fn refuse_as(error: &Error, manner: Manner) -> Answer {
    if let Error::Internal(cause) = error {
        tracing::error!(cause, "a CoAP request failed");
    }
    let refusal = codes::coap(error, manner);
    Answer { max_age_s: refusal.retry_after_s, ..Answer::refusal(refusal.code, refusal.text) }
}
