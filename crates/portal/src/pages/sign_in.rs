//! Signing in and out (threats T34 to T36).

use domain::account::{self, Answered, Password, SignIn};
use http::StatusCode;
use model::{AccountName, Error, SessionKey};

use crate::exchange::Response;
use crate::form::Fields;
use crate::frame::{Frame, render};
use crate::host;
use crate::routes::Answer;
use crate::visit::{Guest, Visit};
use crate::{cookie, guard};

#[derive(askama::Template)]
#[template(path = "sign_in.html")]
struct Page {
    frame: Frame,
    token: String,
    back: String,
    name: String,
    /// The browser will not keep the cookie.
    is_insecure: bool,
}

#[derive(askama::Template)]
#[template(path = "sign_in_code.html")]
struct CodePage {
    frame: Frame,
    token: String,
    back: String,
}

/// The form.
pub async fn show(visit: Visit) -> Answer {
    if visit.session.is_some() {
        let back = back(&visit.query);
        let lives = match visit.session.clone() {
            Some(key) => {
                let lifetimes = visit.portal.options.lifetimes;
                visit.store().peek(move |tx| domain::caller::person(tx, &key, lifetimes).map(|_| ())).await.is_ok()
            }
            None => false,
        };
        if lives {
            return Ok(Response::see_other(&back));
        }
    }
    form(&visit, StatusCode::OK, "", None)
}

/// Takes name and password. Whether the name is known shows in neither words nor time.
pub async fn sign_in(mut visit: Visit) -> Answer {
    let fields = visit.visitors_form().await?;
    let name = AccountName::parse(fields.text("name"), visit.limits()).ok();
    let folded = name.as_ref().map_or_else(|| "?".to_owned(), AccountName::folded);
    let gate = &visit.portal.gate;
    gate.pause(&folded, visit.peer).await;
    let asked = name.clone();
    let kept = visit.store().peek(move |tx| account::credentials(tx, asked.as_ref())).await?;
    let proof = gate.verify(kept, Password::typed(fields.text("password"))).await?;
    let place = visit.place();
    let Some(proof) = proof else {
        if let Some(name) = name {
            visit.store().write(move |tx| account::refused(tx, &name, &place)).await?;
        }
        return form(&visit, StatusCode::FORBIDDEN, fields.text("name"), Some("Name or password is wrong."));
    };
    gate.forget(&folded, visit.peer);
    let signed_in = visit.store().write(move |tx| account::sign_in(tx, &proof, &place)).await?;
    match signed_in {
        SignIn::Whole(key) => Ok(enter(&key, &back(&fields))),
        SignIn::Half(key) => {
            let query = wire::form::encode([("back", back(&fields).as_str())]);
            Ok(Response::see_other(&format!("/portal/sign-in/code?{query}")).set_cookie(&cookie::keep_session(&key)))
        }
    }
}

/// The form for a one-time code.
pub async fn show_code(visit: Visit) -> Answer {
    code_form(&visit, StatusCode::OK, None)
}

/// Takes a one-time code.
pub async fn code(mut visit: Visit) -> Answer {
    let fields = visit.visitors_form().await?;
    let key = visit.session.clone().ok_or(Error::Unauthorized)?;
    let who = format!("code {}", guard::token(visit.store().keyring(), &key));
    visit.portal.gate.pause(&who, visit.peer).await;
    let (typed, place) = (fields.text("code").to_owned(), visit.place());
    match visit.store().write(move |tx| account::second_step(tx, &key, &typed, &place)).await? {
        Answered::Whole(key) => {
            visit.portal.gate.forget(&who, visit.peer);
            Ok(enter(&key, &back(&fields)))
        }
        Answered::Wrong => code_form(&visit, StatusCode::FORBIDDEN, Some("This code is wrong, or was used before.")),
    }
}

/// Ends the session.
pub async fn sign_out(mut guest: Guest) -> Answer {
    guest.form().await?;
    guest.write(account::sign_out).await?;
    Ok(Response::see_other("/portal/sign-in").set_cookie(&cookie::forget_session()))
}

/// Goes in with a new key.
pub fn enter(key: &SessionKey, path: &str) -> Response {
    Response::see_other(path).set_cookie(&cookie::keep_session(key))
}

/// The token of a browser without a session, and the field that marks a browser which has no mark yet.
pub fn visitors_token(visit: &Visit) -> Result<(String, Option<String>), Error> {
    let keyring = visit.store().keyring();
    let (key, is_new) = match &visit.visitor {
        Some(key) => (key.clone(), false),
        None => (SessionKey::from_bytes(keyring.secret()?), true),
    };
    Ok((guard::token(keyring, &key), is_new.then(|| cookie::keep_visitor(&key))))
}

fn form(visit: &Visit, status: StatusCode, name: &str, wrong: Option<&str>) -> Answer {
    let (token, mark) = visitors_token(visit)?;
    let frame = Frame::outside("Sign in");
    let page = Page {
        frame: match wrong {
            Some(text) => frame.with_error(text),
            None => frame,
        },
        token,
        back: back(&visit.query),
        name: name.to_owned(),
        is_insecure: !host::keeps_cookies(&visit.base),
    };
    let response = render(status, &page);
    Ok(mark.iter().fold(response, |response, mark| response.set_cookie(mark)))
}

fn code_form(visit: &Visit, status: StatusCode, wrong: Option<&str>) -> Answer {
    let (token, mark) = visitors_token(visit)?;
    let frame = Frame::outside("One more step");
    let frame = match wrong {
        Some(text) => frame.with_error(text),
        None => frame,
    };
    let response = render(status, &CodePage { frame, token, back: back(&visit.query) });
    Ok(mark.iter().fold(response, |response, mark| response.set_cookie(mark)))
}

/// Where to go afterwards: a page of ours, or the start.
fn back(fields: &Fields) -> String {
    let path = fields.text("back");
    let is_ours = path.starts_with("/portal/") && path.bytes().all(|c| c.is_ascii_graphic() && c != b'\\');
    if is_ours { path.to_owned() } else { "/portal/".to_owned() }
}
