//! My devices.

use askama::Template;
use domain::owner;
use http::StatusCode;
use model::Page;

use super::card::Card;
use crate::frame::{Frame, render};
use crate::routes::Answer;
use crate::visit::Guest;

/// Cards on a page.
pub const PER_PAGE: u32 = 24;

#[derive(Template)]
#[template(path = "owner/devices.html")]
struct DevicesPage {
    frame: Frame,
    cards: Vec<Card>,
    total: i64,
    per_page: i64,
    number: u64,
    last: u64,
}

/// The list, the newest device first.
pub async fn show(guest: Guest) -> Answer {
    let number = page_number(guest.query.text("page"));
    let look = move |tx: &mut store::Tx<'_>, person: &domain::caller::SignedIn| {
        let owner = person.client(tx)?;
        Ok((owner::devices(tx, &owner, page(number))?, owner::count(tx, &owner)?))
    };
    let (person, (outlines, total)) = guest.read(look).await?;
    let frame = Frame::inside(&guest, &person, "My devices", "/portal/devices");
    let last = (total.max(1) as u64).div_ceil(u64::from(PER_PAGE));
    let cards = outlines.iter().map(Card::of).collect();
    Ok(render(StatusCode::OK, &DevicesPage { frame, cards, total, per_page: i64::from(PER_PAGE), number, last }))
}

/// The page that a link asks for, from 1.
pub fn page_number(text: &str) -> u64 {
    text.parse::<u64>().unwrap_or(1).clamp(1, 1_000_000)
}

/// Its rows.
pub fn page(number: u64) -> Page {
    Page { offset: (number - 1) * u64::from(PER_PAGE), limit: PER_PAGE }
}
