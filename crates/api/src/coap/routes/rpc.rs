//! `POST /rpc`: the resource API, as CBOR or as JSON (contract, coap.md; rpc.md for the rules). Its errors are in the body of a
//! 2.05, as over HTTP.

use std::sync::Arc;

use model::Result;
use wire::cbor;
use wire::coap::content_format::{CBOR, JSON};
use wire::rpc::{Encoding, RequestError};

use super::entry::not_acceptable;
use crate::coap::{Answer, Request};
use crate::common::app::App;
use crate::common::rpc;

/// Runs the calls of a request. JSON is what is asked for as JSON, or comes as such while nothing is said of the answer.
pub(super) async fn process(app: &Arc<App>, request: &Request) -> Result<Answer> {
    if let Some(refused) = not_acceptable(request, &[CBOR, JSON]) {
        return Ok(refused);
    }
    let (encoding, format) = match request.accept.or(request.format) {
        Some(JSON) => (Encoding::Json, JSON),
        _ => (Encoding::Cbor, CBOR),
    };
    let body = match encoding {
        Encoding::Json => wire::json::decode(&request.body),
        Encoding::Cbor => cbor::decode(&request.body, app.limits().body_bytes),
    };
    let answer = match body {
        Ok(body) => rpc::answer(app, body, encoding, || app.stopping.begun()).await?,
        Err(_) => RequestError::of_body(&request.body).encode(encoding)?,
    };
    let is_authenticated = is_list(&answer, encoding);
    Ok(Answer { is_authenticated, ..Answer::content(format, answer).max_age(0).by("POST /rpc") })
}

/// Whether it is the list of what came of the calls, which only a living key gets; an error of the request is an object.
fn is_list(answer: &[u8], encoding: Encoding) -> bool {
    match (encoding, answer.first()) {
        (Encoding::Json, Some(b'[')) => true,
        // The major type of an array.
        (Encoding::Cbor, Some(first)) => first >> 5 == 4,
        _ => false,
    }
}
