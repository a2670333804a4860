//! An owner brings a device in by its serial number: the number is enabled under the owner, its window opens.

use model::{Error, Noun, Result, Rid, SerialNumber};
use store::Tx;
use store::table::serial_range;
use store::table::{device, serial_number};

use super::reenable::is_held_by_maker;
use crate::caller::Claim;
use crate::provision::{Enabler, make_client};

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The device may call in now.
    Enabled(Rid),
    /// It was this owner's already.
    Already(Rid),
}

/// Enables a number under the owner. An unknown number, one that somebody else has, and one that its maker holds back are all
/// absent: an owner learns no more about numbers than anybody who activates does.
pub fn claim(tx: &mut Tx<'_>, claim: &Claim, sn: &SerialNumber) -> Result<Claimed> {
    let refused = Error::Absent(Noun::SerialNumber);
    let model = claim.model();
    let newest = match serial_number::find(tx, model.id, sn)? {
        Some(known) => {
            if let Some(client) = known.client {
                let device = device::find(tx, client.id)?.filter(|device| device.owner_id == claim.owner_id());
                return device.map(|device| Claimed::Already(device.rid)).ok_or(refused);
            }
            known.event_id
        }
        None if serial_range::covers(tx, model.id, sn)? => None,
        None => return Err(refused),
    };
    if is_held_by_maker(tx, newest)? {
        return Err(refused);
    }
    let enabler = Enabler { partner: claim.partner(), actor_id: claim.owner_id() };
    let made = make_client(tx, model, claim.maker(), sn, claim.owner_id(), enabler)?;
    Ok(Claimed::Enabled(made.rid))
}
