//! With whom a model is shared.

use askama::Template;
use domain::provision;
use http::StatusCode;
use model::VendorName;

use super::{model_name, require_typed};
use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::markup::model_path;
use crate::routes::Answer;
use crate::visit::Guest;

#[derive(Template)]
#[template(path = "vendor/shares.html")]
struct Page {
    frame: Frame,
    path: String,
    partners: Vec<VendorName>,
}

/// The partners.
pub async fn list(guest: Guest, model: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let asked = name.clone();
    let (person, (vendor, partners)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor_view(tx)?;
            let view = vendor.model_view(tx, &asked)?;
            Ok((vendor.name().to_string(), provision::partners(tx, &view)?))
        })
        .await?;
    let path = model_path(name.as_str(), &[]);
    let frame = Frame::inside(&guest, &person, "Shares", "/portal/models").of(&vendor);
    let frame = frame.below(&[("/portal/models", "Models"), (&path, name.as_str())]);
    Ok(render(StatusCode::OK, &Page { frame, path: path.clone(), partners }))
}

/// Begins or ends a share.
pub async fn change(mut guest: Guest, model: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let fields = guest.form().await?;
    let partner = fields.trimmed("vendor").to_owned();
    let ends = fields.text("do") == "end";
    if ends {
        require_typed(fields.text("confirm"), &partner)?;
    }
    let path = model_path(name.as_str(), &[]);
    guest
        .write(move |tx, person| {
            let model = person.vendor(tx)?.model(tx, &name)?;
            match ends {
                true => provision::unshare(tx, &model, &partner),
                false => provision::share(tx, &model, &partner),
            }
        })
        .await?;
    Ok(Response::see_other(&format!("{path}/shares?said={}", if ends { "removed" } else { "added" })))
}
