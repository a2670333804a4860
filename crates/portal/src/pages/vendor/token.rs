//! Vendor tokens: made and shown once, killed.

use askama::Template;
use domain::vendor;
use http::StatusCode;
use model::{SecretKey as _, TokenId};

use super::require_typed;
use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::routes::Answer;
use crate::visit::Guest;

#[derive(Template)]
#[template(path = "vendor/tokens.html")]
struct Page {
    frame: Frame,
    vendor: String,
    tokens: Vec<TokenId>,
    /// A token that was just made: its id and itself.
    made: Option<(String, String)>,
}

/// The ids of all tokens.
pub async fn list(guest: Guest) -> Answer {
    page(&guest, None).await
}

/// Makes or kills a token.
pub async fn change(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    let id = TokenId::parse(fields.trimmed("id"), guest.limits())?;
    if fields.text("do") == "delete" {
        require_typed(fields.text("confirm"), id.as_str())?;
        guest
            .write(move |tx, person| {
                let vendor = person.vendor(tx)?;
                domain::vendor::delete_token(tx, &vendor, &id)
            })
            .await?;
        return Ok(Response::see_other("/portal/tokens?said=deleted"));
    }
    let name = id.to_string();
    let token = guest
        .write(move |tx, person| {
            let vendor = person.vendor(tx)?;
            domain::vendor::create_token(tx, &vendor, &id)
        })
        .await?;
    page(&guest, Some((name, token.expose_hex()))).await
}

async fn page(guest: &Guest, made: Option<(String, String)>) -> Answer {
    let (person, (vendor, tokens)) = guest
        .read(|tx, person| {
            let vendor = person.vendor_view(tx)?;
            Ok((vendor.name().to_string(), vendor::list_tokens(tx, &vendor)?))
        })
        .await?;
    let frame = Frame::inside(guest, &person, "Tokens", "/portal/tokens").of(&vendor);
    Ok(render(StatusCode::OK, &Page { frame, vendor, tokens, made }))
}
