//! One device: what it measures, as it arrives, and what its owner may do with it.

use askama::Template;
use domain::caller::{Right, SignedIn};
use domain::data::{self, Value};
use domain::owner;
use domain::resource::{self, Named};
use http::StatusCode;
use model::{Error, Field, Result, Rid};
use serde_json::Map;
use store::Tx;
use store::table::{alias, transfer::Transfer};

use super::view::{State, View, look};
use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::markup::At;
use crate::routes::Answer;
use crate::visit::Guest;

#[derive(Template)]
#[template(path = "owner/device.html")]
struct DevicePage {
    frame: Frame,
    view: View,
    /// The name that its owner gave it.
    given_name: String,
    aliases: Vec<String>,
    offer: Option<Offer>,
}

/// An open code.
struct Offer {
    /// Shown once.
    code: Option<String>,
    until: At,
    erases: bool,
}

/// The page.
pub async fn show(guest: Guest, rid: &str) -> Answer {
    page(&guest, Rid::parse(rid)?, None).await
}

async fn page(guest: &Guest, rid: Rid, code: Option<String>) -> Answer {
    let limits = guest.limits().clone();
    let rule = move |tx: &mut Tx<'_>, person: &SignedIn| {
        let (view, own) = look(tx, person, rid, &limits)?;
        let names = alias::list_of(tx, own.id())?;
        let owner_id = own.row().owner_id;
        let aliases = names.into_iter().filter(|(client_id, _)| *client_id == owner_id).map(|(_, name)| name);
        let given_name = owner::device(tx, &own)?.name;
        Ok((view, given_name, aliases.collect(), owner::offer_of(tx, &own)?))
    };
    let (person, (view, given_name, aliases, open)) = guest.read(rule).await?;
    let frame =
        Frame::inside(guest, &person, &view.name, "/portal/devices").below(&[("/portal/devices", "My devices")]);
    let offer = open.map(|Transfer { expires_at, erases, .. }| Offer { code, until: At(expires_at), erases });
    Ok(render(StatusCode::OK, &DevicePage { frame, view, given_name, aliases, offer }))
}

/// Another name; an empty one takes it away.
pub async fn rename(mut guest: Guest, rid: &str) -> Answer {
    let (rid, fields) = (Rid::parse(rid)?, guest.form().await?);
    let name = fields.trimmed("name").to_owned();
    if name.len() > 800 || name.chars().any(char::is_control) {
        return Err(Error::Malformed(Field("name")));
    }
    let limits = guest.limits().clone();
    let rule = move |tx: &mut Tx<'_>, person: &SignedIn| {
        let caller = person.caller(tx)?;
        let own = caller.own_device(tx, rid)?;
        let given = Map::from_iter([("name".to_owned(), name.clone().into())]);
        resource::update(tx, &limits, &caller, own.controlled(), given)
    };
    guest.write(rule).await?;
    Ok(back(rid, "saved"))
}

/// A new key and a new window.
pub async fn reenable(mut guest: Guest, rid: &str) -> Answer {
    let rid = Rid::parse(rid)?;
    guest.form().await?;
    guest.write(move |tx, person| own(tx, person, rid, owner::reenable)).await?;
    Ok(back(rid, "device-reenabled"))
}

/// Makes a code that gives it away, and shows it once.
pub async fn give(mut guest: Guest, rid: &str) -> Answer {
    let (rid, fields) = (Rid::parse(rid)?, guest.form().await?);
    let erases = fields.is_checked("erase");
    let made = guest.write(move |tx, person| own(tx, person, rid, |tx, own| owner::offer(tx, own, erases))).await?;
    page(&guest, rid, Some(made.expose_text())).await
}

/// Takes the code back.
pub async fn withdraw(mut guest: Guest, rid: &str) -> Answer {
    let rid = Rid::parse(rid)?;
    guest.form().await?;
    guest.write(move |tx, person| own(tx, person, rid, owner::withdraw)).await?;
    Ok(back(rid, "code-withdrawn"))
}

/// Removes it with all that it holds. What has to be typed is checked here, too.
pub async fn remove(mut guest: Guest, rid: &str) -> Answer {
    let (rid, fields) = (Rid::parse(rid)?, guest.form().await?);
    let (typed, limits) = (fields.trimmed("confirm").to_owned(), guest.limits().clone());
    let rule = move |tx: &mut Tx<'_>, person: &SignedIn| {
        let (view, own) = look(tx, person, rid, &limits)?;
        if view.confirm != typed {
            return Err(Error::Malformed(Field("confirm")));
        }
        resource::drop(tx, own.caller(), own.controlled())
    };
    guest.write(rule).await?;
    Ok(Response::see_other("/portal/devices?said=device-removed"))
}

/// Writes a value to one of its dataports.
pub async fn write(mut guest: Guest, rid: &str) -> Answer {
    let (rid, fields) = (Rid::parse(rid)?, guest.form().await?);
    let port = Rid::parse(fields.text("port"))?;
    // A browser ends lines with CR LF; a device expects what was typed.
    let (text, limits) = (fields.text("value").replace("\r\n", "\n"), guest.limits().clone());
    let rule = move |tx: &mut Tx<'_>, person: &SignedIn| {
        let caller = person.caller(tx)?;
        let own = caller.own_device(tx, rid)?;
        let series = caller.writable(tx, Right::Write, &Named::Rid(port))?.into_series();
        if series.owner_id != own.id() {
            return Err(Error::Forbidden(model::Noun::Resource));
        }
        let value = Value::parse(series.input_format(), &text, &limits)?;
        data::write(tx, &series, value)
    };
    guest.write(rule).await?;
    Ok(back(rid, "written"))
}

fn own<T>(
    tx: &mut Tx<'_>,
    person: &SignedIn,
    rid: Rid,
    rule: impl FnOnce(&mut Tx<'_>, &domain::caller::OwnDevice) -> Result<T>,
) -> Result<T> {
    let caller = person.caller(tx)?;
    let own = caller.own_device(tx, rid)?;
    rule(tx, &own)
}

fn back(rid: Rid, said: &str) -> Response {
    Response::see_other(&format!("/portal/devices/{rid}?said={said}"))
}
