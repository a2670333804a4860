//! From an error to an answer, once. What went wrong inside goes to the log here, and the caller gets its number.

use http::HeaderValue;
use http::header::RETRY_AFTER;
use model::Error;

use super::Answer;
use crate::common::codes::{self, Manner};

/// The answer to an error.
pub fn refuse(error: &Error, manner: Manner) -> Answer {
    let mut refusal = codes::http(error, manner);
    if let Error::Internal(cause) = error {
        let request_id = request_id();
        tracing::error!(request_id, cause, "a request failed");
        refusal.text = format!("{}, request {request_id}", refusal.text);
    }
    let answer = Answer::refusal(refusal.status, refusal.text);
    match refusal.retry_after_s {
        Some(seconds) => answer.with(RETRY_AFTER, HeaderValue::from(seconds)),
        None => answer,
    }
}

/// A random name by which an operator finds the cause in the log.
fn request_id() -> String {
    let mut bytes = [0; 8];
    // Without randomness the number is of no use, but the refusal still is.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}
