//! Table `allotment`: how much a client's subtree may hold, and holds.
//!
//! A change adds to all rows above the place where it happens, then looks whether one of them is over its limit: the rows that
//! it wrote are its own until it commits, so what it sees is what there will be.

use model::Result;

use crate::{Row, Tx, params};

/// One number for each kind of thing that is limited: clients, dataports, datarules, dispatches, share codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts<T> {
    /// Clients.
    pub clients: T,
    /// Dataports.
    pub dataports: T,
    /// Datarules.
    pub datarules: T,
    /// Dispatches.
    pub dispatches: T,
    /// Share codes.
    pub shares: T,
}

const PUT: &str = "
    INSERT INTO allotment (
        client_id, client_limit, client_used, dataport_limit, dataport_used, datarule_limit, datarule_used,
        dispatch_limit, dispatch_used, share_limit, share_used
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (client_id) DO UPDATE SET
        client_limit = excluded.client_limit, client_used = excluded.client_used,
        dataport_limit = excluded.dataport_limit, dataport_used = excluded.dataport_used,
        datarule_limit = excluded.datarule_limit, datarule_used = excluded.datarule_used,
        dispatch_limit = excluded.dispatch_limit, dispatch_used = excluded.dispatch_used,
        share_limit = excluded.share_limit, share_used = excluded.share_used";

/// Sets a client's limits, and what is below it now.
pub fn put(tx: &mut Tx<'_>, client_id: i64, limits: &Amounts<Option<i64>>, used: &Amounts<i64>) -> Result<()> {
    let params = params![
        client_id,
        limits.clients,
        used.clients,
        limits.dataports,
        used.dataports,
        limits.datarules,
        used.datarules,
        limits.dispatches,
        used.dispatches,
        limits.shares,
        used.shares,
    ];
    tx.execute(PUT, params).map(|_| ())
}

const ADD: &str = "
    WITH RECURSIVE above (id, owner_id) AS (
        SELECT id, owner_id FROM resource WHERE id = $1
        UNION ALL
        SELECT owner.id, owner.owner_id FROM resource owner JOIN above ON owner.id = above.owner_id
    )
    UPDATE allotment
    SET client_used = client_used + $2,
        dataport_used = dataport_used + $3,
        datarule_used = datarule_used + $4,
        dispatch_used = dispatch_used + $5,
        share_used = share_used + $6
    WHERE client_id IN (SELECT id FROM above)";

/// Adds to what a client and all above it hold; answers how many of them have limits.
pub fn add(tx: &mut Tx<'_>, client_id: i64, amounts: &Amounts<i64>) -> Result<u64> {
    let Amounts { clients, dataports, datarules, dispatches, shares } = *amounts;
    tx.execute(ADD, params![client_id, clients, dataports, datarules, dispatches, shares])
}

const EXCESS: &str = "
    WITH RECURSIVE above (id, owner_id) AS (
        SELECT id, owner_id FROM resource WHERE id = $1
        UNION ALL
        SELECT owner.id, owner.owner_id FROM resource owner JOIN above ON owner.id = above.owner_id
    )
    SELECT client_used > coalesce(client_limit, client_used),
        dataport_used > coalesce(dataport_limit, dataport_used),
        datarule_used > coalesce(datarule_limit, datarule_used),
        dispatch_used > coalesce(dispatch_limit, dispatch_used),
        share_used > coalesce(share_limit, share_used)
    FROM allotment
    WHERE client_id IN (SELECT id FROM above)
        AND (client_used > coalesce(client_limit, client_used)
            OR dataport_used > coalesce(dataport_limit, dataport_used)
            OR datarule_used > coalesce(datarule_limit, datarule_used)
            OR dispatch_used > coalesce(dispatch_limit, dispatch_used)
            OR share_used > coalesce(share_limit, share_used))
    LIMIT 1";

/// Of what a client, or one above it, holds more than it may.
pub fn find_excess(tx: &mut Tx<'_>, client_id: i64) -> Result<Option<Amounts<bool>>> {
    tx.find(EXCESS, params![client_id], excess)
}

const DELETE: &str = "DELETE FROM allotment WHERE client_id = $1";

/// The client has no limits of its own (any more).
pub fn delete(tx: &mut Tx<'_>, client_id: i64) -> Result<()> {
    tx.execute(DELETE, params![client_id]).map(|_| ())
}

fn excess(row: &Row<'_>) -> Result<Amounts<bool>> {
    Ok(Amounts {
        clients: row.bool(0)?,
        dataports: row.bool(1)?,
        datarules: row.bool(2)?,
        dispatches: row.bool(3)?,
        shares: row.bool(4)?,
    })
}
