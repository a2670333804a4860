//! The RIDs of what a client has (contract, rpc.md `listing`).

use std::collections::BTreeSet;

use model::{Error, Field, Result, Rid};
use store::Tx;
use store::table::resource::{self, Kind};
use store::table::{alias, share_code};

use crate::caller::ClientWithin;

/// Which of a client's resources are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// Those that it owns.
    pub owned: bool,
    /// Those that others share with it.
    pub activated: bool,
    /// Those to which it has given a name.
    pub aliased: bool,
    /// Those that anybody may read.
    pub public: bool,
}

/// As many as fit into the largest answer.
const MOST: usize = 380_000;
/// Of what is public; there is no end to it.
const MOST_PUBLIC: i64 = 10_000;

/// The RIDs of one kind, each once.
pub fn listing(tx: &mut Tx<'_>, client: &ClientWithin, kind: Kind, which: Which) -> Result<Vec<Rid>> {
    let mut found: Vec<Rid> = Vec::new();
    let mut seen: BTreeSet<i64> = BTreeSet::new();
    let mut add = |(id, rid): (i64, Rid)| {
        if seen.insert(id) {
            found.push(rid);
        }
    };
    if which.owned {
        let owned = resource::children_of_kind(tx, client.id(), kind, MOST as i64 + 1)?;
        owned.into_iter().for_each(&mut add);
    }
    if which.aliased {
        let named: BTreeSet<i64> = alias::list(tx, client.id())?.into_iter().map(|(_, id)| id).collect();
        of_kind(tx, named, kind)?.into_iter().for_each(&mut add);
    }
    if which.activated {
        let shared = share_code::list_activated(tx, client.id())?;
        of_kind(tx, shared, kind)?.into_iter().for_each(&mut add);
    }
    if which.public {
        resource::list_public(tx, kind, MOST_PUBLIC)?.into_iter().for_each(&mut add);
    }
    match found.len() {
        count if count > MOST => Err(Error::TooLarge(Field("answer"))),
        _ => Ok(found),
    }
}

fn of_kind(tx: &mut Tx<'_>, ids: impl IntoIterator<Item = i64>, kind: Kind) -> Result<Vec<(i64, Rid)>> {
    let mut found = Vec::new();
    for id in ids {
        found.extend(resource::find(tx, id)?.filter(|row| row.kind == kind).map(|row| (row.id, row.rid)));
    }
    Ok(found)
}
