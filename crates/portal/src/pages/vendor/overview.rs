//! The first page of a vendor: every model, and how its numbers stand.

use askama::Template;
use domain::provision;
use http::StatusCode;

use super::counting::{self, Counted};
use crate::frame::{Frame, render};
use crate::markup::model_path;
use crate::routes::Answer;
use crate::visit::Guest;

/// Models that are shown with their numbers.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "vendor/overview.html")]
struct Page {
    frame: Frame,
    vendor: String,
    models: Vec<Row>,
    total: Counted,
    more: usize,
    shared: Vec<(String, String)>,
}

struct Row {
    name: String,
    path: String,
    counted: Counted,
}

/// The overview.
pub async fn show(guest: Guest) -> Answer {
    let (person, (vendor, models, more, shared)) = guest
        .read(|tx, person| {
            let vendor = person.vendor_view(tx)?;
            let names = provision::models(tx, &vendor)?;
            let mut models = Vec::new();
            for name in names.iter().take(SHOWN) {
                let numbers = vendor.model_view(tx, name)?.numbers_view();
                let counted = counting::first(tx, &numbers)?;
                models.push((name.to_string(), numbers, counted));
            }
            let shared = provision::shared_models(tx, &vendor)?;
            Ok((vendor.name().to_string(), models, names.len().saturating_sub(SHOWN), shared))
        })
        .await?;
    let models: Vec<Row> = models
        .into_iter()
        .map(|(name, numbers, seen)| Row {
            path: model_path(&name, &[]),
            counted: counting::best(&guest.portal, &numbers, seen),
            name,
        })
        .collect();
    let frame = Frame::inside(&guest, &person, "Overview", "/portal/overview").of(&vendor);
    let total = sum(&models, guest.now());
    Ok(render(StatusCode::OK, &Page { frame, vendor, models, total, more, shared }))
}

fn sum(models: &[Row], now: i64) -> Counted {
    let mut total = Counted { counts: provision::Counts::default(), is_whole: true, at: now };
    for row in models {
        total.counts.unused += row.counted.counts.unused;
        total.counts.waiting += row.counted.counts.waiting;
        total.counts.activated += row.counted.counts.activated;
        total.counts.expired += row.counted.counts.expired;
        total.is_whole &= row.counted.is_whole;
        total.at = total.at.min(row.counted.at);
    }
    total
}
