//! PostgreSQL: what the other nodes did, and what one node does for all.
//!
//! Every transaction that changed rows leaves a row of its own in `change`. The follower reads those rows: whenever a request wants to
//! believe its memory (it waits for a look that began after it came), whenever another node rings (NOTIFY), and twice a
//! second in any case, so that a ring that is lost costs no more than that.
//!
//! No change is passed over: a look takes the rows of all transactions that were not surely over at the look before
//! (`pg_snapshot_xmin`), and where it cannot know, everybody reads everything again: after a new connection, and when
//! rows were removed that it had not seen.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use model::{Error, Result};
use tokio::sync::oneshot;

use super::Shared;
use crate::driver::postgres::{Connection, Fault, Purpose};
use crate::effects::Carried;
use crate::{Param, keyring, params, schema};

/// A look is taken that often at least.
const EVERY: Duration = Duration::from_millis(500);
/// Time is kept, and the lease, that often.
const TICK: Duration = Duration::from_secs(1);
/// How long who holds the lease may be silent before another takes it, in seconds.
const LEASE_S: i64 = 10;
/// Rows of changes are kept that long, in seconds.
const KEPT_S: i64 = 120;
const REMOVE_EVERY: Duration = Duration::from_secs(10);
/// How long the end of the process waits for who waits for a ring.
const LISTENING: Duration = Duration::from_millis(100);
/// After so long a silence it is asked whether the connection lives.
const SILENCE: Duration = Duration::from_secs(10);

const LOOK: &str = "
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, f.xid, c.xid, c.node, c.number, c.effects
    FROM change_floor f
    LEFT JOIN change c ON c.xid >= $1
    ORDER BY c.xid";

const RING: &str = "SELECT pg_notify('cikada_change', $1)";

const KEEP_TIME: &str = "UPDATE setting SET number = $1 WHERE name = 'time mark' AND number < $1";

const HOLD_LEASE: &str = "
    UPDATE lease
    SET node = $1, until = extract(epoch FROM clock_timestamp())::bigint + $2
    WHERE name = 'upkeep' AND (node = $1 OR until < extract(epoch FROM clock_timestamp())::bigint)";

const GIVE_UP_LEASE: &str = "UPDATE lease SET until = 0 WHERE name = 'upkeep' AND node = $1";

const REMOVE_CHANGES: &str = "
    WITH gone AS (
        DELETE FROM change
        WHERE at < extract(epoch FROM clock_timestamp())::bigint - $1
        RETURNING xid
    )
    UPDATE change_floor
    SET xid = (SELECT max(xid) + 1 FROM gone)
    WHERE xid < (SELECT max(xid) + 1 FROM gone)";

/// One process of those that share a database.
#[derive(Debug)]
pub(crate) struct Node {
    pub(super) id: i64,
    next_number: AtomicI64,
    /// Milliseconds after `started` until which it does what one node does for all.
    keeps_until: AtomicU64,
    started: Instant,
    pub(super) ending: AtomicBool,
}

/// What the follower is asked for.
pub(super) enum Wish {
    /// A look that begins from now on.
    Look(oneshot::Sender<Result<()>>),
    /// This node has changed something: the others are rung.
    Ring,
    /// Another node rang.
    Heard,
}

/// The thread that follows the other nodes.
pub(super) struct Follower {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// Transactions below this one are known.
    position: i64,
    /// Changes of transactions above it that are known too.
    seen: HashMap<(i64, i64), i64>,
    ticked: Option<Instant>,
    removed: Instant,
}

impl Node {
    pub(super) fn new() -> Result<Node> {
        let mut bytes = [0; 8];
        keyring::random(&mut bytes)?;
        Ok(Node {
            id: i64::from_be_bytes(bytes),
            next_number: AtomicI64::new(1),
            keeps_until: AtomicU64::new(0),
            started: Instant::now(),
            ending: AtomicBool::new(false),
        })
    }

    pub(super) fn next_number(&self) -> i64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether this is the node that does what one does for all.
    pub(super) fn is_keeper(&self) -> bool {
        (self.started.elapsed().as_millis() as u64) < self.keeps_until.load(Ordering::Relaxed)
    }

    fn keep_until(&self, instant: Instant) {
        let until = instant.saturating_duration_since(self.started).as_millis() as u64;
        self.keeps_until.store(until, Ordering::Relaxed);
    }
}

impl Follower {
    pub(super) fn new(shared: Arc<Shared>) -> Follower {
        let removed = Instant::now();
        Follower { shared, connection: None, position: 0, seen: HashMap::new(), ticked: None, removed }
    }

