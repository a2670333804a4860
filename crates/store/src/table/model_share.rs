//! Table `model_share`: which vendors may enable another vendor's serial numbers.

use model::{Result, VendorName};

use crate::{Tx, params};

const INSERT: &str = "INSERT INTO model_share (model_id, vendor_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// Shares a model. False when it was shared already.
pub fn insert(tx: &mut Tx<'_>, model_id: i64, vendor_id: i64) -> Result<bool> {
    Ok(tx.execute(INSERT, params![model_id, vendor_id])? == 1)
}

const EXISTS: &str = "SELECT 1 FROM model_share WHERE model_id = $1 AND vendor_id = $2";

/// Whether a model is shared with a vendor.
pub fn exists(tx: &mut Tx<'_>, model_id: i64, vendor_id: i64) -> Result<bool> {
    tx.any(EXISTS, params![model_id, vendor_id])
}

const LIST: &str = "
    SELECT v.name
    FROM model_share s
    JOIN vendor v ON v.client_id = s.vendor_id
    WHERE s.model_id = $1
    ORDER BY v.name";

/// The vendors that a model is shared with.
pub fn list(tx: &mut Tx<'_>, model_id: i64) -> Result<Vec<VendorName>> {
    tx.list(LIST, params![model_id], |row| Ok(VendorName::from_stored(row.text(0)?)))
}

const LIST_TO: &str = "
    SELECT v.name, m.name
    FROM model_share s
    JOIN model m ON m.id = s.model_id
    JOIN vendor v ON v.client_id = m.vendor_id
    WHERE s.vendor_id = $1
    ORDER BY v.name, m.name";

/// The models that others share with a vendor: (vendor, model).
pub fn list_to(tx: &mut Tx<'_>, vendor_id: i64) -> Result<Vec<(String, String)>> {
    tx.list(LIST_TO, params![vendor_id], |row| Ok((row.text(0)?, row.text(1)?)))
}

const DELETE: &str = "DELETE FROM model_share WHERE model_id = $1 AND vendor_id = $2";

/// Ends a share. False when there was none.
pub fn delete(tx: &mut Tx<'_>, model_id: i64, vendor_id: i64) -> Result<bool> {
    Ok(tx.execute(DELETE, params![model_id, vendor_id])? == 1)
}

const DELETE_TO: &str = "DELETE FROM model_share WHERE vendor_id = $1";

/// Ends all shares with a vendor.
pub fn delete_to(tx: &mut Tx<'_>, vendor_id: i64) -> Result<()> {
    tx.execute(DELETE_TO, params![vendor_id]).map(|_| ())
}

const DELETE_OF: &str = "DELETE FROM model_share WHERE model_id = $1";

/// Ends all shares of a model.
pub fn delete_of(tx: &mut Tx<'_>, model_id: i64) -> Result<()> {
    tx.execute(DELETE_OF, params![model_id]).map(|_| ())
}
