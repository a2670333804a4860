//! What one may look at who may change nothing: a vendor, its models, their serial numbers.
//!
//! A rule that only reads asks for a view; a rule that changes something asks for the [`Vendor`](super::Vendor), the
//! [`OwnedModel`](super::OwnedModel) or the [`Numbers`](super::Numbers) behind which such a view stands. There is no way from a view
//! back to them.

use model::{Error, ModelName, Noun, Result, VendorName};
use store::Tx;
use store::table::client_model::{self as models, Model};
use store::table::{model_share, vendor};

/// A vendor, to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorView {
    id: i64,
    name: VendorName,
}

/// A model of a vendor, to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelView {
    model: Model,
    seen_by: VendorView,
}

/// The serial numbers of a model, to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct NumbersView {
    model: Model,
    /// The vendor to which the model belongs.
    maker: VendorName,
    /// The share partner that calls; `None` when the model's own vendor does.
    partner: Option<i64>,
    vendor: VendorView,
}

impl VendorView {
    pub(super) fn of(row: vendor::Vendor) -> VendorView {
        VendorView { id: row.client_id, name: row.name }
    }

    /// The row id of its client.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &VendorName {
        &self.name
    }

    /// Its model of that name, to be looked at. Another vendor's model is absent.
    pub fn model_view(&self, tx: &mut Tx<'_>, name: &ModelName) -> Result<ModelView> {
        let model = models::find(tx, self.id, name.as_str())?.ok_or(Error::Absent(Noun::Model))?;
        Ok(ModelView { model, seen_by: self.clone() })
    }

    /// The serial numbers of its own model or, where `maker` is named, of a model that this vendor shares with it. No share, an
    /// ended one and no such model are one and the same.
    pub fn numbers_view(&self, tx: &mut Tx<'_>, name: &ModelName, maker: Option<&str>) -> Result<NumbersView> {
        let Some(maker) = maker.filter(|maker| *maker != self.name.as_str()) else {
            return Ok(self.model_view(tx, name)?.numbers_view());
        };
        let denied = Error::Forbidden(Noun::Share);
        let maker = vendor::find_by_name(tx, maker)?.ok_or(denied.clone())?;
        let model = models::find(tx, maker.client_id, name.as_str())?.ok_or(denied.clone())?;
        if !model_share::exists(tx, model.id, self.id)? {
            return Err(denied);
        }
        Ok(NumbersView { model, maker: maker.name, partner: Some(self.id), vendor: self.clone() })
    }
}

impl ModelView {
    /// Its row.
    pub fn row(&self) -> &Model {
        &self.model
    }

    /// Its row id.
    pub fn id(&self) -> i64 {
        self.model.id
    }

    /// The vendor to which it belongs.
    pub fn maker(&self) -> &VendorView {
        &self.seen_by
    }

    /// All its serial numbers, to be looked at.
    pub fn numbers_view(&self) -> NumbersView {
        NumbersView {
            model: self.model.clone(),
            maker: self.seen_by.name.clone(),
            partner: None,
            vendor: self.seen_by.clone(),
        }
    }
}

impl NumbersView {
    /// The model's row.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The name of the vendor to which the model belongs.
    pub fn maker(&self) -> &VendorName {
        &self.maker
    }

    /// The share partner that calls, by row id.
    pub fn partner(&self) -> Option<i64> {
        self.partner
    }

    /// The vendor that calls.
    pub fn vendor(&self) -> &VendorView {
        &self.vendor
    }
}
