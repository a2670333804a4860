//! Limits of a client: how many resources of each kind it may own (contract, rpc.md "Descriptions").
//!
//! A limit that says `inherit` is the nearest number above; one that is not given is 0. What is counted is what the client owns
//! directly, and only as far as the limit reaches, so that an owner of a million devices with a limit beyond reach costs nothing.

use model::{Error, Noun, Result};
use serde_json::Value;
use store::Tx;
use store::table::resource::{self, Kind};

/// Numbers from here on cannot be reached and are not counted.
const BEYOND_REACH: i64 = 1 << 40;

/// Makes sure that a client may own one more of a kind.
pub fn require_room(tx: &mut Tx<'_>, owner_id: i64, kind: Kind) -> Result<()> {
    let limit = effective_limit(tx, owner_id, kind)?;
    if limit >= BEYOND_REACH || resource::has_fewer_children(tx, owner_id, kind, limit)? {
        return Ok(());
    }
    Err(Error::LimitReached(match kind {
        Kind::Client => Noun::Client,
        _ => Noun::Resource,
    }))
}

fn effective_limit(tx: &mut Tx<'_>, client_id: i64, kind: Kind) -> Result<i64> {
    let mut next = Some(client_id);
    while let Some(id) = next {
        let client = resource::find(tx, id)?.ok_or_else(|| Error::internal("an owner is missing"))?;
        let description: Value = serde_json::from_str(&client.description).map_err(Error::internal)?;
        match &description["limits"][kind.word()] {
            Value::Number(number) => return Ok(number.as_i64().unwrap_or(i64::MAX)),
            Value::String(word) if word == "inherit" => next = client.owner_id,
            _ => return Ok(0),
        }
    }
    Ok(0)
}
