//! Clients as their owner sees them: each with the number and model it came from, over several tables.

use model::{ModelName, Page, Result, Rid, SerialNumber, VendorName};

use crate::table::client::{self, Client};
use crate::{Row, Tx, params};

/// A client that another one owns.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Public name.
    pub rid: Rid,
    /// The client that owns it.
    pub owner_id: i64,
    /// JSON text.
    pub description: String,
    /// Its key.
    pub client: Client,
    /// Where it came from; nothing for a client that was made by itself, or whose number its vendor removed.
    pub origin: Option<Origin>,
}

/// The serial number that a client came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The model's row id.
    pub model_id: i64,
    /// The vendor's name.
    pub vendor: VendorName,
    /// The model's name.
    pub model: ModelName,
    /// The number.
    pub serial_number: SerialNumber,
    /// The share partner that enabled it.
    pub enabled_by: Option<i64>,
}

const FIND: &str = "
    SELECT r.rid, r.owner_id, r.description, m.id, v.name, m.name, s.sn, s.enabled_by,
        c.id, c.state, c.expires_at, c.answer_id, c.event_id, c.event_count
    FROM resource r
    JOIN client c ON c.id = r.id
    LEFT JOIN serial_number s ON s.client_id = r.id
    LEFT JOIN model m ON m.id = s.model_id
    LEFT JOIN vendor v ON v.client_id = m.vendor_id
    WHERE r.id = $1 AND r.owner_id IS NOT NULL";

/// One client.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Device>> {
    tx.find(FIND, params![id], value)
}

const LIST: &str = "
    SELECT r.rid, r.owner_id, r.description, m.id, v.name, m.name, s.sn, s.enabled_by,
        c.id, c.state, c.expires_at, c.answer_id, c.event_id, c.event_count
    FROM (
        SELECT id, rid, owner_id, description
        FROM resource
        WHERE owner_id = $1 AND kind = 1
        ORDER BY id DESC
        LIMIT $2 OFFSET $3
    ) r
    JOIN client c ON c.id = r.id
    LEFT JOIN serial_number s ON s.client_id = r.id
    LEFT JOIN model m ON m.id = s.model_id
    LEFT JOIN vendor v ON v.client_id = m.vendor_id
    ORDER BY r.id DESC";

/// The clients that a client owns directly, the newest first.
pub fn list(tx: &mut Tx<'_>, owner_id: i64, page: Page) -> Result<Vec<Device>> {
    tx.list(LIST, params![owner_id, i64::from(page.limit), page.offset as i64], value)
}

const COUNT: &str = "SELECT count(*) FROM resource WHERE owner_id = $1 AND kind = 1";

/// How many clients a client owns directly.
pub fn count(tx: &mut Tx<'_>, owner_id: i64) -> Result<i64> {
    tx.one(COUNT, params![owner_id], |row| row.int(0))
}

fn value(row: &Row<'_>) -> Result<Device> {
    let names = (row.int_or_null(3)?, row.text_or_null(4)?, row.text_or_null(5)?, row.text_or_null(6)?);
    let origin = match names {
        (Some(model_id), Some(vendor), Some(model), Some(number)) => Some(Origin {
            model_id,
            vendor: VendorName::from_stored(vendor),
            model: ModelName::from_stored(model),
            serial_number: SerialNumber::from_stored(number),
            enabled_by: row.int_or_null(7)?,
        }),
        _ => None,
    };
    Ok(Device {
        rid: Rid::from_bytes(row.array(0)?),
        owner_id: row.int(1)?,
        description: row.text(2)?,
        client: client::value(row, 8)?,
        origin,
    })
}
