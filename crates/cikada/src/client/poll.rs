//! One long poll (contract, data.md "Long polling").

use super::{Answer, Request, Server, refusal};
use crate::failure::Outcome;

/// A value that came: the `Last-Modified` of its second, to go on from there, and the answer's body.
pub struct News {
    pub modified: String,
    pub body: String,
}

/// Sends a request that waits; None where nothing came in time. Another answer than these two is a failure.
pub fn poll(server: &Server, request: &Request) -> Outcome<Option<News>> {
    let mut answer = server.send(request)?;
    let status = answer.status().as_u16();
    let modified = answer.headers().get("Last-Modified").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = answer.body_mut().read_to_string();
    let body = body.map_err(|error| refusal::unreachable(server.base(), &request.doing, &error))?;
    match (status, modified) {
        (200, Some(modified)) => Ok(Some(News { modified, body })),
        (304, _) => Ok(None),
        _ => Err(refusal::explain(request, &Answer { status, body })),
    }
}
