//! Changing what is said of a resource (contract, rpc.md `update`).

use model::{Limits, Result};
use serde_json::{Map, Value as Json};
use store::table::resource::{self, Kind};
use store::{Subject, Tx};

use super::create::subscribe;
use super::{Description, room};
use crate::caller::{Caller, Controlled};
use crate::processing;

/// Changes the fields that are given. The format stays, and no limit goes below what is used.
pub fn update(
    tx: &mut Tx<'_>,
    limits: &Limits,
    caller: &Caller,
    updated: &Controlled,
    given: Map<String, Json>,
) -> Result<()> {
    let row = updated.row();
    let (names_publisher, changes_rule) = (given.contains_key("subscribe"), given.contains_key("rule"));
    let mut description = Description::stored(row)?.changed(given, limits)?;
    let subscription = match names_publisher {
        true => subscribe(tx, limits, caller, &mut description)?,
        false => row.excerpt.subscription,
    };
    if row.kind == Kind::Datarule && changes_rule {
        processing::arm(tx, row.id, &description.rule()?)?;
    }
    if row.kind == Kind::Client {
        room::set_limits(tx, row.id, &description)?;
        tx.touch(Subject::Client(row.id));
    }
    resource::describe(tx, row.id, &description.text(), &description.excerpt(subscription))
}
