//! Taking a device over by the code that its owner made.

use askama::Template;
use domain::owner::{self, Handover};
use http::StatusCode;
use model::{Clash, Error, Noun, TransferCode};

use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::routes::Answer;
use crate::visit::Guest;

#[derive(Template)]
#[template(path = "owner/take.html")]
struct TakePage {
    frame: Frame,
    code: String,
    refusal: Option<&'static str>,
}

const REFUSED: &str = "This code is not good, or not any more. Compare it with the one that you were given. A code serves once, for \
                       a week, between owners of the same vendor's devices.";

/// The form.
pub async fn form(guest: Guest) -> Answer {
    page(&guest, StatusCode::OK, "", None).await
}

/// Takes the device over.
pub async fn take(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    let text = fields.trimmed("code").to_owned();
    let handover = if fields.is_checked("new_key") { Handover::NewKey } else { Handover::KeepKey };
    let (person, ()) = guest.read(|_, _| Ok(())).await?;
    guest.portal.budget.admit(person.id())?;
    let Some(code) = TransferCode::parse(&text) else {
        return page(&guest, StatusCode::BAD_REQUEST, &text, Some(REFUSED)).await;
    };
    let rule = move |tx: &mut store::Tx<'_>, person: &domain::caller::SignedIn| {
        let offered = person.caller(tx)?.offered(tx, &code)?;
        owner::accept(tx, &offered, handover)
    };
    let refusal = match guest.write(rule).await {
        Ok(rid) => return Ok(Response::see_other(&format!("/portal/devices/{rid}?said=taken-over"))),
        Err(Error::Absent(Noun::Share)) => {
            guest.portal.budget.failed(person.id());
            REFUSED
        }
        Err(Error::Conflict(Clash::HasClient)) => "This device is yours already.",
        Err(Error::LimitReached(_)) => "Your account has no room for another device. Ask your vendor for more.",
        Err(other) => return Err(other),
    };
    page(&guest, StatusCode::CONFLICT, &text, Some(refusal)).await
}

async fn page(guest: &Guest, status: StatusCode, code: &str, refusal: Option<&'static str>) -> Answer {
    let (person, _) = guest.read(|tx, person| person.client(tx)).await?;
    let frame = Frame::inside(guest, &person, "Take a device over", "/portal/devices").narrow();
    Ok(render(status, &TakePage { frame, code: code.to_owned(), refusal }))
}
