//! Making a resource under a client.

use model::{Cik, Result, Rid, UnixSeconds};
use serde_json::Value;
use store::Tx;
use store::table::client::{self, Client, State};
use store::table::resource::{self, Format, Kind, Resource};

use crate::key;

/// A client that was just made.
pub struct NewClient {
    /// Row id.
    pub id: i64,
    /// Public name.
    pub rid: Rid,
    /// Its key.
    pub cik: Cik,
}

/// Makes a client with a key. With a window its key waits for its device; without, it works at once.
pub fn create_client(
    tx: &mut Tx<'_>,
    owner_id: Option<i64>,
    description: &Value,
    window_end: Option<UnixSeconds>,
) -> Result<NewClient> {
    let (id, rid) = create_resource(tx, owner_id, Kind::Client, None, description)?;
    let issued = key::issue::<Cik>(tx, id)?;
    let state = if window_end.is_some() { State::NotActivated } else { State::Used };
    let row = Client { id, state, expires_at: window_end, answer_id: None, event_id: None, event_count: 0 };
    client::insert(tx, &row, &issued.hash, &issued.sealed)?;
    Ok(NewClient { id, rid, cik: issued.key })
}

/// Makes the row of any resource; answers its row id and RID.
pub fn create_resource(
    tx: &mut Tx<'_>,
    owner_id: Option<i64>,
    kind: Kind,
    format: Option<Format>,
    description: &Value,
) -> Result<(i64, Rid)> {
    let id = tx.next_id();
    let rid = Rid::from_bytes(tx.keyring().issue(resource::RID, id)?);
    let now = tx.now();
    let row = Resource {
        id,
        rid,
        kind,
        owner_id,
        format,
        public: description["public"].as_bool().unwrap_or(false),
        created_at: now,
        modified_at: now,
        description: description.to_string(),
    };
    resource::insert(tx, &row)?;
    Ok((id, rid))
}
