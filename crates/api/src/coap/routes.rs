//! Who answers what: one match on method and path segments (contract, coap.md). What is not here does not exist.

mod data;
mod entry;
mod links;
mod provision;
mod rpc;
mod time;

use std::sync::Arc;

use wire::coap::Code;

use super::watch::Watch;
use super::{Answer, Request};
use crate::common::app::App;

pub(super) use data::answer_value;
pub(super) use entry::refuse;

/// Answers one request; with a watch over what is to be observed.
pub(super) async fn route(app: &Arc<App>, request: &Request) -> (Answer, Option<Watch>) {
    match dispatch(app, request).await {
        Ok(answered) => answered,
        Err(error) => (refuse(&error), None),
    }
}

async fn dispatch(app: &Arc<App>, request: &Request) -> model::Result<(Answer, Option<Watch>)> {
    let path = request.segments()?;
    if let (Code::GET, ["1a", alias]) = (request.method, &path[..]) {
        return data::read(app, request, alias).await;
    }
    answer(app, request, &path).await.map(|answer| (answer, None))
}

async fn answer(app: &Arc<App>, request: &Request, path: &[&str]) -> model::Result<Answer> {
    match (request.method, path) {
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
        (Code::POST, ["1a", alias]) => data::write(app, request, alias).await,
        (Code::POST, ["1a"]) => data::write_and_read(app, request).await,
        (Code::POST, ["rpc"]) => rpc::process(app, request).await,
        (Code::GET, ["ts"]) => time::time(app, request),
        (Code::GET, [".well-known", "core"]) => links::links(request),
        (
            _,
            ["provision", "activate", _, _, _]
            | ["provision", "download", _, _]
            | ["provision", "download", _, _, _]
            | ["provision", "download", _, _, _, "info"]
            | ["1a"]
            | ["1a", _]
            | ["rpc"]
            | ["ts"]
            | [".well-known", "core"],
        ) => Ok(Answer::refusal(Code::METHOD_NOT_ALLOWED, "not with this method")),
        _ => Ok(Answer::refusal(Code::NOT_FOUND, "nothing is here")),
    }
}
