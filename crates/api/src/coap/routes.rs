//! Who answers what: one match on method and path segments (contract, coap.md). What is not here does not exist.

mod entry;
mod links;
mod provision;
mod time;

use std::sync::Arc;

use wire::coap::Code;

use super::{Answer, Request};
use crate::common::app::App;
use entry::refuse;

/// Answers one request.
pub async fn route(app: &Arc<App>, request: &Request) -> Answer {
    match dispatch(app, request).await {
        Ok(answer) => answer,
        Err(error) => refuse(&error),
    }
}

async fn dispatch(app: &Arc<App>, request: &Request) -> model::Result<Answer> {
    let path = request.segments()?;
    match (request.method, &path[..]) {
        (Code::POST, ["provision", "activate", vendor, model, sn]) => {
            provision::activate(app, request, vendor, model, sn).await
        }
        (Code::GET, ["provision", "download", vendor, model]) => provision::list(app, request, vendor, model).await,
        (Code::GET, ["provision", "download", vendor, model, id]) => {
            provision::blob(app, request, vendor, model, id).await
        }
        (Code::GET, ["provision", "download", vendor, model, id, "info"]) => {
            provision::info(app, request, vendor, model, id).await
        }
        (Code::GET, ["ts"]) => time::time(app, request),
        (Code::GET, [".well-known", "core"]) => links::links(request),
        (
            _,
            ["provision", "activate", _, _, _]
            | ["provision", "download", _, _]
            | ["provision", "download", _, _, _]
            | ["provision", "download", _, _, _, "info"]
            | ["ts"]
            | [".well-known", "core"],
        ) => Ok(Answer::refusal(Code::METHOD_NOT_ALLOWED, "not with this method")),
        _ => Ok(Answer::refusal(Code::NOT_FOUND, "nothing is here")),
    }
}
