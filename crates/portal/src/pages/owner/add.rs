//! Bringing a device in by its serial number. A label's QR code leads here (`?vendor=&model=&sn=`).

use askama::Template;
use domain::owner::{self, Claimed, Product};
use http::StatusCode;
use model::{Error, Noun, SerialNumber};

use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::routes::Answer;
use crate::visit::Guest;

#[derive(Template)]
#[template(path = "owner/add.html")]
struct AddPage {
    frame: Frame,
    products: Vec<Choice>,
    sn: String,
    refusal: Option<String>,
}

struct Choice {
    value: String,
    text: String,
    is_chosen: bool,
}

/// What an owner is told, whatever the reason: more would tell which numbers exist, and which are taken.
const REFUSED: &str = "Compare product and serial number with the label, letter by letter. If they are right, the device may \
                       belong to somebody already: ask whoever sold it to you.";

/// The form, filled in from a label.
pub async fn form(guest: Guest) -> Answer {
    let product = format!("{}/{}", guest.query.trimmed("vendor"), guest.query.trimmed("model"));
    let sn = guest.query.trimmed("sn").to_owned();
    page(&guest, StatusCode::OK, &product, &sn, None).await
}

/// Enables the number under the owner, and goes on to the page that waits for the device.
pub async fn add(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    let (product, text) = (fields.text("product").to_owned(), fields.trimmed("sn").to_owned());
    let Ok(sn) = SerialNumber::parse(&text, guest.limits()) else {
        return page(&guest, StatusCode::BAD_REQUEST, &product, &text, Some(REFUSED.to_owned())).await;
    };
    let (person, ()) = guest.read(|_, _| Ok(())).await?;
    guest.portal.budget.admit(person.id())?;
    let (vendor, model) = product.split_once('/').unwrap_or_default();
    let (vendor, model) = (vendor.to_owned(), model.to_owned());
    let rule = move |tx: &mut store::Tx<'_>, person: &domain::caller::SignedIn| {
        let claim = person.caller(tx)?.claim(tx, &vendor, &model)?;
        owner::claim(tx, &claim, &sn)
    };
    let refusal = match guest.write(rule).await {
        Ok(Claimed::Enabled(rid)) => return Ok(Response::see_other(&format!("/portal/devices/{rid}"))),
        Ok(Claimed::Already(rid)) => {
            return Ok(Response::see_other(&format!("/portal/devices/{rid}?said=already-yours")));
        }
        Err(Error::Absent(Noun::Model | Noun::SerialNumber)) => {
            guest.portal.budget.failed(person.id());
            REFUSED.to_owned()
        }
        Err(Error::LimitReached(_)) => {
            "Your account has no room for another device. Ask your vendor for more.".to_owned()
        }
        Err(Error::Conflict(model::Clash::NoTemplate)) => "This product is not ready. Ask your vendor.".to_owned(),
        Err(other) => return Err(other),
    };
    page(&guest, StatusCode::CONFLICT, &product, &text, Some(refusal)).await
}

async fn page(guest: &Guest, status: StatusCode, product: &str, sn: &str, refusal: Option<String>) -> Answer {
    let rule = |tx: &mut store::Tx<'_>, person: &domain::caller::SignedIn| {
        let owner = person.client(tx)?;
        owner::products(tx, &owner)
    };
    let (person, products) = guest.read(rule).await?;
    let frame = Frame::inside(guest, &person, "Add a device", "/portal/add").narrow();
    let one_vendor = products.windows(2).all(|pair| pair[0].0 == pair[1].0);
    let choice = |(vendor, model): &Product| {
        let value = format!("{vendor}/{model}");
        let text = if one_vendor { model.to_string() } else { format!("{model} ({vendor})") };
        Choice { is_chosen: value == product, value, text }
    };
    let products = products.iter().map(choice).collect();
    Ok(render(status, &AddPage { frame, products, sn: sn.to_owned(), refusal }))
}
