//! One's own account: password, second factor, sessions.

use askama::Template;
use domain::account::{self, Enrolment, Password};
use domain::caller::SignedIn;
use http::StatusCode;
use model::{Error, Field};

use super::join::why;
use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::label;
use crate::markup::{Ago, At};
use crate::routes::Answer;
use crate::visit::Guest;

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    frame: Frame,
    name: String,
    role: &'static str,
    made: At,
    has_second_factor: bool,
    codes_left: i64,
    sessions: Vec<Session>,
    wrong_password: Option<String>,
}

struct Session {
    id: i64,
    is_this: bool,
    address: String,
    agent: String,
    began: At,
    used: Ago,
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct FactorPage {
    frame: Frame,
    secret: String,
    qr: String,
    /// Shown once, after the first right code.
    codes: Vec<String>,
}

/// The account.
pub async fn show(guest: Guest) -> Answer {
    page(&guest, StatusCode::OK, None).await
}

/// Chooses another password.
pub async fn change_password(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    let (person, ()) = guest.read(|_, _| Ok(())).await?;
    let new = Password::typed(fields.text("password"));
    if let Some(weakness) = new.weakness(person.name()) {
        return page(&guest, StatusCode::BAD_REQUEST, Some(why(weakness).to_owned())).await;
    }
    if fields.text("password") != fields.text("again") {
        return page(&guest, StatusCode::BAD_REQUEST, Some("The two passwords are not the same.".to_owned())).await;
    }
    let Some(old) = prove(&guest, &person, fields.text("present")).await? else {
        return page(&guest, StatusCode::FORBIDDEN, Some("The present password is wrong.".to_owned())).await;
    };
    let (portal, id) = (guest.portal.clone(), person.id());
    let hashed = guest.portal.gate.in_turn(move || new.hash(portal.store.keyring(), id)).await?;
    guest.write(move |tx, person| account::change_password(tx, person, &old, &hashed)).await?;
    Ok(Response::see_other("/portal/account?said=password"))
}

/// Ends a session, or all others.
pub async fn end_session(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    match fields.number("id")? {
        Some(id) => {
            guest.write(move |tx, person| account::end(tx, person, id)).await?;
            Ok(Response::see_other("/portal/account?said=session-ended"))
        }
        None => {
            guest.write(account::end_others).await?;
            Ok(Response::see_other("/portal/account?said=sessions-ended"))
        }
    }
}

/// The secret that waits for its first code.
pub async fn second_factor(guest: Guest) -> Answer {
    let (person, pending) = guest.read(account::pending).await?;
    match pending {
        Some(enrolment) => factor_page(&guest, &person, StatusCode::OK, enrolment, None),
        None => Ok(Response::see_other("/portal/account")),
    }
}

/// Begins, confirms, or gives up.
pub async fn change_second_factor(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    match fields.text("do") {
        "begin" => {
            guest.write(account::begin_second_factor).await?;
            Ok(Response::see_other("/portal/account/second-factor"))
        }
        "confirm" => {
            let code = fields.text("code").to_owned();
            let who = format!("own code {}", guest.token());
            guest.portal.gate.pause(&who, guest.peer).await;
            let codes = guest.write(move |tx, person| account::confirm(tx, person, &code)).await?;
            let (person, pending) = guest.read(account::pending).await?;
            match (codes, pending) {
                (Some(codes), _) => {
                    guest.portal.gate.forget(&who, guest.peer);
                    let frame = Frame::inside(&guest, &person, "Keep these codes", "");
                    let page = FactorPage { frame, secret: String::new(), qr: String::new(), codes };
                    Ok(render(StatusCode::OK, &page))
                }
                (None, Some(enrolment)) => {
                    let wrong = "This code is wrong. Is the clock of your phone right?";
                    factor_page(&guest, &person, StatusCode::BAD_REQUEST, enrolment, Some(wrong))
                }
                (None, None) => Ok(Response::see_other("/portal/account")),
            }
        }
        "give-up" => {
            let (person, ()) = guest.read(|_, _| Ok(())).await?;
            let Some(proof) = prove(&guest, &person, fields.text("present")).await? else {
                return page(&guest, StatusCode::FORBIDDEN, Some("The present password is wrong.".to_owned())).await;
            };
            guest.write(move |tx, person| account::give_up(tx, person, &proof)).await?;
            Ok(Response::see_other("/portal/account?said=second-factor-off"))
        }
        _ => Err(Error::Malformed(Field("do"))),
    }
}

/// Verifies the person's present password.
async fn prove(guest: &Guest, person: &SignedIn, typed: &str) -> Result<Option<account::Proof>, Error> {
    let folded = person.name().folded();
    guest.portal.gate.pause(&folded, guest.peer).await;
    let name = person.name().clone();
    let kept = guest.store().peek(move |tx| account::credentials(tx, Some(&name))).await?;
    let proof = guest.portal.gate.verify(kept, Password::typed(typed)).await?;
    if proof.is_some() {
        guest.portal.gate.forget(&folded, guest.peer);
    }
    Ok(proof)
}

async fn page(guest: &Guest, status: StatusCode, wrong_password: Option<String>) -> Answer {
    let (person, (sessions, codes_left)) =
        guest.read(|tx, person| Ok((account::sessions(tx, person)?, account::codes_left(tx, person)?))).await?;
    let this = person.session().id;
    let sessions = sessions.into_iter().filter(|session| session.is_whole).map(|session| Session {
        id: session.id,
        is_this: session.id == this,
        address: session.address,
        agent: browser(&session.agent),
        began: At(session.created_at),
        used: Ago(session.used_at),
    });
    let page = Page {
        frame: Frame::inside(guest, &person, "Your account", "/portal/account"),
        name: person.name().to_string(),
        role: person.role().title(),
        made: At(person.account().created_at),
        has_second_factor: person.account().has_second_factor,
        codes_left,
        sessions: sessions.collect(),
        wrong_password,
    };
    Ok(render(status, &page))
}

fn factor_page(
    guest: &Guest,
    person: &SignedIn,
    status: StatusCode,
    enrolment: Enrolment,
    wrong: Option<&str>,
) -> Answer {
    let frame =
        Frame::inside(guest, person, "Set up a second factor", "").below(&[("/portal/account", "Your account")]);
    let frame = match wrong {
        Some(text) => frame.with_error(text),
        None => frame,
    };
    let secret = enrolment.secret.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    let qr = label::svg(&enrolment.url).unwrap_or_default();
    Ok(render(status, &FactorPage { frame, secret, qr, codes: Vec::new() }))
}

/// The part of what a browser calls itself that a person recognizes.
fn browser(agent: &str) -> String {
    let name =
        ["Firefox", "Edg", "OPR", "Chrome", "Safari"].into_iter().find(|name| agent.contains(&format!("{name}/")));
    let system =
        ["Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux"].into_iter().find(|name| agent.contains(name));
    let name = match name {
        Some("Edg") => "Edge",
        Some("OPR") => "Opera",
        Some(name) => name,
        None => return agent.chars().take(40).collect(),
    };
    match system {
        Some("Mac OS X") => format!("{name} on macOS"),
        Some(system) => format!("{name} on {system}"),
        None => name.to_owned(),
    }
}
