//! Moving a resource from one client to another (contract, rpc.md `move`).

use model::{Clash, Error, Noun, Result};
use store::table::alias;
use store::table::resource::{self, Kind};
use store::{Subject, Tx};

use super::{room, usage};
use crate::caller::{ClientWithin, Controlled};

/// What becomes of the names that the old owner gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The new owner gives them, as far as they are free there.
    Follow,
    /// They are gone.
    Lapse,
}

/// Moves a resource with all that is below it.
pub fn relocate(tx: &mut Tx<'_>, moved: &Controlled, destination: &ClientWithin, names: Names) -> Result<()> {
    hand_over(tx, moved.id(), moved.owner_id(), destination, names)
}

/// The same for a resource that is not below the caller: whoever calls this has shown another right to it.
pub(crate) fn hand_over(
    tx: &mut Tx<'_>,
    id: i64,
    owner_id: i64,
    destination: &ClientWithin,
    names: Names,
) -> Result<()> {
    if resource::is_within(tx, destination.id(), id)? {
        return Err(Error::Conflict(Clash::Cycle));
    }
    if destination.id() == owner_id {
        return Ok(());
    }
    let row = resource::find(tx, id)?.ok_or(Error::Absent(Noun::Resource))?;
    let amounts = room::amounts_of(tx, id, row.kind)?;
    room::give_back(tx, owner_id, &amounts)?;
    let levels = resource::height(tx, id)?;
    room::take(tx, destination.id(), &amounts, levels)?;
    usage::note_leaving(tx, id, owner_id)?;
    resource::set_owner(tx, id, destination.id())?;
    if row.kind == Kind::Client {
        tx.touch(Subject::Client(id));
    }
    for (client_id, name) in alias::list_of(tx, id)? {
        alias::delete(tx, client_id, &name)?;
        if names == Names::Follow {
            // False where the name is taken there: what it means to the new owner stays.
            alias::insert(tx, destination.id(), &name, id)?;
        }
    }
    Ok(())
}
