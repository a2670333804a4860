//! Handing a device to another owner: the one who has it makes a code, the other one takes it over with that.

use model::{Clash, Error, Noun, Result, Rid, TransferCode};
use store::table::event::Verb;
use store::table::resource::{self, Kind};
use store::table::transfer::{self, Transfer};
use store::table::{client_model as models, grant, point};
use store::{KeyHash, Subject, Tx};

use crate::caller::{Offered, OwnDevice, Right};
use crate::provision::{log, open_window};
use crate::resource::{Named, Names, hand_over, revoke_all};

/// How long a code is good.
pub const DAYS_OPEN: i64 = 7;

/// How the new owner wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// The device keeps its key and goes on undisturbed.
    KeepKey,
    /// It gets a new key: nobody who knew the old one can speak for it, and it has to call in again.
    NewKey,
}

/// The keyed hash of a code.
pub(crate) fn code_hash(tx: &Tx<'_>, code: &TransferCode) -> KeyHash {
    tx.keyring().hash("transfer code", code.expose_bytes())
}

/// Offers a device; the code before is void.
pub fn offer(tx: &mut Tx<'_>, own: &OwnDevice, erases: bool) -> Result<TransferCode> {
    if own.row().origin.is_none() {
        return Err(Error::Conflict(Clash::NoClient));
    }
    let code = TransferCode::from_random(&tx.keyring().secret()?);
    let offered = Transfer {
        client_id: own.id(),
        made_by: own.row().owner_id,
        erases,
        expires_at: tx.now() + DAYS_OPEN * 86_400,
    };
    let hash = code_hash(tx, &code);
    transfer::put(tx, &offered, &hash)?;
    Ok(code)
}

/// The open offer of a device.
pub fn offer_of(tx: &mut Tx<'_>, own: &OwnDevice) -> Result<Option<Transfer>> {
    let now = tx.now();
    Ok(transfer::find(tx, own.id())?.filter(|open| open.expires_at > now && open.made_by == own.row().owner_id))
}

/// Takes an offer back.
pub fn withdraw(tx: &mut Tx<'_>, own: &OwnDevice) -> Result<()> {
    transfer::delete(tx, own.id())
}

/// Takes a device over. What its former owner lent or shared of it ends, and so do the names that owner gave it.
pub fn accept(tx: &mut Tx<'_>, offered: &Offered, handover: Handover) -> Result<Rid> {
    let device = offered.device();
    let id = device.client.id;
    if device.owner_id == offered.taker().id() {
        return Err(Error::Conflict(Clash::HasClient));
    }
    if !transfer::take(tx, id, offered.hash())? {
        return Err(Error::Absent(Noun::Share));
    }
    let taker = offered.taker().client_within(tx, Right::Move, &Named::Itself)?;
    for (below, kind) in resource::subtree(tx, id)? {
        if kind == Kind::Client {
            grant::delete_of(tx, below)?;
        } else if offered.transfer().erases {
            point::delete_between(tx, below, i64::MIN, i64::MAX)?;
        }
        revoke_all(tx, below)?;
        tx.touch(Subject::Resource(below));
    }
    hand_over(tx, id, device.owner_id, &taker, Names::Lapse)?;
    log::note_on_client(tx, id, Verb::HandedOver, Some(taker.id()))?;
    if handover == Handover::NewKey
        && let Some(origin) = &device.origin
    {
        let model = models::find_by_id(tx, origin.model_id)?.ok_or(Error::Absent(Noun::Model))?;
        open_window(tx, &model, id)?;
        log::note_on_client(tx, id, Verb::Reenabled, Some(taker.id()))?;
    }
    Ok(device.rid)
}
