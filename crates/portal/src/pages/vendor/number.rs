//! One serial number: its life, its owner, its content, its label, and what can be done with it.

use askama::Template;
use domain::account;
use domain::provision::{self, Dossier, Reason};
use http::StatusCode;
use model::{Error, Field, Noun, Rid, SerialNumber};
use store::table::content::Content;
use store::table::event::Event;

use super::{model_name, require_typed};
use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::label;
use crate::markup::{At, model_path, status_mark, status_title};
use crate::routes::Answer;
use crate::visit::Guest;

const OWNERS: i64 = 200;

#[derive(Template)]
#[template(path = "vendor/number.html")]
struct Page {
    frame: Frame,
    name: String,
    path: String,
    model_path: String,
    dossier: Dossier,
    mark: &'static str,
    title: &'static str,
    events: Vec<Told>,
    contents: Vec<(Content, Option<Reason>)>,
    owners: Vec<(String, String)>,
    qr: Option<String>,
    url: String,
    window_s: i64,
}

/// An event in words.
struct Told {
    kind: &'static str,
    what: &'static str,
    at: At,
    address: String,
}

/// The page.
pub async fn show(guest: Guest, model: &str, sn: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let sn = SerialNumber::parse(sn, guest.limits()).map_err(|_| Error::Absent(Noun::SerialNumber))?;
    let (asked, sought) = (name.clone(), sn.clone());
    let (person, (vendor, dossier, contents, owners, window_s)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor_view(tx)?;
            let view = vendor.model_view(tx, &asked)?;
            let dossier = provision::dossier(tx, &view, &sought)?;
            let contents = provision::reasons(tx, &view, &sought)?;
            let owners = account::owners(tx, &vendor, "", OWNERS)?;
            Ok((vendor.name().to_string(), dossier, contents, owners, view.row().activation_timeout_s))
        })
        .await?;
    let model_path = model_path(name.as_str(), &[]);
    let numbers = format!("{model_path}/numbers");
    let base = guest.base.to_string();
    let url = label::label_url(&base, &vendor, name.as_str(), sn.as_str());
    let owners = owners
        .into_iter()
        .map(|owner| (owner.rid.to_string(), format!("{} ({})", owner.client_name, owner.account.name)));
    let page = Page {
        frame: Frame::inside(&guest, &person, sn.as_str(), "/portal/models").of(&vendor).below(&[
            ("/portal/models", "Models"),
            (&model_path, name.as_str()),
            (&numbers, "Serial numbers"),
        ]),
        path: crate::markup::model_path(name.as_str(), &["numbers", sn.as_str()]),
        mark: status_mark(dossier.status),
        title: status_title(dossier.status),
        events: dossier.events.iter().map(tell).collect(),
        contents,
        owners: owners.collect(),
        qr: label::svg(&url),
        url,
        window_s,
        name: sn.to_string(),
        model_path,
        dossier,
    };
    Ok(render(StatusCode::OK, &page))
}

/// Does one of the things that its state allows.
pub async fn act(mut guest: Guest, model: &str, sn: &str, act: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let sn = SerialNumber::parse(sn, guest.limits()).map_err(|_| Error::Absent(Noun::SerialNumber))?;
    let fields = guest.form().await?;
    let path = model_path(name.as_str(), &["numbers", sn.as_str()]);
    let list = format!("{}/numbers", model_path(name.as_str(), &[]));
    match act {
        "enable" => {
            let typed = [fields.trimmed("owner_rid"), fields.trimmed("owner")];
            let owner = typed.into_iter().find(|text| !text.is_empty()).ok_or(Error::Malformed(Field("owner")))?;
            let owner = Rid::parse(owner).map_err(|_| Error::Malformed(Field("owner")))?;
            guest
                .write(move |tx, person| {
                    let numbers = person.vendor(tx)?.numbers(tx, &name, None)?;
                    provision::enable_for_owner(tx, &numbers, &sn, owner).map(|_| ())
                })
                .await?;
            Ok(Response::see_other(&format!("{path}?said=enabled")))
        }
        "reenable" => {
            guest
                .write(move |tx, person| {
                    let numbers = person.vendor(tx)?.numbers(tx, &name, None)?;
                    provision::reenable(tx, &numbers, &sn)
                })
                .await?;
            Ok(Response::see_other(&format!("{path}?said=reenabled")))
        }
        "disable" => {
            require_typed(fields.text("confirm"), sn.as_str())?;
            guest
                .write(move |tx, person| {
                    let numbers = person.vendor(tx)?.numbers(tx, &name, None)?;
                    provision::disable(tx, &numbers, &sn)
                })
                .await?;
            Ok(Response::see_other(&format!("{path}?said=disabled")))
        }
        "remap" => {
            let new = SerialNumber::parse(fields.trimmed("new"), guest.limits())?;
            let target = model_path(name.as_str(), &["numbers", new.as_str()]);
            guest
                .write(move |tx, person| {
                    let numbers = person.vendor(tx)?.numbers(tx, &name, None)?;
                    provision::remap(tx, &numbers, &new, &sn)
                })
                .await?;
            Ok(Response::see_other(&format!("{target}?said=remapped")))
        }
        "delete" => {
            require_typed(fields.text("confirm"), sn.as_str())?;
            guest
                .write(move |tx, person| {
                    let model = person.vendor(tx)?.model(tx, &name)?;
                    provision::remove_numbers(tx, &model, std::slice::from_ref(&sn))
                })
                .await?;
            Ok(Response::see_other(&format!("{list}?said=deleted")))
        }
        _ => Err(Error::Malformed(Field("page"))),
    }
}

/// What an event means to a person.
fn tell(event: &Event) -> Told {
    use store::table::event::Verb;
    let (kind, what) = match event.verb {
        Verb::Activated => ("ok", "The device called in and received its key"),
        Verb::Repeated => ("ok", "The device asked again with its nonce, and received the same key"),
        Verb::Regranted => ("warn", "The device asked again, and received a new key by the model's grace"),
        Verb::RefusedUnused => ("warn", "A device knocked; nobody had enabled the number"),
        Verb::RefusedActivated => ("warn", "A device knocked; another had received the key already"),
        Verb::RefusedExpired => ("warn", "A device knocked; the window was closed, or the key disabled"),
        Verb::Enabled => ("info", "Enabled for an owner; the window opened"),
        Verb::Reenabled => ("info", "Re-enabled: the old key died, and a new window opened"),
        Verb::RemappedHere => ("info", "The device of another serial number came here"),
        Verb::RemappedAway => ("info", "The device went to another serial number"),
        Verb::Disabled => ("error", "Disabled: the key is dead"),
        Verb::Dropped => ("error", "The device was removed by its owner"),
        Verb::ActivatedByOwner => ("ok", "Its owner made the key work"),
        Verb::KeyReplaced => ("info", "Its owner replaced the key"),
        Verb::KeyShown => ("warn", "The key was shown to its owner"),
        _ => ("info", "Something else happened"),
    };
    Told { kind, what, at: At(event.at), address: event.address.clone().unwrap_or_default() }
}
