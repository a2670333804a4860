//! Table `vendor`: names registered to clients.

use model::{Result, UnixSeconds, VendorName};

use crate::{Row, Tx, params};

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Vendor {
    /// The client that has the name; also the vendor's row id.
    pub client_id: i64,
    /// The name.
    pub name: VendorName,
    /// When it was registered.
    pub created_at: UnixSeconds,
}

const INSERT: &str = "
    INSERT INTO vendor (client_id, name, folded, created_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING";

/// Registers a name to a client. False when the client has one, or another has that name in any case.
pub fn insert(tx: &mut Tx<'_>, client_id: i64, name: &VendorName) -> Result<bool> {
    let folded = name.as_str().to_ascii_lowercase();
    let now = tx.now();
    Ok(tx.execute(INSERT, params![client_id, name.as_str(), &folded, now])? == 1)
}

const FIND: &str = "SELECT client_id, name, created_at FROM vendor WHERE client_id = $1";

/// The vendor that a client is.
pub fn find(tx: &mut Tx<'_>, client_id: i64) -> Result<Option<Vendor>> {
    tx.find(FIND, params![client_id], value)
}

const FIND_BY_NAME: &str = "SELECT client_id, name, created_at FROM vendor WHERE name = $1";

/// The vendor of that name, to the letter.
pub fn find_by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Vendor>> {
    tx.find(FIND_BY_NAME, params![name], value)
}

const LIST: &str = "
    SELECT client_id, name, created_at
    FROM vendor
    WHERE name > $1
    ORDER BY name
    LIMIT $2";

/// A page of all vendors after a name.
pub fn list(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<Vendor>> {
    tx.list(LIST, params![after, limit], value)
}

const DELETE: &str = "DELETE FROM vendor WHERE client_id = $1";

/// Gives a name up.
pub fn delete(tx: &mut Tx<'_>, client_id: i64) -> Result<bool> {
    Ok(tx.execute(DELETE, params![client_id])? == 1)
}

fn value(row: &Row<'_>) -> Result<Vendor> {
    Ok(Vendor { client_id: row.int(0)?, name: VendorName::from_stored(row.text(1)?), created_at: row.int(2)? })
}
