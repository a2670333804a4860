//! What an owner may do about devices: bring one in by its serial number, look after its own, take one over by a code.
//!
//! An owner is a client in the tree of a vendor: the vendor, or its share partner, planted it there. That is the vendor's word
//! that this owner may have its devices, the same that an enable "for" the owner rests on (contract, manage.md); so an owner may
//! enable, under itself and nowhere else, numbers of the models of the vendors above it.

use model::{Error, Noun, Result, Rid, TransferCode, VendorName};
use store::table::client_model::{self as models, Model};
use store::table::device::{self, Device};
use store::table::transfer::{self, Transfer};
use store::table::{model_share, resource, vendor};
use store::{KeyHash, Tx};

use super::{Caller, Controlled, Right};
use crate::owner::code_hash;
use crate::resource::Named;

/// The right to enable numbers of a model under oneself.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    model: Model,
    maker: VendorName,
    partner: Option<i64>,
    owner_id: i64,
}

/// A client below the caller, with the number that it came from.
#[derive(Clone, Debug)]
pub struct OwnDevice {
    controlled: Controlled,
    device: Device,
    caller: Caller,
}

/// A device that its owner offers to whoever has the code.
pub struct Offered {
    transfer: Transfer,
    hash: KeyHash,
    device: Device,
    taker: Caller,
}

impl Caller {
    /// The right to bring in devices of a model. An unknown vendor, an unknown model and one whose vendor this owner is not
    /// with are one and the same.
    pub fn claim(&self, tx: &mut Tx<'_>, maker: &str, model: &str) -> Result<Claim> {
        let unknown = Error::Absent(Noun::Model);
        self.require_itself()?;
        let maker = vendor::find_by_name(tx, maker)?.ok_or(unknown.clone())?;
        let model = models::find(tx, maker.client_id, model)?.ok_or(unknown.clone())?;
        let partner = way(tx, &model, self.id())?.ok_or(unknown)?;
        Ok(Claim { model, maker: maker.name, partner, owner_id: self.id() })
    }

    /// A device of its own.
    pub fn own_device(&self, tx: &mut Tx<'_>, rid: Rid) -> Result<OwnDevice> {
        self.require_itself()?;
        let controlled = self.controlled(tx, Right::Info, &Named::Rid(rid))?;
        let device = device::find(tx, controlled.id())?.ok_or(Error::Forbidden(Noun::Resource))?;
        Ok(OwnDevice { controlled, device, caller: self.clone() })
    }

    /// What a code offers. An unknown, a used and an old code are one and the same, and so is one of a device that this owner
    /// could not have been given by its vendor.
    pub fn offered(&self, tx: &mut Tx<'_>, code: &TransferCode) -> Result<Offered> {
        let unknown = Error::Absent(Noun::Share);
        self.require_itself()?;
        let hash = code_hash(tx, code);
        let (transfer, expected) = transfer::find_by_hash(tx, &hash)?.ok_or(unknown.clone())?;
        if !hash.matches(&expected) || transfer.expires_at <= tx.now() {
            return Err(unknown);
        }
        let device = device::find(tx, transfer.client_id)?.ok_or(unknown.clone())?;
        // Whoever offered it must still have it.
        if device.owner_id != transfer.made_by {
            return Err(unknown);
        }
        let origin = device.origin.as_ref().ok_or(unknown.clone())?;
        let model = models::find_by_id(tx, origin.model_id)?.ok_or(unknown.clone())?;
        way(tx, &model, self.id())?.ok_or(unknown)?;
        Ok(Offered { transfer, hash, device, taker: self.clone() })
    }

    /// Lent rights never bring a device in or give one away.
    fn require_itself(&self) -> Result<()> {
        if self.is_granted() { Err(Error::Forbidden(Noun::Token)) } else { Ok(()) }
    }
}

/// How a client may have devices of a model: directly from its vendor (`Some(None)`), through a share partner above it, or not
/// at all.
fn way(tx: &mut Tx<'_>, model: &Model, client_id: i64) -> Result<Option<Option<i64>>> {
    let above = resource::list_above(tx, client_id)?;
    if client_id == model.vendor_id || above.contains(&model.vendor_id) {
        return Ok(Some(None));
    }
    for id in std::iter::once(client_id).chain(above) {
        if model_share::exists(tx, model.id, id)? {
            return Ok(Some(Some(id)));
        }
    }
    Ok(None)
}

impl Claim {
    /// The model's row.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The name of the vendor to which the model belongs.
    pub fn maker(&self) -> &VendorName {
        &self.maker
    }

    /// The share partner through which the owner has it.
    pub fn partner(&self) -> Option<i64> {
        self.partner
    }

    /// The row id of the owner.
    pub fn owner_id(&self) -> i64 {
        self.owner_id
    }
}

impl OwnDevice {
    /// It as a resource below the caller.
    pub fn controlled(&self) -> &Controlled {
        &self.controlled
    }

    /// Its row.
    pub fn row(&self) -> &Device {
        &self.device
    }

    /// Its row id.
    pub fn id(&self) -> i64 {
        self.controlled.id()
    }

    /// Whose it is, as far as the caller is concerned.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
}

impl Offered {
    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What was offered.
    pub fn transfer(&self) -> &Transfer {
        &self.transfer
    }

    /// The hash by which it is used up.
    pub(crate) fn hash(&self) -> &KeyHash {
        &self.hash
    }

    /// Who takes it.
    pub fn taker(&self) -> &Caller {
        &self.taker
    }
}
