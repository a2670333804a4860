//! What reading, writing and recording by alias have in common: who calls, how pairs are answered.

use http::{HeaderValue, StatusCode};
use wire::form;

pub(super) use crate::common::aliases::Caller;
use crate::http::Answer;
pub(super) use crate::http::provision::device_credential;

/// Pairs of a form.
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// The pairs that were found, the last asked for first, as deployed clients have always seen them.
pub(super) fn answer_pairs<'a>(pairs: impl DoubleEndedIterator<Item = (&'a str, Option<&'a str>)>) -> Answer {
    let found = pairs.rev().filter_map(|(alias, value)| Some((alias, value?)));
    let mut found = found.peekable();
    if found.peek().is_none() {
        return Answer::no_content();
    }
    Answer::bytes(StatusCode::OK, FORM, form::encode(found))
}
