//! Dropping a resource with all that it owns (contract, rpc.md `drop`). Points go later, in small steps; nothing leads to them
//! any more.

use model::Result;
use store::table::event::Verb;
use store::table::resource::{self, Kind};
use store::table::sweep::{self, Leftover};
use store::table::{
    alias, allotment, client, comment, dispatch_queue, grant, rule_timer, serial_number, share_code, transfer, vendor,
};
use store::{Subject, Tx};

use super::{room, usage};
use crate::caller::{Caller, Controlled};
use crate::provision::log;
use crate::vendor::dissolve;

/// Drops a resource below the caller. A serial number whose client goes is unused again and keeps its log.
pub fn drop(tx: &mut Tx<'_>, caller: &Caller, dropped: &Controlled) -> Result<()> {
    let row = dropped.row();
    let amounts = room::amounts_of(tx, row.id, row.kind)?;
    room::give_back(tx, dropped.owner_id(), &amounts)?;
    usage::note_dropping(tx, row.id, row.kind, dropped.owner_id())?;
    for (id, kind) in resource::subtree(tx, row.id)? {
        match kind {
            Kind::Client => drop_client(tx, id, caller.behind())?,
            _ => sweep::insert(tx, Leftover::Points { resource_id: id })?,
        }
        match kind {
            Kind::Datarule => rule_timer::delete(tx, id)?,
            Kind::Dispatch => dispatch_queue::delete_of(tx, id)?,
            Kind::Client | Kind::Dataport => {}
        }
        alias::delete_of(tx, id)?;
        comment::delete_of(tx, id)?;
        share_code::delete_of(tx, id)?;
        resource::delete(tx, id)?;
    }
    Ok(())
}

fn drop_client(tx: &mut Tx<'_>, id: i64, actor_id: i64) -> Result<()> {
    if vendor::find(tx, id)?.is_some() {
        dissolve(tx, id)?;
    }
    if let Some((model_id, _)) = serial_number::find_of_client(tx, id)? {
        log::note_on_client(tx, id, Verb::Dropped, Some(actor_id))?;
        if let Some(row) = client::find(tx, id)? {
            serial_number::clear_client(tx, id, row.event_id, row.event_count)?;
        }
        tx.touch(Subject::Model(model_id));
    }
    client::delete(tx, id)?;
    allotment::delete(tx, id)?;
    grant::delete_of(tx, id)?;
    transfer::delete(tx, id)?;
    share_code::forget_client(tx, id)?;
    store::table::usage::delete_of(tx, id)?;
    tx.touch(Subject::Client(id));
    Ok(())
}
