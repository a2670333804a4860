//! The people around a vendor: its staff and its owners, their roles, and their leaving.

use model::{AccountName, Clash, Error, Noun, Result, Rid, Role};
use store::Tx;
use store::table::account::{self, Account};
use store::table::event::Verb;
use store::table::{account_session as sessions, invitation, recovery_code, resource};

use super::{Link, reset_link};
use crate::caller::{Vendor, VendorView};
use crate::provision::log;
use crate::resource::Description;

const LISTED: i64 = 500;

/// A person, with the client as which it acts.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account.
    pub account: Account,
    /// The public name of its client.
    pub rid: Rid,
    /// What its client is called.
    pub client_name: String,
}

/// The staff of a vendor.
pub fn people(tx: &mut Tx<'_>, vendor: &VendorView) -> Result<Vec<Person>> {
    let accounts = account::list_of_client(tx, vendor.id(), LISTED)?;
    accounts.into_iter().map(|account| with_client(tx, account)).collect()
}

/// A page of the vendor's owners, after a name without case.
pub fn owners(tx: &mut Tx<'_>, vendor: &VendorView, after: &str, limit: i64) -> Result<Vec<Person>> {
    let accounts = account::list_of_owners(tx, vendor.id(), after, limit)?;
    accounts.into_iter().map(|account| with_client(tx, account)).collect()
}

/// Gives one of the vendor's staff another role. Its sessions go on, with the other role.
pub fn change_role(tx: &mut Tx<'_>, vendor: &Vendor, account_id: i64, may_change: bool) -> Result<()> {
    let row = staff(tx, vendor, account_id)?;
    let role = if may_change { Role::VendorAdministrator } else { Role::VendorViewer };
    if row.role == role {
        return Ok(());
    }
    require_another(tx, &row)?;
    account::set_role(tx, row.id, role)?;
    log::note(tx, Verb::RoleChanged, Some(vendor.id()), Some(&format!("account {}: {}", row.id, role.word())))
}

/// Removes the account of somebody of the vendor: its staff, or an owner. Clients and devices stay.
pub fn remove(tx: &mut Tx<'_>, vendor: &Vendor, account_id: i64) -> Result<()> {
    let row = any_of(tx, vendor, account_id)?;
    require_another(tx, &row)?;
    wipe(tx, &row)
}

impl Vendor {
    /// Makes a link by which somebody of the vendor chooses a new password.
    pub fn reset_link(&self, tx: &mut Tx<'_>, account_id: i64, by: i64) -> Result<Link> {
        let row = any_of(tx, self, account_id)?;
        reset_link(tx, &row, Some(by))
    }
}

/// The account of that name: for the operator, who holds the data folder.
pub fn find_by_name(tx: &mut Tx<'_>, name: &AccountName) -> Result<Account> {
    account::find_by_name(tx, name)?.ok_or(Error::Absent(Noun::Account))
}

/// Removes any account: for the operator.
pub fn remove_by_operator(tx: &mut Tx<'_>, row: &Account) -> Result<()> {
    wipe(tx, row)
}

pub(super) fn with_client(tx: &mut Tx<'_>, account: Account) -> Result<Person> {
    let row = resource::find(tx, account.client_id)?;
    let client_name = match &row {
        Some(row) => Description::stored(row)?.word("name").to_owned(),
        None => String::new(),
    };
    Ok(Person { rid: row.map_or(Rid::from_bytes([0; 20]), |row| row.rid), client_name, account })
}

pub(super) fn wipe(tx: &mut Tx<'_>, row: &Account) -> Result<()> {
    sessions::delete_others(tx, row.id, 0)?;
    recovery_code::delete_all(tx, row.id)?;
    invitation::delete_of_account(tx, row.id)?;
    account::delete(tx, row.id)?;
    log::note(tx, Verb::AccountRemoved, Some(row.client_id), Some(&format!("account {}: {}", row.id, row.role.word())))
}

/// A client is not left without somebody who may administer it.
pub(super) fn require_another(tx: &mut Tx<'_>, row: &Account) -> Result<()> {
    let administers = matches!(row.role, Role::PlatformAdministrator | Role::VendorAdministrator);
    if administers && account::count_of_role(tx, row.client_id, row.role)? < 2 {
        return Err(Error::Conflict(Clash::LastAdministrator));
    }
    Ok(())
}

fn staff(tx: &mut Tx<'_>, vendor: &Vendor, account_id: i64) -> Result<Account> {
    let row = account::find(tx, account_id)?.filter(|row| row.client_id == vendor.id());
    row.ok_or(Error::Absent(Noun::Account))
}

fn any_of(tx: &mut Tx<'_>, vendor: &Vendor, account_id: i64) -> Result<Account> {
    let row = account::find(tx, account_id)?.ok_or(Error::Absent(Noun::Account))?;
    let client = resource::find(tx, row.client_id)?;
    let is_owner = row.role == Role::Owner && client.is_some_and(|client| client.owner_id == Some(vendor.id()));
    if row.client_id != vendor.id() && !is_owner {
        return Err(Error::Absent(Noun::Account));
    }
    Ok(row)
}
