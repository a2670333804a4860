//! Lending rights for a time (contract, rpc.md `grant`).

use std::collections::BTreeMap;

use model::{Error, Field, Noun, Result, Rid, Seconds, Token};
use store::Tx;
use store::table::{client, grant};

use super::Named;
use crate::caller::{Caller, ClientWithin, Right};
use crate::key;
use crate::provision::log;
use store::table::event::Verb;

/// Living tokens of one client.
const MOST_TOKENS: i64 = 1_000;
/// Resources of one token.
const MOST_RESOURCES: usize = 100;
/// A year.
const LONGEST_S: Seconds = 366 * 86_400;

/// Makes a token that calls as a client of the caller's tree, with these rights on these resources, until its time is over.
pub fn lend(
    tx: &mut Tx<'_>,
    caller: &Caller,
    client: &ClientWithin,
    rights: &[(Rid, Vec<Right>)],
    ttl_s: Seconds,
) -> Result<Token> {
    if !(1..=LONGEST_S).contains(&ttl_s) {
        return Err(Error::Malformed(Field("ttl")));
    }
    if rights.len() > MOST_RESOURCES {
        return Err(Error::TooLarge(Field("grant")));
    }
    let mut on: BTreeMap<i64, i64> = BTreeMap::new();
    for (rid, rights) in rights {
        let id = caller.seen(tx, Right::Grant, &Named::Rid(*rid))?.row().id;
        *on.entry(id).or_default() |= rights.iter().fold(0, |bits, right| bits | right.bit());
    }
    if grant::count_of(tx, client.id())? >= MOST_TOKENS {
        return Err(Error::LimitReached(Noun::Token));
    }
    let lender_id = caller.behind();
    let (_, lender_hash) = client::find_with_hash(tx, lender_id)?.ok_or(Error::Unauthorized)?;
    let id = tx.next_id()?;
    let issued = key::issue::<Token>(tx, id)?;
    let row = grant::GrantToken { id, client_id: client.id(), lender_id, lender_hash, expires_at: tx.now() + ttl_s };
    grant::insert(tx, &row, &issued.hash)?;
    for (resource_id, rights) in on {
        grant::insert_right(tx, id, resource_id, rights)?;
    }
    log::note(tx, Verb::RightsLent, Some(lender_id), Some(&client.row().rid.to_string()))?;
    Ok(issued.key)
}
