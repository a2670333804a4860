//! PostgreSQL: one connection, owned by one thread.
//!
//! It speaks the protocol itself, because what costs here are the round trips: a word of transaction control waits in the
//! buffer and travels with the next statement ([`Connection::later`]), and the end of a read needs no answer before
//! the rule's outcome is given ([`Connection::send_off`]). Statements are prepared once a connection.

mod fault;
mod link;
mod row;
mod startup;
mod url;

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut as _;
use model::Error;
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;

use self::link::Link;
use crate::Param;

pub(crate) use fault::{Fault, Refusal};
pub use row::Row;
pub use url::Url;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The short statements of requests.
    Serving,
    /// Statements over whole tables, however long they take.
    WholeTables,
}

/// How the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// There is none.
    Idle,
    /// It is under way.
    Inside,
    /// It is in vain, and can only be rolled back.
    Failed,
}

/// Ids are given out in blocks, which die with the connection that fetched them: after a crash the server may give the same
/// block again, and whoever held it has lost its connection by then.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sequence {
    Rows,
    Events,
}

pub(crate) struct Connection {
    link: Link,
    statements: HashMap<(usize, usize), Arc<Statement>>,
    /// Names given to statements so far.
    prepared: u32,
    places: Vec<Option<Range<usize>>>,
    /// Groups of answers that were sent for and not read.
    behind: u32,
    /// Statements in the group that is being put together, whose answers come before that of the next one.
    owed: u32,
    status: Status,
    is_lost: bool,
    is_busy: bool,
    changed: u64,
    refusal: Option<Refusal>,
    heard: Vec<String>,
    blocks: [Range<i64>; 2],
}

struct Statement {
    name: String,
    types: Box<[u32]>,
}

impl Connection {
    /// Opens a session on the host that takes writes. No wait in it is longer than `limit`, about.
    pub(crate) fn open(url: &Url, purpose: Purpose, limit: Duration) -> Result<Connection, Fault> {
        startup::open(url, purpose, limit)
    }

    fn new(link: Link) -> Connection {
        Connection {
            link,
            statements: HashMap::new(),
            prepared: 0,
            places: Vec::new(),
            behind: 0,
            owed: 0,
            status: Status::Idle,
            is_lost: false,
            is_busy: false,
            changed: 0,
            refusal: None,
            heard: Vec::new(),
            blocks: [0..0, 0..0],
        }
    }

    /// Whether it can be used no more. What it was doing, it may have done.
    pub(crate) fn is_lost(&self) -> bool {
        // Busy here means that whoever read its rows did not come back.
        self.is_lost || self.is_busy
    }

    pub(crate) fn status(&self) -> Status {
        self.status
    }

    /// Rows changed so far, whether or not they stayed so.
    pub(crate) fn changed(&self) -> u64 {
        self.changed
    }

    /// What the server refused last, once.
    pub(crate) fn take_refusal(&mut self) -> Option<Refusal> {
        self.refusal.take()
    }

    /// Runs a statement that answers no rows; answers how many rows it changed.
    pub(crate) fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64, Fault> {
        self.each(sql, params, &mut |_| Ok(true))
    }

