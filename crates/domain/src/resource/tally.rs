//! How much of everything a client holds (contract, rpc.md `info`, `counts` and `usage`).

use model::Result;
use store::Tx;
use store::table::resource::Kind;
use store::table::{point, resource, share_code};

/// Points looked at for one figure; what a client holds beyond them is not in it.
const MOST_POINTS: i64 = 1_000_000;

/// Whose things are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that a client owns directly.
    Own,
    /// All below it.
    Subtree,
}

/// The figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Clients.
    pub clients: i64,
    /// Dataports.
    pub dataports: i64,
    /// Datarules.
    pub datarules: i64,
    /// Dispatches.
    pub dispatches: i64,
    /// Share codes.
    pub shares: i64,
    /// Bytes of values.
    pub disk_bytes: i64,
}

/// Counts.
pub fn tally(tx: &mut Tx<'_>, client_id: i64, scope: Scope) -> Result<Tally> {
    let (counted, shares, disk_bytes) = match scope {
        Scope::Own => (
            resource::count_children(tx, client_id)?,
            share_code::count_of_children(tx, client_id)?,
            point::bytes_of_children(tx, client_id, MOST_POINTS)?,
        ),
        Scope::Subtree => (
            resource::count_below(tx, client_id)?,
            share_code::count_below(tx, client_id)?,
            point::bytes_below(tx, client_id, MOST_POINTS)?,
        ),
    };
    let of = |kind: Kind| counted.iter().find(|(counted, _)| *counted == kind).map_or(0, |(_, count)| *count);
    Ok(Tally {
        clients: of(Kind::Client),
        dataports: of(Kind::Dataport),
        datarules: of(Kind::Datarule),
        dispatches: of(Kind::Dispatch),
        shares,
        disk_bytes,
    })
}
