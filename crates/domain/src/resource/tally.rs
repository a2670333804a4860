//! How much of everything a client holds (contract, rpc.md `info`, `counts` and `usage`).

use model::Result;
use store::Tx;
use store::table::resource::Kind;
use store::table::usage::{self, Metric};
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
    /// Messages sent since the day began (UTC), in the order of [`SENT`].
    pub sent: [i64; 4],
}

/// What is sent.
pub const SENT: [(Metric, &str); 4] =
    [(Metric::Emails, "email"), (Metric::Https, "http"), (Metric::Smses, "sms"), (Metric::Xmpps, "xmpp")];

const SECONDS_A_DAY: i64 = 86_400;

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
    let now = tx.now();
    let midnight = now - now.rem_euclid(SECONDS_A_DAY);
    let mut sent = [0; 4];
    for (sent, (metric, _)) in sent.iter_mut().zip(SENT) {
        *sent = match scope {
            Scope::Own => usage::used_by(tx, client_id, metric, midnight, now)?,
            Scope::Subtree => usage::used(tx, client_id, metric, midnight, now)?,
        };
    }
    let of = |kind: Kind| counted.iter().find(|(counted, _)| *counted == kind).map_or(0, |(_, count)| *count);
    Ok(Tally {
        clients: of(Kind::Client),
        dataports: of(Kind::Dataport),
        datarules: of(Kind::Datarule),
        dispatches: of(Kind::Dispatch),
        shares,
        disk_bytes,
        sent,
    })
}
