//! The people of a vendor: staff and owners, invitations, roles.

use askama::Template;
use domain::account::{self, Invited, Invitee, Link, Person};
use http::StatusCode;
use model::{Error, Field, Role};

use super::require_typed;
use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::routes::Answer;
use crate::visit::Guest;

const OWNERS_SHOWN: i64 = 100;

#[derive(Template)]
#[template(path = "vendor/people.html")]
struct Page {
    frame: Frame,
    staff: Vec<Person>,
    owners: Vec<Person>,
    more_owners: Option<String>,
    invitations: Vec<Invited>,
    me: i64,
    /// A link that was just made, and for whom.
    link: Option<(String, String)>,
}

/// Everybody.
pub async fn list(guest: Guest) -> Answer {
    page(&guest, None).await
}

/// Invites, changes a role, makes a link for a new password, removes.
pub async fn change(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    let id = fields.number("id")?.unwrap_or(0);
    match fields.text("do") {
        "invite" => {
            let invitee = match fields.text("role") {
                "administrator" => Invitee::Staff { may_change: true },
                "viewer" => Invitee::Staff { may_change: false },
                "owner" => Invitee::Owner { name: fields.trimmed("owner").to_owned() },
                _ => return Err(Error::Malformed(Field("role"))),
            };
            let note = fields.trimmed("note").to_owned();
            let shown = note.clone();
            let link = guest
                .write(move |tx, person| {
                    let vendor = person.vendor(tx)?;
                    account::invite(tx, &vendor, person.id(), &invitee, &note)
                })
                .await?;
            let whom = if shown.is_empty() { "the person whom you invite".to_owned() } else { shown };
            page(&guest, Some((whom, link_of(&guest, &link)))).await
        }
        "reset" => {
            let link = guest.write(move |tx, person| person.vendor(tx)?.reset_link(tx, id, person.id())).await?;
            page(&guest, Some((fields.trimmed("name").to_owned(), link_of(&guest, &link)))).await
        }
        "withdraw" => {
            guest
                .write(move |tx, person| {
                    let vendor = person.vendor(tx)?;
                    account::withdraw(tx, &vendor, id)
                })
                .await?;
            Ok(Response::see_other("/portal/people?said=withdrawn"))
        }
        "role" => {
            let may_change = fields.text("role") == "administrator";
            guest
                .write(move |tx, person| {
                    let vendor = person.vendor(tx)?;
                    account::change_role(tx, &vendor, id, may_change)
                })
                .await?;
            Ok(Response::see_other("/portal/people?said=saved"))
        }
        "remove" => {
            require_typed(fields.text("confirm"), fields.text("name"))?;
            guest
                .write(move |tx, person| {
                    let vendor = person.vendor(tx)?;
                    account::remove(tx, &vendor, id)
                })
                .await?;
            Ok(Response::see_other("/portal/people?said=removed"))
        }
        _ => Err(Error::Malformed(Field("do"))),
    }
}

/// The address of a link.
pub fn link_of(guest: &Guest, link: &Link) -> String {
    format!("{}/portal/join/{}", guest.base, link.key.expose_hex())
}

async fn page(guest: &Guest, link: Option<(String, String)>) -> Answer {
    let after = guest.query.text("after").to_owned();
    let (person, (vendor, staff, owners, invitations)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor_view(tx)?;
            let staff = account::people(tx, &vendor)?;
            let owners = account::owners(tx, &vendor, &after, OWNERS_SHOWN)?;
            Ok((vendor.name().to_string(), staff, owners, account::invitations(tx, &vendor)?))
        })
        .await?;
    let is_full = owners.len() as i64 == OWNERS_SHOWN;
    let last = owners.last().filter(|_| is_full).map(|person| person.account.name.folded());
    let page = Page {
        frame: Frame::inside(guest, &person, "People", "/portal/people").of(&vendor),
        more_owners: last.map(|last| format!("/portal/people?{}", wire::form::encode([("after", last.as_str())]))),
        me: person.id(),
        staff,
        owners,
        invitations,
        link,
    };
    Ok(render(StatusCode::OK, &page))
}
