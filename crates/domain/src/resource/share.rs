//! Codes by which one other client may read a resource, or clone it (contract, rpc.md `share`, `activate`, `deactivate`,
//! `revoke`).

use model::{Error, Meta, Noun, Result, Rid, ShareCode};
use store::table::usage::{self, Metric};
use store::table::{resource, share_code};
use store::{Subject, Tx};

use super::{Named, room};
use crate::caller::{Caller, ClientWithin, Controlled, Right};
use crate::key;

/// Makes a code for a resource.
pub fn share(tx: &mut Tx<'_>, shared: &Controlled, meta: &Meta) -> Result<ShareCode> {
    room::take(tx, shared.owner_id(), &room::one_share(), 0)?;
    let now = tx.now();
    usage::add(tx, shared.owner_id(), Metric::Shares, now, 1)?;
    let id = tx.next_id()?;
    let issued = key::issue::<ShareCode>(tx, id)?;
    share_code::insert(tx, id, shared.id(), &issued.hash, &issued.sealed, meta.as_str())?;
    Ok(issued.key)
}

/// Replaces the text that is kept with a code of a resource.
pub fn describe_share(tx: &mut Tx<'_>, shared: &Controlled, code: &ShareCode, meta: &Meta) -> Result<()> {
    let row = find(tx, code)?.filter(|row| row.resource_id == shared.id()).ok_or(Error::Absent(Noun::Share))?;
    share_code::set_meta(tx, row.id, meta.as_str())
}

/// Lets a client read what a code shares. A code serves one client only.
pub fn activate_share(tx: &mut Tx<'_>, client: &ClientWithin, code: &ShareCode) -> Result<()> {
    let row = find(tx, code)?.ok_or(Error::Absent(Noun::Share))?;
    match share_code::activate(tx, row.id, client.id())? {
        true => Ok(()),
        false => Err(Error::Exists(Noun::Share, None)),
    }
}

/// What a client gives up: one code, or all codes of a resource. The two are written alike.
#[derive(Clone)]
pub struct GivenUp {
    /// The code, if it is one.
    pub code: ShareCode,
    /// The resource, if it is one.
    pub rid: Rid,
}

/// Ends a client's right to read what a code shares; the code is free again.
pub fn deactivate_share(tx: &mut Tx<'_>, client: &ClientWithin, given_up: &GivenUp) -> Result<()> {
    let unknown = Error::Absent(Noun::Share);
    let (resource_id, was_active) = match find(tx, &given_up.code)? {
        Some(row) => (row.resource_id, share_code::deactivate(tx, row.id, client.id())?),
        None => {
            let row = resource::find_by_rid(tx, given_up.rid)?.ok_or(unknown.clone())?;
            (row.id, share_code::deactivate_resource(tx, row.id, client.id())?)
        }
    };
    // Whoever waits for its values looks again whether it may.
    tx.touch(Subject::Resource(resource_id));
    if was_active { Ok(()) } else { Err(unknown) }
}

/// Kills a code of a resource below the caller.
pub fn revoke_share(tx: &mut Tx<'_>, caller: &Caller, code: &ShareCode) -> Result<()> {
    let row = find(tx, code)?.ok_or(Error::Absent(Noun::Share))?;
    let shared = resource::find(tx, row.resource_id)?.ok_or(Error::Absent(Noun::Share))?;
    let shared = match caller.controlled(tx, Right::Revoke, &Named::Rid(shared.rid)) {
        Err(Error::Forbidden(_)) => return Err(Error::Forbidden(Noun::Share)),
        other => other?,
    };
    share_code::delete(tx, row.id)?;
    room::give_back(tx, shared.owner_id(), &room::one_share())?;
    tx.touch(Subject::Resource(row.resource_id));
    Ok(())
}

/// Kills all codes of a resource that changes hands.
pub(crate) fn revoke_all(tx: &mut Tx<'_>, resource_id: i64) -> Result<()> {
    let count = share_code::count_of(tx, resource_id)?;
    if count == 0 {
        return Ok(());
    }
    share_code::delete_of(tx, resource_id)?;
    if let Some(owner_id) = resource::find(tx, resource_id)?.and_then(|row| row.owner_id) {
        room::give_back(tx, owner_id, &room::shares(count))?;
    }
    tx.touch(Subject::Resource(resource_id));
    Ok(())
}

fn find(tx: &mut Tx<'_>, code: &ShareCode) -> Result<Option<share_code::ShareCode>> {
    let id = key::locate(tx.keyring(), code);
    let found = share_code::find_with_hash(tx, id)?;
    Ok(found.filter(|(_, expected)| key::hash(tx, code).matches(expected)).map(|(row, _)| row))
}
