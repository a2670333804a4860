//! What an owner may bring in: the models of the vendors above it, and those that others share with them.

use model::{ModelName, Result, VendorName};
use store::Tx;
use store::table::{client_model as models, model_share, resource, vendor};

use crate::caller::CallingClient;

/// A model and whose it is.
pub type Product = (VendorName, ModelName);

/// Models that are offered to choose from at most; more can still be typed.
const MOST: usize = 500;

/// The models of which an owner may bring devices in.
pub fn products(tx: &mut Tx<'_>, owner: &CallingClient) -> Result<Vec<Product>> {
    let mut found = Vec::new();
    let above = resource::list_above(tx, owner.id())?;
    for id in std::iter::once(owner.id()).chain(above) {
        let Some(row) = vendor::find(tx, id)? else { continue };
        for model in models::list(tx, id)? {
            found.push((row.name.clone(), model));
        }
        for (maker, model) in model_share::list_to(tx, id)? {
            found.push((VendorName::from_stored(maker), ModelName::from_stored(model)));
        }
    }
    found.dedup();
    found.truncate(MOST);
    Ok(found)
}
