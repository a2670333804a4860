//! From a socket to a session: who we are, and what every session keeps to (THREATS 3.1 rule 7).

use std::io::{self, ErrorKind};
use std::time::Duration;

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;

use super::fault::{Fault, Refusal};
use super::link::Link;
use super::url::{Host, Url};
use super::{Connection, Purpose};

/// A statement over whole tables may take that long.
const WHOLE_TABLES_IN: Duration = Duration::from_secs(4 * 3600);

/// `xid8` and the functions around it.
const OLDEST_SERVER: i64 = 130_000;

/// Opens a session on the first host that takes writes.
pub(super) fn open(url: &Url, purpose: Purpose, limit: Duration) -> Result<Connection, Fault> {
    let mut failed = Fault::Lost(io::Error::new(ErrorKind::NotFound, "no host"));
    for host in &url.hosts {
        match open_on(host, url, purpose, limit) {
            Ok(connection) => return Ok(connection),
            Err(fault) => failed = fault,
        }
    }
    Err(failed)
}

fn open_on(host: &Host, url: &Url, purpose: Purpose, limit: Duration) -> Result<Connection, Fault> {
    let mut link = Link::open(host, &url.tls, limit.min(Duration::from_secs(3)))?;
    let name = [("user", url.user.as_str()), ("database", url.database.as_str())];
    let ours = [("client_encoding", "UTF8"), ("application_name", "cikada")];
    frontend::startup_message(name.into_iter().chain(ours), &mut link.out)?;
    link.flush()?;
    authenticate(&mut link, url)?;
    let mut connection = Connection::new(link);
    connection.enter()?;
    connection.link.wait_at_most(match purpose {
        // The server gives up first, so that its answer says why.
        Purpose::Serving => limit + Duration::from_secs(1),
        Purpose::WholeTables => WHOLE_TABLES_IN,
    })?;
    set_up(&mut connection, purpose, limit)?;
    Ok(connection)
}

/// Answers what the server asks until it lets us in.
fn authenticate(link: &mut Link, url: &Url) -> Result<(), Fault> {
    let password = url.password.as_deref().map_or("", String::as_str).as_bytes();
    let mut scram = None;
    loop {
        let (tag, place) = link.next()?;
        let body = link.bytes(place).to_vec();
        match (tag, code(&body)) {
            (b'R', Some((0, _))) => return Ok(()),
            (b'R', Some((3, _))) => frontend::password_message(password, &mut link.out)?,
            (b'R', Some((5, salt))) => {
                let salt = salt.try_into().map_err(|_| garbled())?;
                let answer = md5_hash(url.user.as_bytes(), password, salt);
                frontend::password_message(answer.as_bytes(), &mut link.out)?;
            }
            (b'R', Some((10, _))) => {
                let started = ScramSha256::new(password, ChannelBinding::unsupported());
                frontend::sasl_initial_response(SCRAM_SHA_256, started.message(), &mut link.out)?;
                scram = Some(started);
            }
            (b'R', Some((11, challenge))) => {
                let scram = scram.as_mut().ok_or_else(garbled)?;
                scram.update(challenge)?;
                frontend::sasl_response(scram.message(), &mut link.out)?;
            }
            (b'R', Some((12, verifier))) => scram.as_mut().ok_or_else(garbled)?.finish(verifier)?,
            (b'E', _) => return Err(Fault::Refused(Refusal::read(&body))),
            (b'N', _) => {}
            _ => return Err(io::Error::new(ErrorKind::Unsupported, "an unknown way to sign in").into()),
        }
        link.flush()?;
    }
}

fn code(body: &[u8]) -> Option<(u32, &[u8])> {
    let (code, rest) = body.split_first_chunk()?;
    Some((u32::from_be_bytes(*code), rest))
}

fn garbled() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the server signs in out of order")
}

/// What a session keeps to, and what it cannot do without.
fn set_up(connection: &mut Connection, purpose: Purpose, limit: Duration) -> Result<(), Fault> {
    // What a node that vanished holds is taken from it before others give up waiting for it.
    let (statement, lock, idle) = (limit.as_millis(), limit.as_millis() * 2 / 3, limit.as_millis() / 3);
    let limits = match purpose {
        Purpose::Serving => format!(
            "SET statement_timeout = {statement}; SET lock_timeout = {lock};
            SET idle_in_transaction_session_timeout = {idle};"
        ),
        Purpose::WholeTables => String::new(),
    };
    // Statements of requests go by keys, whatever the planner believes of tables that have grown since it last looked, and are
    // planned once.
    let plans = match purpose {
        Purpose::Serving => {
            "SET jit = off; SET plan_cache_mode = force_generic_plan;
            SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
        }
        Purpose::WholeTables => "SET jit = off;",
    };
    connection.script(&format!(
        "{limits} {plans}
        SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local');"
    ))?;
    const KIND: &str = "
        SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding') = 'UTF8',
            current_setting('transaction_read_only') = 'on'";
    let mut kind = (0, false, true);
    connection.each(KIND, &[], &mut |row| {
        kind = (row.require(0)?, row.require(1)?, row.require(2)?);
        Ok(true)
    })?;
    let refuse = |why: &str| Err(io::Error::new(ErrorKind::Unsupported, why.to_owned()).into());
    match kind {
        (version, ..) if version < OLDEST_SERVER => refuse("PostgreSQL 13 is the oldest that can be used"),
        (_, false, _) => refuse("the database is not encoded in UTF8"),
        (_, _, true) => refuse("the server takes no writes"),
        _ => Ok(()),
    }
}
