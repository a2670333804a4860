//! The resource API over HTTP (contract, rpc.md): its errors are in the body of a 200, because deployed libraries look for them
//! there.

use std::sync::Arc;

use model::Result;
use wire::rpc::{Encoding, RequestError};

use super::head::Watch;

use super::provision::{Kind, require_kind};
use super::{Answer, Body, Head};
use crate::common::app::App;
use crate::common::rpc::{self, Begun};

/// `POST /onep:v1/rpc/process`.
pub(super) async fn process(app: &Arc<App>, head: Head, body: Body) -> Result<Answer> {
    let watch = head.watch();
    // All that it takes to read a request and to run calls goes before one waits alone: thousands do at a time.
    let answer = match Box::pin(begin(app, head, body, &watch)).await? {
        Begun::Answered(answer) => answer,
        Begun::Waits(alone) => alone.answer(app, Encoding::Json, watch.last_call()).await?,
    };
    Ok(Answer::json(answer))
}

async fn begin(app: &Arc<App>, head: Head, body: Body, watch: &Watch) -> Result<Begun> {
    require_kind(&head, &[Kind::Json])?;
    drop(head);
    let body = body.read(app.limits().body_bytes).await?;
    match wire::json::decode(&body) {
        Ok(request) => {
            drop(body);
            rpc::begin(app, request, Encoding::Json, || watch.last_call()).await
        }
        Err(_) => RequestError::of_body(&body).encode(Encoding::Json).map(Begun::Answered),
    }
}
