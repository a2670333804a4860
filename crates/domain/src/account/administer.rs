//! What an administrator of the server does: vendors, all accounts, and working as somebody else for a while.

use model::{Error, Limits, Noun, Result, Rid, UnixSeconds, VendorName};
use serde_json::{Map, json};
use store::Tx;
use store::table::account;
use store::table::account_session as sessions;
use store::table::event::Verb;
use store::table::resource::{self, Kind};
use store::table::vendor::{self, Vendor as Row};

use super::Link;
use super::people::{Person, require_another, wipe, with_client};
use crate::caller::{self, Administrator, Credential, SignedIn};
use crate::provision::log;
use crate::resource::{Description, LIMITED, plant_client};
use crate::vendor::register;

/// A vendor as an administrator sees it.
#[derive(Clone, Debug)]
pub struct ListedVendor {
    /// Its name.
    pub name: VendorName,
    /// Its client.
    pub rid: Rid,
    /// When the name was registered.
    pub created_at: UnixSeconds,
}

/// A page of all vendors, after a name.
pub fn vendors(tx: &mut Tx<'_>, _: &Administrator, after: &str, limit: i64) -> Result<Vec<ListedVendor>> {
    let mut listed = Vec::new();
    for Row { client_id, name, created_at } in vendor::list(tx, after, limit)? {
        let Some(row) = resource::find(tx, client_id)? else { continue };
        listed.push(ListedVendor { name, rid: row.rid, created_at });
    }
    Ok(listed)
}

/// A page of all accounts, after a name without case.
pub fn accounts(tx: &mut Tx<'_>, _: &Administrator, after: &str, limit: i64) -> Result<Vec<Person>> {
    let accounts = account::list(tx, after, limit)?;
    accounts.into_iter().map(|account| with_client(tx, account)).collect()
}

/// Makes a vendor: a client below the administrator's, with that name.
pub fn add_vendor(tx: &mut Tx<'_>, administrator: &Administrator, name: &VendorName) -> Result<()> {
    let limits: Map<_, _> = LIMITED.into_iter().map(|kind| (kind.to_owned(), json!("inherit"))).collect();
    let given = Map::from_iter([("limits".to_owned(), json!(limits)), ("name".to_owned(), json!(name.as_str()))]);
    let description = Description::new(Kind::Client, given, &Limits::default())?;
    let made = plant_client(tx, Some(administrator.client_id()), &description, None)?;
    let calling = caller::client(tx, &Credential::Cik(made.cik))?;
    register(tx, &calling, name)
}

/// Works as a vendor, or as an owner, until `None` is asked for. It is written down.
pub fn act_as(tx: &mut Tx<'_>, person: &SignedIn, other: Option<Rid>) -> Result<()> {
    let administrator = person.administrator()?;
    let acting = match other {
        Some(rid) => Some(resource::find_by_rid(tx, rid)?.ok_or(Error::Absent(Noun::Client))?.id),
        None => None,
    };
    sessions::act_as(tx, person.session().id, acting)?;
    let detail = match other {
        Some(rid) => format!("account {} works as {rid}", administrator.account_id()),
        None => format!("account {} works as itself", administrator.account_id()),
    };
    log::note(tx, Verb::ActedAs, Some(administrator.client_id()), Some(&detail))
}

impl Administrator {
    /// Makes a link by which anybody chooses a new password.
    pub fn reset_link(&self, tx: &mut Tx<'_>, account_id: i64) -> Result<Link> {
        let row = account::find(tx, account_id)?.ok_or(Error::Absent(Noun::Account))?;
        super::reset_link(tx, &row, Some(self.account_id()))
    }

    /// Removes any account but the last that administers its client.
    pub fn remove(&self, tx: &mut Tx<'_>, account_id: i64) -> Result<()> {
        let row = account::find(tx, account_id)?.ok_or(Error::Absent(Noun::Account))?;
        require_another(tx, &row)?;
        wipe(tx, &row)
    }
}
