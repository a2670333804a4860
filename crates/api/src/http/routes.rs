//! Who answers what: one match on method and path segments. What is not here does not exist.

use std::sync::Arc;

use http::Method;

use super::profile::{alias, record};
use super::provision::{device, download, manage};
use super::{Answer, Request, refuse, rpc, websocket};
use crate::common::app::App;
use crate::common::codes::Manner;

/// Answers one request.
pub async fn route(app: &Arc<App>, request: Request) -> Answer {
    match dispatch(app, request).await {
        Ok(answer) => answer,
        Err(error) => refuse(&error, Manner::Plain),
    }
}

async fn dispatch(app: &Arc<App>, request: Request) -> model::Result<Answer> {
    let Request { head, body } = request;
    let Some(path) = head.segments()? else { return Ok(Answer::not_found()) };
    let (method, path) = (head.method(), &path[..]);
    match path {
        ["healthz"] => only(method, READ, || healthz(app)),
        ["timestamp"] => only(method, READ, || Answer::text(app.store.clock().now().to_string()).by("/timestamp")),
        ["ip"] => only(method, READ, || Answer::text(head.peer().to_string()).by("/ip")),
        ["provision", "activate"] => match *method {
            Method::POST => device::activate(app, &head, body).await,
            _ => Ok(Answer::method_not_allowed("POST")),
        },
        ["provision", "download"] => match *method {
            Method::GET | Method::HEAD => download::download(app, &head).await,
            _ => Ok(Answer::method_not_allowed(READ)),
        },
        ["provision", "manage", noun @ ("model" | "content" | "group" | "share"), rest @ ..] => {
            manage::route(app, &head, body, noun, rest).await
        }
        ["provision", "register"] => manage::registration::route(app, &head, body).await,
        ["provision", "admin", "auth", rest @ ..] => manage::token::route(app, &head, body, rest).await,
        ["onep:v1", "stack", "alias"] => match *method {
            Method::GET | Method::HEAD => alias::read(app, &head).await,
            Method::POST => alias::write(app, &head, body).await,
            // HEAD goes without saying: with it the head of this answer would outgrow a device's 158 bytes.
            _ => Ok(Answer::method_not_allowed("GET, POST")),
        },
        ["onep:v1", "stack", "alias", name] => match *method {
            Method::POST => record::record_one(app, &head, body, name).await,
            _ => Ok(Answer::method_not_allowed("POST")),
        },
        ["onep:v1", "stack", "record"] => match *method {
            Method::POST => record::record(app, &head, body).await,
            _ => Ok(Answer::method_not_allowed("POST")),
        },
        ["onep:v1", "rpc", "process"] => match *method {
            Method::POST => rpc::process(app, &head, body).await,
            _ => Ok(Answer::method_not_allowed("POST")),
        },
        ["ws"] => match *method {
            Method::GET => websocket::upgrade(app, &head),
            _ => Ok(Answer::method_not_allowed("GET")),
        },
        _ => Ok(Answer::not_found()),
    }
}

const READ: &str = "GET, HEAD";

fn only(method: &Method, allowed: &'static str, answer: impl FnOnce() -> Answer) -> model::Result<Answer> {
    match *method {
        Method::GET | Method::HEAD => Ok(answer()),
        _ => Ok(Answer::method_not_allowed(allowed)),
    }
}

fn healthz(app: &App) -> Answer {
    if app.store.is_healthy() {
        Answer::text("ok").by("/healthz")
    } else {
        Answer::refusal(http::StatusCode::SERVICE_UNAVAILABLE, "the store is unavailable").by("/healthz")
    }
}
