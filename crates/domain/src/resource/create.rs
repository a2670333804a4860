//! Making a resource under a client (contract, rpc.md `create`).

use model::{Cik, Error, Field, Limits, Noun, Result, Rid, UnixSeconds};
use serde_json::{Map, Value as Json};
use store::Tx;
use store::table::client::{self, Client, State};
use store::table::resource::{self, Kind, Resource, Subscription};

use super::{Description, room};
use crate::caller::{Caller, ClientWithin, Right};
use crate::{key, processing};

/// A client that was just made.
pub struct NewClient {
    /// Row id.
    pub id: i64,
    /// Public name.
    pub rid: Rid,
    /// Its key.
    pub cik: Cik,
}

/// Makes a resource as a caller describes it. A client gets a key that works at once.
pub fn create(
    tx: &mut Tx<'_>,
    limits: &Limits,
    caller: &Caller,
    owner: &ClientWithin,
    kind: Kind,
    given: Map<String, Json>,
) -> Result<Rid> {
    let mut description = Description::new(kind, given, limits)?;
    let subscription = subscribe(tx, limits, caller, &mut description)?;
    room::take(tx, owner.id(), &room::one(kind), i64::from(kind == Kind::Client))?;
    match kind {
        Kind::Client => Ok(plant_client(tx, Some(owner.id()), &description, None)?.rid),
        kind => {
            let (id, rid) = plant(tx, Some(owner.id()), kind, &description, subscription)?;
            if kind == Kind::Datarule {
                processing::arm(tx, id, &description.rule()?)?;
            }
            Ok(rid)
        }
    }
}

/// Finds what a description subscribes to, and writes it into the description as a RID.
pub(super) fn subscribe(
    tx: &mut Tx<'_>,
    limits: &Limits,
    caller: &Caller,
    description: &mut Description,
) -> Result<Option<Subscription>> {
    let Some(named) = description.subscribe(limits)? else { return Ok(None) };
    let publisher = match caller.readable(tx, Right::Read, &named) {
        Err(Error::Absent(Noun::Alias)) => return Err(Error::Malformed(Field("subscribe"))),
        other => other?,
    };
    description.set_subscribe(publisher.rid());
    Ok(Some(Subscription { publisher_id: publisher.series().id, by: caller.id() }))
}

/// Makes a client with a key, whether or not there is room. With a window its key waits for its device; without, it works
/// at once.
pub fn plant_client(
    tx: &mut Tx<'_>,
    owner_id: Option<i64>,
    description: &Description,
    window_end: Option<UnixSeconds>,
) -> Result<NewClient> {
    let (id, rid) = plant(tx, owner_id, Kind::Client, description, None)?;
    let issued = key::issue::<Cik>(tx, id)?;
    let state = if window_end.is_some() { State::NotActivated } else { State::Used };
    let row = Client { id, state, expires_at: window_end, answer_id: None, event_id: None, event_count: 0 };
    client::insert(tx, &row, &issued.hash, &issued.sealed)?;
    room::set_limits(tx, id, description)?;
    Ok(NewClient { id, rid, cik: issued.key })
}

/// Makes the row of any resource, whether or not there is room; answers its row id and RID.
pub(super) fn plant(
    tx: &mut Tx<'_>,
    owner_id: Option<i64>,
    kind: Kind,
    description: &Description,
    subscription: Option<Subscription>,
) -> Result<(i64, Rid)> {
    let id = tx.next_id()?;
    let rid = Rid::from_bytes(tx.keyring().issue(resource::RID, id)?);
    let now = tx.now();
    let row = Resource {
        id,
        rid,
        kind,
        owner_id,
        format: description.format(),
        excerpt: description.excerpt(subscription),
        created_at: now,
        owned_at: now,
        modified_at: now,
        description: description.text(),
    };
    resource::insert(tx, &row)?;
    Ok((id, rid))
}
