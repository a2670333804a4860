//! The pages of who administers the server: vendors, accounts, and working as somebody else.

use askama::Template;
use domain::account::{self, Invited, ListedVendor, Person};
use http::StatusCode;
use model::{Error, Field, Rid, Role, VendorName};

use super::people::link_of;
use super::require_typed;
use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::routes::Answer;
use crate::visit::Guest;

const ON_A_PAGE: i64 = 100;

#[derive(Template)]
#[template(path = "vendor/admin_vendors.html")]
struct VendorsPage {
    frame: Frame,
    vendors: Vec<ListedVendor>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "vendor/admin_accounts.html")]
struct AccountsPage {
    frame: Frame,
    accounts: Vec<Person>,
    invitations: Vec<Invited>,
    next: Option<String>,
    me: i64,
    link: Option<(String, String)>,
}

/// All vendors.
pub async fn vendors(guest: Guest) -> Answer {
    let after = guest.query.text("after").to_owned();
    let (person, vendors) =
        guest.read(move |tx, person| account::vendors(tx, &person.administrator()?, &after, ON_A_PAGE)).await?;
    let last = vendors.last().filter(|_| vendors.len() as i64 == ON_A_PAGE).map(|vendor| vendor.name.to_string());
    let next = last.map(|last| format!("/portal/admin/vendors?{}", wire::form::encode([("after", last.as_str())])));
    let frame = Frame::inside(&guest, &person, "Vendors", "/portal/admin/vendors");
    Ok(render(StatusCode::OK, &VendorsPage { frame, vendors, next }))
}

/// Makes a vendor.
pub async fn add_vendor(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    let name = VendorName::parse(fields.trimmed("name"), guest.limits())?;
    guest.write(move |tx, person| account::add_vendor(tx, &person.administrator()?, &name)).await?;
    Ok(Response::see_other("/portal/admin/vendors?said=made"))
}

/// All accounts.
pub async fn accounts(guest: Guest) -> Answer {
    accounts_page(&guest, None).await
}

/// Invites an administrator, makes a link for a new password, removes.
pub async fn change_account(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    let id = fields.number("id")?.unwrap_or(0);
    match fields.text("do") {
        "invite" => {
            let note = fields.trimmed("note").to_owned();
            let whom = if note.is_empty() { "the person whom you invite".to_owned() } else { note.clone() };
            let link = guest.write(move |tx, person| person.administrator()?.invite(tx, &note)).await?;
            accounts_page(&guest, Some((whom, link_of(&guest, &link)))).await
        }
        "reset" => {
            let link = guest.write(move |tx, person| person.administrator()?.reset_link(tx, id)).await?;
            accounts_page(&guest, Some((fields.trimmed("name").to_owned(), link_of(&guest, &link)))).await
        }
        "withdraw" => {
            guest.write(move |tx, person| person.administrator()?.withdraw(tx, id)).await?;
            Ok(Response::see_other("/portal/admin/accounts?said=withdrawn"))
        }
        "remove" => {
            require_typed(fields.text("confirm"), fields.text("name"))?;
            guest.write(move |tx, person| person.administrator()?.remove(tx, id)).await?;
            Ok(Response::see_other("/portal/admin/accounts?said=removed"))
        }
        _ => Err(Error::Malformed(Field("do"))),
    }
}

/// Works as a vendor or an owner, or as oneself again.
pub async fn act(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    let other = match fields.trimmed("as") {
        "" => None,
        rid => Some(Rid::parse(rid)?),
    };
    guest.write(move |tx, person| account::act_as(tx, person, other)).await?;
    let place = match (other, fields.text("role")) {
        (None, _) => "/portal/admin/vendors",
        (Some(_), "owner") => "/portal/devices",
        (Some(_), _) => "/portal/overview",
    };
    Ok(Response::see_other(place))
}

async fn accounts_page(guest: &Guest, link: Option<(String, String)>) -> Answer {
    let after = guest.query.text("after").to_owned();
    let (person, (accounts, invitations)) = guest
        .read(move |tx, person| {
            let administrator = person.administrator()?;
            let accounts = account::accounts(tx, &administrator, &after, ON_A_PAGE)?;
            Ok((accounts, administrator.invitations(tx)?))
        })
        .await?;
    let is_full = accounts.len() as i64 == ON_A_PAGE;
    let last = accounts.last().filter(|_| is_full).map(|person| person.account.name.folded());
    let page = AccountsPage {
        frame: Frame::inside(guest, &person, "Accounts", "/portal/admin/accounts"),
        next: last.map(|last| format!("/portal/admin/accounts?{}", wire::form::encode([("after", last.as_str())]))),
        me: person.id(),
        accounts,
        invitations,
        link,
    };
    Ok(render(StatusCode::OK, &page))
}