    /// Calls `row` for each row until it answers false.
    pub(crate) fn each(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        row: &mut dyn FnMut(&Row<'_>) -> Result<bool, Error>,
    ) -> Result<u64, Fault> {
        let statement = self.prepare(sql)?;
        self.bind(&statement, params)?;
        frontend::sync(&mut self.link.out);
        self.settle(&statement.types, row)
    }

    /// The same for a statement that is run once, whose text was made at run time.
    pub(crate) fn each_once(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        row: &mut dyn FnMut(&Row<'_>) -> Result<bool, Error>,
    ) -> Result<u64, Fault> {
        let statement = self.prepare_anew(sql)?;
        self.bind(&statement, params)?;
        let closed = frontend::close(b'S', &statement.name, &mut self.link.out);
        self.heed(closed)?;
        frontend::sync(&mut self.link.out);
        self.settle(&statement.types, row)
    }

    /// Runs a COPY of these bytes into a table.
    pub(crate) fn copy_in(&mut self, sql: &str, bytes: &[u8]) -> Result<(), Fault> {
        let out = &mut self.link.out;
        let written = frontend::query(sql, out).and_then(|()| {
            for piece in bytes.chunks(1 << 20) {
                frontend::CopyData::new(piece)?.write(out);
            }
            frontend::copy_done(out);
            Ok(())
        });
        self.heed(written)?;
        self.converse(&mut |_, _| Ok(()))
    }

    /// Runs a statement for each row of parameters; answers how many rows each of them changed.
    pub(crate) fn execute_all<const N: usize>(
        &mut self,
        sql: &'static str,
        rows: &[[Param<'_>; N]],
    ) -> Result<Vec<u64>, Fault> {
        let statement = self.prepare(sql)?;
        for params in rows {
            self.bind(&statement, params)?;
        }
        frontend::sync(&mut self.link.out);
        let (mut owed, mut counts) = (self.owed, Vec::with_capacity(rows.len()));
        let conversed = self.converse(&mut |tag, body| {
            match tag {
                b'C' if owed > 0 => owed -= 1,
                b'C' => counts.push(rows_changed(body)),
                _ => {}
            }
            Ok(())
        });
        self.changed += counts.iter().sum::<u64>();
        conversed?;
        Ok(counts)
    }

    /// Runs a statement without waiting for it: it travels with the next one, whose error is its error, too.
    pub(crate) fn later(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<(), Fault> {
        let statement = self.prepare(sql)?;
        self.bind(&statement, params)?;
        self.owed += 1;
        Ok(())
    }

    /// Runs a statement whose outcome nobody waits for.
    pub(crate) fn send_off(&mut self, sql: &'static str) -> Result<(), Fault> {
        self.later(sql, &[])?;
        frontend::sync(&mut self.link.out);
        self.owed = 0;
        self.behind += 1;
        self.status = Status::Idle;
        let sent = self.link.flush();
        self.heed(sent)
    }

    /// Runs what waits, and waits for it.
    pub(crate) fn settle_all(&mut self) -> Result<(), Fault> {
        if self.owed > 0 {
            frontend::sync(&mut self.link.out);
            self.converse(&mut |_, _| Ok(()))?;
        }
        Ok(())
    }

    /// Waits until the server has let us in.
    fn enter(&mut self) -> Result<(), Fault> {
        self.converse(&mut |_, _| Ok(()))
    }

    /// Runs a script of several statements, in one transaction unless it says otherwise.
    pub(crate) fn script(&mut self, sql: &str) -> Result<(), Fault> {
        let written = frontend::query(sql, &mut self.link.out);
        self.heed(written)?;
        // All but the last of the answers are none of ours.
        self.settle(&[], &mut |_| Ok(true)).map(|_| ())
    }

    /// The next id of a sequence.
    pub(crate) fn next_id(&mut self, sequence: Sequence) -> Result<i64, Fault> {
        /// An id that is fetched and not given out is lost.
        const ROWS: i64 = 256;
        const EVENTS: i64 = 1024;
        let (sql, size) = match sequence {
            Sequence::Rows => ("SELECT nextval('row_block')", ROWS),
            Sequence::Events => ("SELECT nextval('event_block')", EVENTS),
        };
        if let Some(id) = self.blocks[sequence as usize].next() {
            return Ok(id);
        }
        let mut number = 0;
        self.each(sql, &[], &mut |row| {
            number = row.require(0)?;
            Ok(true)
        })?;
        let block = &mut self.blocks[sequence as usize];
        *block = number * size..(number + 1) * size;
        block.next().ok_or_else(|| Fault::Stopped(Error::internal("an empty block of ids")))
    }

    /// The number of the block in which an id is.
    pub(crate) fn block_of(sequence: Sequence, id: i64) -> i64 {
        match sequence {
            Sequence::Rows => id / 256,
            Sequence::Events => id / 1024,
        }
    }

    /// Whether a new transaction can begin on it.
    pub(crate) fn is_clean(&self) -> bool {
        !self.is_lost() && self.status == Status::Idle && self.owed == 0
    }

    /// How long one wait may take from now on.
    pub(crate) fn wait_again(&mut self, limit: Duration) -> Result<(), Fault> {
        let set = self.link.wait_at_most(limit);
        self.heed(set)
    }

    /// Waits for notifications at most so long; answers what they say.
    pub(crate) fn listen(&mut self, limit: Duration) -> Result<Vec<String>, Fault> {
        let set = self.link.wait_at_most(limit);
        self.heed(set)?;
        while self.heard.is_empty() || self.link.holds_some() {
            match self.link.next() {
                Ok((b'A', place)) => self.heard.push(payload(self.link.bytes(place))),
                Ok((b'E', place)) => {
                    let refusal = Refusal::read(self.link.bytes(place));
                    return Err(self.refused(refusal));
                }
                Ok(_) => {}
                Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(cause) => return self.heed(Err(cause)),
            }
        }
        Ok(std::mem::take(&mut self.heard))
    }

    /// The statement as this connection knows it; at its first use it is prepared, and what waits is run before that.
    fn prepare(&mut self, sql: &'static str) -> Result<Arc<Statement>, Fault> {
        let key = (sql.as_ptr().addr(), sql.len());
        if let Some(statement) = self.statements.get(&key) {
            return Ok(Arc::clone(statement));
        }
        let statement = Arc::new(self.prepare_anew(sql)?);
        self.statements.insert(key, Arc::clone(&statement));
        Ok(statement)
    }

    /// Whether the server takes a statement.
    #[cfg(test)]
    pub(crate) fn require_sound(&mut self, sql: &str) -> Result<(), Fault> {
        self.prepare_anew(sql).map(|_| ())
    }

    /// Prepares a statement and asks for the types of its columns.
    fn prepare_anew(&mut self, sql: &str) -> Result<Statement, Fault> {
        let name = format!("s{}", self.prepared);
        self.prepared += 1;
        let out = &mut self.link.out;
        let written = frontend::parse(&name, sql, [], out).and_then(|()| frontend::describe(b'S', &name, out));
        frontend::sync(out);
        self.heed(written)?;
        let mut types = Vec::new();
        self.converse(&mut |tag, body| {
            if tag == b'T' {
                types = column_types(body);
            }
            Ok(())
        })?;
        Ok(Statement { name, types: types.into() })
    }

    fn bind(&mut self, statement: &Statement, params: &[Param<'_>]) -> Result<(), Fault> {
        let out = &mut self.link.out;
        let text = |param: &Param<'_>, out: &mut bytes::BytesMut| {
            match *param {
                Param::Null => return Ok(IsNull::Yes),
                Param::Int(value) => put_number(out, value),
                Param::Bool(value) => out.put_u8(if value { b't' } else { b'f' }),
                Param::Text(value) => out.put_slice(value.as_bytes()),
                Param::Bytes(value) => out.put_slice(value),
            }
            Ok(IsNull::No)
        };
        let formats = params.iter().map(Param::format);
        let bound = frontend::bind("", &statement.name, formats, params, text, [1], out);
        bound.map_err(|_| io::Error::new(ErrorKind::InvalidInput, "too much for one statement"))?;
        frontend::execute("", 0, out)?;
        Ok(())
    }

    /// Sends what waits and reads all answers; rows of the last statement go to `row`, whose number of rows is answered.
    fn settle(&mut self, types: &[u32], row: &mut dyn FnMut(&Row<'_>) -> Result<bool, Error>) -> Result<u64, Fault> {
        let mut places = std::mem::take(&mut self.places);
        let (mut count, mut goes_on, mut stopped) = (0, true, None);
        let mut owed = self.owed;
        let mut changed = 0;
        let conversed = self.converse(&mut |tag, body| {
            match tag {
                b'D' if owed == 0 && goes_on => {
                    row::columns(body, &mut places).ok_or_else(garbled)?;
                    match row(&Row { body, places: &places, types }) {
                        Ok(more) => goes_on = more,
                        Err(error) => (goes_on, stopped) = (false, Some(error)),
                    }
                }
                b'C' => {
                    count = rows_changed(body);
                    changed += count;
                    owed = owed.saturating_sub(1);
                }
                _ => {}
            }
            Ok(())
        });
        self.places = places;
        self.changed += changed;
        conversed?;
        match stopped {
            Some(error) => Err(Fault::Stopped(error)),
            None => Ok(count),
        }
    }

    /// Sends what waits and hands every message of this group to `each`, up to the group's end.
    fn converse(&mut self, each: &mut dyn FnMut(u8, &[u8]) -> io::Result<()>) -> Result<(), Fault> {
        self.is_busy = true;
        self.owed = 0;
        let sent = self.link.flush();
        self.heed(sent)?;
        let mut refusal = None;
        loop {
            let next = self.link.next();
            let (tag, place) = self.heed(next)?;
            let body = self.link.bytes(place);
            match tag {
                b'Z' => {
                    self.status = match body {
                        b"I" => Status::Idle,
                        b"T" => Status::Inside,
                        _ => Status::Failed,
                    };
                    if self.behind == 0 {
                        break;
                    }
                    self.behind -= 1;
                }
                b'E' => {
                    let read = Refusal::read(body);
                    if read.is_final {
                        return Err(self.refused(read));
                    }
                    if self.behind == 0 {
                        refusal.get_or_insert(read);
                    }
                }
                b'A' => self.heard.push(payload(body)),
                b'N' | b'S' | b'K' => {}
                _ if self.behind > 0 => {}
                _ => {
                    let taken = each(tag, body);
                    self.heed(taken)?;
                }
            }
        }
        self.is_busy = false;
        match refusal {
            Some(refusal) => Err(self.refused(refusal)),
            None => Ok(()),
        }
    }

    fn refused(&mut self, refusal: Refusal) -> Fault {
        self.is_lost |= refusal.is_final;
        // A server that takes no writes any more is not the one to talk to.
        self.is_lost |= refusal.code == "25006";
        self.refusal = Some(refusal.clone());
        Fault::Refused(refusal)
    }

    /// Notes that the connection is lost, where it is.
    fn heed<T>(&mut self, outcome: io::Result<T>) -> Result<T, Fault> {
        self.is_lost |= outcome.is_err();
        Ok(outcome?)
    }
}

/// The types of the columns in a RowDescription.
fn column_types(body: &[u8]) -> Vec<u32> {
    let mut types = Vec::new();
    let mut rest = body.get(2..).unwrap_or_default();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let Some((fields, after)) = rest[end + 1..].split_first_chunk::<18>() else { break };
        types.push(u32::from_be_bytes([fields[6], fields[7], fields[8], fields[9]]));
        rest = after;
    }
    types
}

/// How many rows a statement changed, by what it says when it is done: `UPDATE 3`, `INSERT 0 1`.
fn rows_changed(body: &[u8]) -> u64 {
    let tag = std::str::from_utf8(body).unwrap_or_default().trim_end_matches('\0');
    match tag.split_once(' ') {
        Some(("INSERT" | "UPDATE" | "DELETE" | "COPY", rest)) => {
            rest.rsplit(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
        }
        _ => 0,
    }
}

/// What a notification says, behind the process that sent it and the channel.
fn payload(body: &[u8]) -> String {
    let mut texts = body.get(4..).unwrap_or_default().split(|byte| *byte == 0);
    String::from_utf8_lossy(texts.nth(1).unwrap_or_default()).into_owned()
}

fn put_number(out: &mut bytes::BytesMut, value: i64) {
    use std::fmt::Write as _;
    // Writing into a buffer that grows cannot fail.
    let _ = write!(out, "{value}");
}

fn garbled() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a message that cannot be read")
}
