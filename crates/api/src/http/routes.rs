//! Who answers what.

use std::sync::Arc;

use http::Method;

use super::{Answer, Request};
use crate::common::app::App;

/// Answers one request.
pub async fn route(_app: &Arc<App>, request: Request) -> Answer {
    let Request { head, .. } = request;
    let Ok(Some(path)) = head.segments() else { return Answer::not_found() };
    match (head.method(), &path[..]) {
        (&Method::GET | &Method::HEAD, ["healthz"]) => Answer::text("ok").by("/healthz"),
        (&Method::GET | &Method::HEAD, ["ip"]) => Answer::text(head.peer().to_string()).by("/ip"),
        _ => Answer::not_found(),
    }
}
