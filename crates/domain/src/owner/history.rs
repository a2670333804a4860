//! What happened to an owner's device: who let it call in, who knocked, with what success.

use model::Result;
use store::Tx;
use store::table::event::{self, Event};

use crate::caller::OwnDevice;

/// The newest events of a device's number, the newest first.
pub fn history(tx: &mut Tx<'_>, own: &OwnDevice, most: usize) -> Result<Vec<Event>> {
    event::chain(tx, own.row().client.event_id, most)
}
