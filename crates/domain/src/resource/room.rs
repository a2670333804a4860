//! Limits of a client: how much its whole subtree may hold (contract, rpc.md "Descriptions", limits).
//!
//! A limit holds for all that is below its client, however deep, so that no client can hand on more than it has. What says
//! `inherit` is limited by those above alone, and so is what no installation can reach: there nothing is counted, and an owner of
//! a million devices costs nothing.

use model::{Error, Noun, Result};
use store::Tx;
use store::table::allotment::{self, Amounts};
use store::table::resource::{self, Kind};
use store::table::share_code;

use super::Description;

/// Clients one below the other. Every right is decided by walking up.
const DEEPEST: i64 = 64;

/// One resource of a kind.
pub(super) fn one(kind: Kind) -> Amounts<i64> {
    sum([(kind, 1)], 0)
}

/// One share code.
pub(crate) fn one_share() -> Amounts<i64> {
    sum([], 1)
}

/// So many share codes.
pub(super) fn shares(count: i64) -> Amounts<i64> {
    sum([], count)
}

/// A resource with all that is below it, its share codes included.
pub(super) fn amounts_of(tx: &mut Tx<'_>, id: i64, kind: Kind) -> Result<Amounts<i64>> {
    let below = match kind {
        Kind::Client => amounts_below(tx, id)?,
        _ => Amounts::default(),
    };
    let with_itself = sum([(kind, 1)], share_code::count_of(tx, id)?);
    Ok(Amounts {
        clients: below.clients + with_itself.clients,
        dataports: below.dataports + with_itself.dataports,
        datarules: below.datarules + with_itself.datarules,
        dispatches: below.dispatches + with_itself.dispatches,
        shares: below.shares + with_itself.shares,
    })
}

/// All that is below a client.
pub(crate) fn amounts_below(tx: &mut Tx<'_>, client_id: i64) -> Result<Amounts<i64>> {
    let counted = resource::count_below(tx, client_id)?;
    Ok(sum(counted, share_code::count_below(tx, client_id)?))
}

/// Takes room for something under a client; `levels` is how many clients stand one below the other in it.
pub(super) fn take(tx: &mut Tx<'_>, owner_id: i64, amounts: &Amounts<i64>, levels: i64) -> Result<()> {
    if levels > 0 && resource::depth(tx, owner_id)? + levels > DEEPEST {
        return Err(Error::LimitReached(Noun::Client));
    }
    if allotment::add(tx, owner_id, amounts)? == 0 {
        return Ok(());
    }
    match allotment::find_excess(tx, owner_id)? {
        Some(excess) => Err(Error::LimitReached(noun(&excess))),
        None => Ok(()),
    }
}

/// Gives back the room of something that was under a client.
pub(crate) fn give_back(tx: &mut Tx<'_>, owner_id: i64, amounts: &Amounts<i64>) -> Result<()> {
    let Amounts { clients, dataports, datarules, dispatches, shares } = *amounts;
    let less = Amounts {
        clients: -clients,
        dataports: -dataports,
        datarules: -datarules,
        dispatches: -dispatches,
        shares: -shares,
    };
    allotment::add(tx, owner_id, &less).map(|_| ())
}

/// Makes the limits of a description those of its client. None of them may be below what it holds.
pub(super) fn set_limits(tx: &mut Tx<'_>, client_id: i64, description: &Description) -> Result<()> {
    let limits = description.limits();
    if limits == Amounts::default() {
        return allotment::delete(tx, client_id);
    }
    let used = amounts_below(tx, client_id)?;
    let exceeds = |limit: Option<i64>, used: i64| limit.is_some_and(|limit| used > limit);
    let excess = Amounts {
        clients: exceeds(limits.clients, used.clients),
        dataports: exceeds(limits.dataports, used.dataports),
        datarules: exceeds(limits.datarules, used.datarules),
        dispatches: exceeds(limits.dispatches, used.dispatches),
        shares: exceeds(limits.shares, used.shares),
    };
    if excess != Amounts::default() {
        return Err(Error::LimitReached(noun(&excess)));
    }
    allotment::put(tx, client_id, &limits, &used)
}

fn sum(counted: impl IntoIterator<Item = (Kind, i64)>, shares: i64) -> Amounts<i64> {
    let mut amounts = Amounts { shares, ..Amounts::default() };
    for (kind, count) in counted {
        *match kind {
            Kind::Client => &mut amounts.clients,
            Kind::Dataport => &mut amounts.dataports,
            Kind::Datarule => &mut amounts.datarules,
            Kind::Dispatch => &mut amounts.dispatches,
        } += count;
    }
    amounts
}

fn noun(excess: &Amounts<bool>) -> Noun {
    match excess {
        Amounts { clients: true, .. } => Noun::Client,
        Amounts { shares: true, .. } => Noun::Share,
        _ => Noun::Resource,
    }
}