    /// Serves until nothing can come any more.
    pub(super) fn serve(&mut self, wishes: &Receiver<Wish>) {
        let mut looks = Vec::new();
        loop {
            let first = match wishes.recv_timeout(EVERY) {
                Ok(wish) => Some(wish),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut rings = false;
            // All that have come share one look.
            for wish in first.into_iter().chain(wishes.try_iter()) {
                match wish {
                    Wish::Look(answer) => looks.push(answer),
                    Wish::Ring => rings = true,
                    Wish::Heard => {}
                }
            }
            let looked = self.follow(rings);
            for answer in looks.drain(..) {
                let _ = answer.send(looked.clone());
            }
        }
        if let Some(connection) = &mut self.connection {
            let _ = connection.execute(GIVE_UP_LEASE, params![self.shared.node.id]);
        }
    }

    fn follow(&mut self, rings: bool) -> Result<()> {
        let followed = self.try_to_follow(rings);
        let is_well = followed.is_ok();
        if let Err(fault) = followed {
            if self.shared.healthy.swap(false, Ordering::SeqCst) {
                tracing::error!(%fault, "the database cannot be reached");
            }
            self.connection = None;
            // Who holds a connection open on an old right has to ask for it, and will not get an answer.
            self.shared.bus.publish_doubt();
            return Err(Error::Unavailable);
        }
        if is_well && !self.shared.healthy.swap(true, Ordering::SeqCst) {
            tracing::info!("the database can be reached again");
        }
        Ok(())
    }

    fn try_to_follow(&mut self, rings: bool) -> std::result::Result<(), Fault> {
        let is_new = self.connection.is_none();
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.shared.connect(Purpose::Serving).map_err(Fault::Stopped)?,
        };
        if rings {
            let id = self.shared.node.id.to_string();
            connection.later(RING, &[Param::Text(&id)])?;
        }
        self.look(&mut connection, is_new)?;
        if self.ticked.is_none_or(|at| at.elapsed() >= TICK) {
            self.tick(&mut connection)?;
            self.ticked = Some(Instant::now());
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Reads what is new; on a new connection, where what is new begins.
    fn look(&mut self, connection: &mut Connection, is_new: bool) -> std::result::Result<(), Fault> {
        let since = if is_new { i64::MAX } else { self.position };
        let (mut horizon, mut floor) = (since, 0);
        let mut is_in_doubt = is_new;
        let shared = &self.shared;
        let seen = &mut self.seen;
        connection.each(LOOK, params![since], &mut |row| {
            (horizon, floor) = (row.require(0)?, row.require(1)?);
            let Some(xid) = row.find(2)? else { return Ok(true) };
            let (node, number): (i64, i64) = (row.require(3)?, row.require(4)?);
            if node == shared.node.id || seen.insert((node, number), xid).is_some() {
                return Ok(true);
            }
            match Carried::read(row.bytes(5)?.unwrap_or_default()) {
                Some(carried) => {
                    shared.changes.note(carried.effects.subjects().chain(carried.named.iter().copied()));
                    shared.bus.publish(&carried.effects);
                    shared.bus.publish_missed(&carried.named);
                }
                None => is_in_doubt = true,
            }
            Ok(true)
        })?;
        if is_in_doubt || floor > since {
            shared.changes.note_all();
            shared.bus.publish_doubt();
        }
        self.position = horizon;
        self.seen.retain(|_, xid| *xid >= horizon);
        Ok(())
    }

    /// Keeps the time of all nodes, and the lease.
    fn tick(&mut self, connection: &mut Connection) -> std::result::Result<(), Fault> {
        if let Some(mark) = self.shared.clock.mark() {
            connection.later(KEEP_TIME, params![mark])?;
        }
        let mark = schema::time_mark(&mut crate::connection::Connection::Postgres(connection));
        self.shared.clock.resume_from(mark.map_err(Fault::Stopped)?);
        let asked = Instant::now();
        let node = &self.shared.node;
        if connection.execute(HOLD_LEASE, params![node.id, LEASE_S])? == 1 {
            // Shorter here than there, so that two never believe to hold it.
            node.keep_until(asked + Duration::from_secs(LEASE_S as u64 - 2));
        }
        if node.is_keeper() && self.removed.elapsed() >= REMOVE_EVERY {
            connection.execute(REMOVE_CHANGES, params![KEPT_S])?;
            self.removed = Instant::now();
        }
        Ok(())
    }
}

/// Waits for other nodes to ring, on a connection of its own.
pub(super) fn listen(shared: &Shared, follower: &Sender<Wish>) {
    let own = shared.node.id.to_string();
    while !shared.node.ending.load(Ordering::Relaxed) {
        if let Err(fault) = listen_on_one(shared, follower, &own) {
            tracing::debug!(%fault, "the channel on which other nodes ring was lost");
            std::thread::sleep(EVERY);
        }
    }
}

fn listen_on_one(shared: &Shared, follower: &Sender<Wish>, own: &str) -> std::result::Result<(), Fault> {
    let mut connection = shared.connect(Purpose::Serving).map_err(Fault::Stopped)?;
    connection.script("LISTEN cikada_change")?;
    // What was rung before is not heard here.
    let _ = follower.send(Wish::Heard);
    let mut heard = Instant::now();
    while !shared.node.ending.load(Ordering::Relaxed) {
        let rings = connection.listen(LISTENING)?;
        if rings.iter().any(|ring| ring != own) {
            let _ = follower.send(Wish::Heard);
        }
        if !rings.is_empty() {
            heard = Instant::now();
        } else if heard.elapsed() >= SILENCE {
            connection.wait_again(shared.options.timeout)?;
            connection.execute("SELECT 1", &[])?;
            heard = Instant::now();
        }
    }
    Ok(())
}
