//! The devices of an owner, and what they measure.

use model::{Page, Result, Rid, Status, UnixSeconds};
use serde_json::Value as Json;
use store::Tx;
use store::table::device::{self as rows, Device};
use store::table::resource::{self, Format, Kind};
use store::table::{alias, point};

use crate::caller::{CallingClient, OwnDevice};

/// A device at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Its row.
    pub device: Device,
    /// What its owner calls it; empty where it has no name.
    pub name: String,
    /// Where it stands in its life.
    pub status: Status,
    /// The first few of its dataports.
    pub ports: Vec<Port>,
}

/// A dataport with its newest value.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Row id.
    pub id: i64,
    /// Public name.
    pub rid: Rid,
    /// The name in its description.
    pub name: String,
    /// The first of the names that its device gives it.
    pub alias: Option<String>,
    /// How its values are written.
    pub format: Format,
    /// The unit that its description tells.
    pub unit: String,
    /// Its newest value.
    pub latest: Option<(UnixSeconds, String)>,
}

/// Dataports of a device on its card.
const ON_A_CARD: usize = 4;
/// Dataports of a device that are looked at.
const MOST_PORTS: i64 = 200;

/// A page of the clients that an owner has directly, the newest first.
pub fn devices(tx: &mut Tx<'_>, owner: &CallingClient, page: Page) -> Result<Vec<Outline>> {
    let now = tx.now();
    let rows = rows::list(tx, owner.id(), page)?;
    rows.into_iter()
        .map(|device| {
            let ports = ports_of(tx, device.client.id, ON_A_CARD)?;
            let status = device.client.status(now);
            Ok(Outline { name: name(&device.description), status, ports, device })
        })
        .collect()
}

/// How many there are.
pub fn count(tx: &mut Tx<'_>, owner: &CallingClient) -> Result<i64> {
    rows::count(tx, owner.id())
}

/// The device with all its dataports.
pub fn device(tx: &mut Tx<'_>, own: &OwnDevice) -> Result<Outline> {
    let device = own.row().clone();
    let status = device.client.status(tx.now());
    let ports = ports_of(tx, own.id(), MOST_PORTS as usize)?;
    Ok(Outline { name: name(&device.description), status, ports, device })
}

fn ports_of(tx: &mut Tx<'_>, client_id: i64, most: usize) -> Result<Vec<Port>> {
    let names = alias::list(tx, client_id)?;
    let ids = resource::children_of_kind(tx, client_id, Kind::Dataport, MOST_PORTS)?;
    let mut ports = Vec::new();
    for (id, rid) in ids.into_iter().take(most) {
        let Some(row) = resource::find(tx, id)? else { continue };
        let alias = names.iter().find(|(_, named)| *named == id).map(|(name, _)| name.clone());
        ports.push(Port {
            id,
            rid,
            name: name(&row.description),
            alias,
            format: row.format.unwrap_or(Format::String),
            unit: unit(&row.description),
            latest: point::latest(tx, id)?,
        });
    }
    Ok(ports)
}

impl Port {
    /// What to call it: its name, else its alias, else that it has none.
    pub fn title(&self) -> &str {
        match (self.name.as_str(), self.alias.as_deref()) {
            ("", Some(alias)) => alias,
            ("", None) => "unnamed",
            (name, _) => name,
        }
    }

    /// Whether its values are numbers.
    pub fn is_numeric(&self) -> bool {
        self.format != Format::String
    }
}

fn name(description: &str) -> String {
    let description: Json = serde_json::from_str(description).unwrap_or_default();
    description["name"].as_str().unwrap_or_default().to_owned()
}

/// The unit, as vendors' tools keep it in `meta`: `{"datasource":{"unit":"…"}}`, or `{"unit":"…"}`.
fn unit(description: &str) -> String {
    let description: Json = serde_json::from_str(description).unwrap_or_default();
    let meta: Json = serde_json::from_str(description["meta"].as_str().unwrap_or_default()).unwrap_or_default();
    let unit = meta["unit"].as_str().or_else(|| meta["datasource"]["unit"].as_str());
    unit.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_found_where_tools_put_it_and_nothing_else_is_one() {
        for (meta, expected) in [
            (r#"{"unit":"%"}"#, "%"),
            (r#"{"datasource":{"unit":"°C"}}"#, "°C"),
            (r#"{"unit":5}"#, ""),
            ("not json", ""),
            ("", ""),
        ] {
            let description = serde_json::json!({"name": "x", "meta": meta}).to_string();
            assert_eq!((unit(&description).as_str(), name(&description).as_str()), (expected, "x"), "{meta}");
        }
    }
}
