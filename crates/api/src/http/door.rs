//! One request through the door: from the parser to its route, and the answer back (contract, README "Rules for every HTTP
//! answer"; threats T19, T20, promise I9).

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use http::header::CONNECTION;
use http::{HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::Service;

use model::Error;

use super::answer::AnswerBody;
use super::seat::{Seat, Turn};
use super::{Answer, Body, Head, Request, Route, Site, refuse};
use crate::common::codes::Manner;

/// The service behind one connection.
pub(super) struct Door<S> {
    pub(super) site: Arc<S>,
    pub(super) seat: Arc<Seat>,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Infallible>> + Send>>;

impl<S: Site> Service<http::Request<Incoming>> for Door<S> {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    // Boxed, so that a connection that waits for its next request does not keep the room that the biggest route needs.
    type Future = Answering;

    fn call(&self, request: http::Request<Incoming>) -> Answering {
        let turn = Turn::begin(self.seat.clone());
        let site = self.site.clone();
        Box::pin(async move { Ok(answer(site, turn, request).await) })
    }
}

async fn answer(site: Arc<impl Site>, turn: Turn, request: http::Request<Incoming>) -> Response<AnswerBody> {
    let (parts, incoming) = request.into_parts();
    let seat = turn.seat().clone();
    let noted = tracing::enabled!(tracing::Level::DEBUG).then(|| (parts.method.clone(), Instant::now()));
    let is_head = parts.method == Method::HEAD;
    let body = Body::incoming(incoming, &parts.headers, seat.clone());
    let head = Head::new(parts, seat.peer).seated(seat.clone());

    let mut answer = match refuse_unread(&head, &body) {
        Some(refusal) => {
            drop(body);
            refusal
        }
        None => answer_or_500(site.answer(Request { head, body })).await,
    };
    if let Some(unread) = seat.take_unread() {
        // What follows on the connection can only be read when this body is out of the way.
        answer.closes |= !unread.drain().await;
    }
    if let Some(refusal) = seat.refusal().filter(|refusal| refusal.has_turn) {
        answer = Answer::refusal(refusal.status, refusal.what).closing();
    }
    if let Some((method, began)) = noted {
        // The template, not the path: the log gets nothing of the caller's.
        let (status, route, part) = (answer.status.as_u16(), answer.route.map_or("", Route::template), answer.part);
        tracing::debug!(%method, route, part, status, micros = began.elapsed().as_micros() as u64, peer = %seat.peer, "answered");
    }
    if let Some(upgrade) = answer.upgrade.take() {
        seat.keep_upgrade(upgrade);
    } else {
        say_whether_it_closes(&mut answer, &turn);
    }
    answer.into_response(is_head, turn)
}

/// Refuses what no route would take, before anything of it is read.
fn refuse_unread(head: &Head, body: &Body) -> Option<Answer> {
    if head.method() == Method::CONNECT {
        return Some(Answer::method_not_allowed("GET, HEAD, POST, PUT, DELETE"));
    }
    let mut codings = head.headers().get_all(http::header::CONTENT_ENCODING).iter().map(HeaderValue::as_bytes);
    if codings.any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")) && !body.is_empty() {
        return Some(Answer::refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a body has to come without a content encoding",
        ));
    }
    None
}

/// A panic of a route costs its own request only.
async fn answer_or_500(routing: impl Future<Output = Answer>) -> Answer {
    let mut routing = pin!(routing);
    let polled =
        std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| routing.as_mut().poll(context))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        });
    // Where it happened is in the log by the panic hook.
    polled.await.unwrap_or_else(|| refuse(&Error::internal("a request panicked"), Manner::Plain))
}

/// HTTP/1.0 was shown to the parser as 1.1, so the difference between them is made here.
fn say_whether_it_closes(answer: &mut Answer, turn: &Turn) {
    let closes = answer.closes || turn.seat().is_finishing() || turn.http_1_0_persists == Some(false);
    if closes {
        answer.headers.push((CONNECTION, HeaderValue::from_static("close")));
    } else if turn.http_1_0_persists == Some(true) {
        answer.headers.push((CONNECTION, HeaderValue::from_static("keep-alive")));
    }
}
