//! Who answers what. Every page of the portal is a line here.

use std::sync::Arc;

use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderValue, Method};
use model::{Error, Field, Result};

use crate::exchange::{Request, Response};
use crate::pages::{account, home, join, owner, sign_in, vendor};
use crate::visit::Visit;
use crate::{Portal, assets, frame, host, refusal};

/// What every page answers.
pub type Answer = Result<Response>;

const NO_SUCH_PAGE: Error = Error::Malformed(Field("page"));
const NOT_LIKE_THAT: Error = Error::Malformed(Field("method"));

/// Answers one request.
pub async fn answer(portal: &Arc<Portal>, mut request: Request) -> Response {
    if request.method == Method::HEAD {
        request.method = Method::GET;
    }
    let Some(base) = host::accept(&request.headers, request.is_secure, portal.options.base_url.as_ref()) else {
        return refusal::misdirected().by("421");
    };
    let segments = std::mem::take(&mut request.segments);
    if let ["portal", "assets", version, ..] = &segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let found = assets::answer(version, &segments[3..]).filter(|_| request.method == Method::GET);
        let response = found.unwrap_or_else(|| refusal::page(&NO_SUCH_PAGE));
        return response.with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    let visit = Visit::new(portal, base, request);
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    match dispatch(visit, &names).await {
        Ok(response) => response,
        Err(Error::Unauthorized) => home::signed_out(&segments),
        Err(error) => refusal::page(&error),
    }
}

async fn dispatch(visit: Visit, path: &[&str]) -> Answer {
    let method = visit.method.clone();
    let get = method == Method::GET;
    let post = method == Method::POST;
    match path {
        ["" | "portal"] | ["portal", ""] if get => home::start(visit).await,
        ["portal", "sign-in"] if get => sign_in::show(visit).await,
        ["portal", "sign-in"] if post => sign_in::sign_in(visit).await,
        ["portal", "sign-in", "code"] if get => sign_in::show_code(visit).await,
        ["portal", "sign-in", "code"] if post => sign_in::code(visit).await,
        ["portal", "sign-out"] if post => sign_in::sign_out(visit.guest()?).await,
        ["portal", "join", key] if get => join::show(visit, key).await,
        ["portal", "join", key] if post => join::join(visit, key).await,
        ["portal", "account"] if get => account::show(visit.guest()?).await,
        ["portal", "account", "password"] if post => account::change_password(visit.guest()?).await,
        ["portal", "account", "sessions"] if post => account::end_session(visit.guest()?).await,
        ["portal", "account", "second-factor"] if get => account::second_factor(visit.guest()?).await,
        ["portal", "account", "second-factor"] if post => account::change_second_factor(visit.guest()?).await,
        ["portal", "devices"] if get => owner::devices(visit.guest()?).await,
        ["portal", "devices", "events"] if get => owner::devices_events(visit.guest()?).await,
        ["portal", "devices", rid] if get => owner::device(visit.guest()?, rid).await,
        ["portal", "devices", rid, "events"] if get => owner::device_events(visit.guest()?, rid).await,
        ["portal", "devices", rid, "points", port] if get => owner::points(visit.guest()?, rid, port).await,
        ["portal", "devices", rid, "write"] if post => owner::write(visit.guest()?, rid).await,
        ["portal", "devices", rid, "name"] if post => owner::rename(visit.guest()?, rid).await,
        ["portal", "devices", rid, "reenable"] if post => owner::reenable(visit.guest()?, rid).await,
        ["portal", "devices", rid, "give"] if post => owner::give(visit.guest()?, rid).await,
        ["portal", "devices", rid, "withdraw"] if post => owner::withdraw(visit.guest()?, rid).await,
        ["portal", "devices", rid, "remove"] if post => owner::remove(visit.guest()?, rid).await,
        ["portal", "add"] if get => owner::add_form(visit.guest()?).await,
        ["portal", "add"] if post => owner::add(visit.guest()?).await,
        ["portal", "take"] if get => owner::take_form(visit.guest()?).await,
        ["portal", "take"] if post => owner::take(visit.guest()?).await,
        ["portal", rest @ ..] if get || post => vendor::route(visit, rest).await.unwrap_or(Err(NO_SUCH_PAGE)),
        _ if get || post => Err(NO_SUCH_PAGE),
        _ => Err(NOT_LIKE_THAT),
    }
    .map(private)
}

/// An answer that is no page, such as a redirect, may not be kept either.
fn private(response: Response) -> Response {
    let is_kept = response.headers.iter().any(|(name, _)| *name == http::header::CACHE_CONTROL);
    if is_kept { response } else { frame::guarded(response) }
}
