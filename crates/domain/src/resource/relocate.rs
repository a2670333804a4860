//! Moving a resource from one client to another (contract, rpc.md `move`).

use model::{Clash, Error, Result};
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
    let row = moved.row();
    if resource::is_within(tx, destination.id(), row.id)? {
        return Err(Error::Conflict(Clash::Cycle));
    }
    if destination.id() == moved.owner_id() {
        return Ok(());
    }
    let amounts = room::amounts_of(tx, row.id, row.kind)?;
    room::give_back(tx, moved.owner_id(), &amounts)?;
    let levels = resource::height(tx, row.id)?;
    room::take(tx, destination.id(), &amounts, levels)?;
    usage::note_leaving(tx, row.id, moved.owner_id())?;
    resource::set_owner(tx, row.id, destination.id())?;
    if row.kind == Kind::Client {
        tx.touch(Subject::Client(row.id));
    }
    for (client_id, name) in alias::list_of(tx, row.id)? {
        alias::delete(tx, client_id, &name)?;
        if names == Names::Follow {
            // False where the name is taken there: what it means to the new owner stays.
            alias::insert(tx, destination.id(), &name, row.id)?;
        }
    }
    Ok(())
}
