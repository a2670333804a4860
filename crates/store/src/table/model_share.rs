//! Table `model_share`: which vendors may enable another vendor's serial numbers.

use model::{Result, Rid, VendorName};

use crate::{Revoked, Tx, params};

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
    let is_ended = tx.execute(DELETE, params![model_id, vendor_id])? == 1;
    if is_ended {
        note_ended(tx, &[(model_id, vendor_id)])?;
    }
    Ok(is_ended)
}

const DELETE_TO: &str = "DELETE FROM model_share WHERE vendor_id = $1 RETURNING model_id, vendor_id";

/// Ends all shares with a vendor.
pub fn delete_to(tx: &mut Tx<'_>, vendor_id: i64) -> Result<()> {
    let ended = tx.list(DELETE_TO, params![vendor_id], |row| Ok((row.int(0)?, row.int(1)?)))?;
    note_ended(tx, &ended)
}

const DELETE_OF: &str = "DELETE FROM model_share WHERE model_id = $1 RETURNING model_id, vendor_id";

/// Ends all shares of a model.
pub fn delete_of(tx: &mut Tx<'_>, model_id: i64) -> Result<()> {
    let ended = tx.list(DELETE_OF, params![model_id], |row| Ok((row.int(0)?, row.int(1)?)))?;
    note_ended(tx, &ended)
}

const PARTNER: &str = "SELECT rid FROM resource WHERE id = $1";

/// Says to the revocation journal which shares are over.
fn note_ended(tx: &mut Tx<'_>, ended: &[(i64, i64)]) -> Result<()> {
    for (model_id, vendor_id) in ended {
        let partner = tx.one(PARTNER, params![*vendor_id], |row| Ok(Rid::from_bytes(row.array(0)?)))?;
        tx.revoke(Revoked::ModelShare { model_id: *model_id, partner });
    }
    Ok(())
}
