//! Dropping a resource with all that it owns. Points go later, in small steps; nothing leads to them any more.

use model::Result;
use store::table::event::Verb;
use store::table::resource::{self, Kind};
use store::table::sweep::{self, Leftover};
use store::table::{alias, client, comment, serial_number, share_code, vendor};
use store::{Subject, Tx};

use crate::provision::log;
use crate::vendor::dissolve;

/// Drops a resource. A serial number whose client goes is unused again and keeps its log.
pub fn drop(tx: &mut Tx<'_>, resource_id: i64, actor_id: i64) -> Result<()> {
    for (id, kind) in resource::subtree(tx, resource_id)? {
        match kind {
            Kind::Client => drop_client(tx, id, actor_id)?,
            _ => sweep::insert(tx, Leftover::Points { resource_id: id })?,
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
    tx.touch(Subject::Client(id));
    Ok(())
}
