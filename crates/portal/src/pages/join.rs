//! Following a link: to a new account, or to a new password.

use domain::account::{self, Joining, Password, Weakness};
use http::StatusCode;
use model::{AccountName, Error, InvitationKey, Noun};

use super::sign_in::{enter, visitors_token};
use crate::frame::{Frame, render};
use crate::host;
use crate::routes::Answer;
use crate::visit::Visit;

#[derive(askama::Template)]
#[template(path = "join.html")]
struct Page {
    frame: Frame,
    token: String,
    joining: Joining,
    name: String,
    wrong_name: Option<String>,
    wrong_password: Option<&'static str>,
    is_insecure: bool,
}

const GONE: Error = Error::Absent(Noun::Invitation);

/// What the link is good for, and the form.
pub async fn show(visit: Visit, key: &str) -> Answer {
    let key = InvitationKey::parse(key).ok_or(GONE)?;
    let joining = visit.store().read(move |tx| account::opened(tx, &key)).await?;
    form(&visit, StatusCode::OK, joining, "", None, None)
}

/// Uses the link up.
pub async fn join(mut visit: Visit, key: &str) -> Answer {
    let fields = visit.visitors_form().await?;
    let key = InvitationKey::parse(key).ok_or(GONE)?;
    let opening = key.clone();
    let joining = visit.store().read(move |tx| account::opened(tx, &opening)).await?;
    let typed = fields.text("name").to_owned();
    let name = match &joining.name {
        Some(name) => name.clone(),
        None => match AccountName::parse(&typed, visit.limits()) {
            Ok(name) => name,
            Err(_) => {
                let why = "A name is a mail address or a word: letters, digits and signs, without spaces.".to_owned();
                return form(&visit, StatusCode::BAD_REQUEST, joining, &typed, Some(why), None);
            }
        },
    };
    let password = Password::typed(fields.text("password"));
    let wrong = match password.weakness(&name) {
        Some(weakness) => Some(why(weakness)),
        None if fields.text("password") != fields.text("again") => Some("The two passwords are not the same."),
        None => None,
    };
    if wrong.is_some() {
        return form(&visit, StatusCode::BAD_REQUEST, joining, &typed, None, wrong);
    }
    let (portal, id) = (visit.portal.clone(), joining.account_id);
    let hashed = visit.portal.gate.in_turn(move || password.hash(portal.store.keyring(), id)).await?;
    let (place, wanted) = (visit.place(), name.clone());
    let joined = visit.store().write(move |tx| account::join(tx, &key, Some(&wanted), &hashed, &place)).await;
    match joined {
        Ok(key) => Ok(enter(&key, "/portal/")),
        Err(Error::Exists(Noun::Account, _)) => {
            let why = "Somebody has this name already. Choose another one.".to_owned();
            form(&visit, StatusCode::CONFLICT, joining, &typed, Some(why), None)
        }
        Err(error) => Err(error),
    }
}

/// Why a password is not taken, in words.
pub fn why(weakness: Weakness) -> &'static str {
    match weakness {
        Weakness::TooShort => "A password has at least 12 characters. A few words in a row are easy to keep in mind.",
        Weakness::TooLong => "This password is too long.",
        Weakness::Common => "This password is one of the most common ones. Choose one that nobody else has.",
        Weakness::LikeName => "This password is too much like your name. Choose another one.",
    }
}

fn form(
    visit: &Visit,
    status: StatusCode,
    joining: Joining,
    name: &str,
    wrong_name: Option<String>,
    wrong_password: Option<&'static str>,
) -> Answer {
    let (token, mark) = visitors_token(visit)?;
    let title = if joining.name.is_some() { "Choose a new password" } else { "Join" };
    let page = Page {
        frame: Frame::outside(title),
        token,
        joining,
        name: name.to_owned(),
        wrong_name,
        wrong_password,
        is_insecure: !host::keeps_cookies(&visit.base),
    };
    let response = render(status, &page);
    Ok(mark.iter().fold(response, |response, mark| response.set_cookie(mark)))
}
