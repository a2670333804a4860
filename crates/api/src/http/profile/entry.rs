//! What reading, writing and recording by alias have in common: who calls, how pairs are answered.

use http::{HeaderValue, StatusCode};
use wire::form;

pub(super) use crate::common::aliases::Caller;
use crate::http::Answer;
pub(super) use crate::http::provision::device_credential;

/// Pairs of a form. Shorter than its own name for it, because field devices read the whole head into a small buffer.
pub(super) const PAIRS: HeaderValue = HeaderValue::from_static("text/plain");

/// The pairs that were found, the last asked for first, as deployed clients have always seen them.
pub(super) fn answer_pairs<'a>(pairs: impl DoubleEndedIterator<Item = (&'a str, Option<&'a str>)>) -> Answer {
    let found = pairs.rev().filter_map(|(alias, value)| Some((alias, value?)));
    let mut found = found.peekable();
    if found.peek().is_none() {
        return Answer::no_content();
    }
    Answer::bytes(StatusCode::OK, PAIRS, form::encode(found))
}
