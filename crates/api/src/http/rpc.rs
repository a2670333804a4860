//! The resource API over HTTP (contract, rpc.md): its errors are in the body of a 200, because deployed libraries look for them
//! there.

use std::sync::Arc;

use model::Result;
use wire::rpc::{Encoding, RequestError};

use super::provision::{Kind, require_kind};
use super::{Answer, Body, Head};
use crate::common::app::App;
use crate::common::rpc;

/// `POST /onep:v1/rpc/process`.
pub(super) async fn process(app: &Arc<App>, head: Head, body: Body) -> Result<Answer> {
    require_kind(&head, &[Kind::Json])?;
    let body = body.read(app.limits().body_bytes).await?;
    let read = wire::json::decode(&body).map_err(|_| RequestError::of_body(&body));
    let watch = head.watch();
    // Head and body go: a call may wait, thousands at a time.
    drop((head, body));
    let answer = match read {
        Ok(request) => rpc::answer(app, request, Encoding::Json, || watch.last_call()).await?,
        Err(error) => error.encode(Encoding::Json)?,
    };
    Ok(Answer::json(answer))
}
