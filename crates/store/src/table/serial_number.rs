//! Table `serial_number`: the registered numbers of each model. A number without a client costs its text and a few bytes.

use model::{Extra, Page, Result, Rid, SerialNumber};

use crate::table::client::{self, Client};
use crate::{Param, Row, Subject, Tx, params};

/// A registered number.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    /// The number.
    pub serial_number: SerialNumber,
    /// The vendor's text.
    pub extra: Extra,
    /// The share partner that enabled it.
    pub enabled_by: Option<i64>,
    /// The newest event, while it has no client.
    pub event_id: Option<i64>,
    /// How many events it has had, while it has no client.
    pub event_count: i64,
    /// Its client.
    pub client: Option<Client>,
    /// The client's public name.
    pub rid: Option<Rid>,
}

const FIND: &str = "
    SELECT s.sn, s.extra, s.enabled_by, s.event_id, s.event_count, r.rid,
        c.id, c.state, c.expires_at, c.answer_id, c.event_id, c.event_count
    FROM serial_number s
    LEFT JOIN client c ON c.id = s.client_id
    LEFT JOIN resource r ON r.id = s.client_id
    WHERE s.model_id = $1 AND s.sn = $2";

/// A number of a model, with its client.
pub fn find(tx: &mut Tx<'_>, model_id: i64, serial_number: &SerialNumber) -> Result<Option<Registered>> {
    tx.find(FIND, params![model_id, serial_number.as_str()], value)
}

const FIND_OF_CLIENT: &str = "SELECT model_id, sn FROM serial_number WHERE client_id = $1";

/// The model and number that a client came from.
pub fn find_of_client(tx: &mut Tx<'_>, client_id: i64) -> Result<Option<(i64, SerialNumber)>> {
    tx.find(FIND_OF_CLIENT, params![client_id], |row| Ok((row.int(0)?, SerialNumber::from_stored(row.text(1)?))))
}

const INSERT: &str = "
    INSERT INTO serial_number (model_id, sn, extra, event_count)
    VALUES ($1, $2, $3, 0)
    ON CONFLICT DO NOTHING";

/// Registers a number. False when it was registered already.
pub fn insert(tx: &mut Tx<'_>, model_id: i64, serial_number: &SerialNumber, extra: &Extra) -> Result<bool> {
    let extra = Some(extra.as_str()).filter(|extra| !extra.is_empty());
    let is_new = tx.execute(INSERT, params![model_id, serial_number.as_str(), extra])? == 1;
    if is_new {
        tx.touch(Subject::Numbers(model_id));
    }
    Ok(is_new)
}

/// Registers numbers; answers which was the first that was registered already, if one was.
pub fn insert_all(
    tx: &mut Tx<'_>,
    model_id: i64,
    numbers: &mut dyn Iterator<Item = (&SerialNumber, &Extra)>,
) -> Result<Option<usize>> {
    tx.touch(Subject::Numbers(model_id));
    let mut rows = numbers.map(|(serial_number, extra)| {
        let extra = Some(extra.as_str()).filter(|extra| !extra.is_empty());
        [model_id.into(), serial_number.as_str().into(), extra.into()]
    });
    let (mut at, mut known) = (0, None);
    tx.execute_all(INSERT, &mut rows, |inserted| {
        if inserted == 0 {
            known.get_or_insert(at);
        }
        at += 1;
        known.is_none()
    })?;
    Ok(known)
}

const SET_CLIENT: &str = "
    UPDATE serial_number
    SET client_id = $1, enabled_by = $2, event_id = NULL, event_count = 0
    WHERE model_id = $3 AND sn = $4 AND client_id IS NULL";

/// Gives the number a client. False when it has one.
pub fn set_client(
    tx: &mut Tx<'_>,
    model_id: i64,
    serial_number: &SerialNumber,
    client_id: i64,
    enabled_by: Option<i64>,
) -> Result<bool> {
    Ok(tx.execute(SET_CLIENT, params![client_id, enabled_by, model_id, serial_number.as_str()])? == 1)
}

const SET_PARTNER: &str = "UPDATE serial_number SET enabled_by = $1 WHERE model_id = $2 AND sn = $3";

/// Writes down who enabled it last; `None` is the model's own vendor.
pub fn set_partner(tx: &mut Tx<'_>, model_id: i64, serial_number: &SerialNumber, partner: Option<i64>) -> Result<()> {
    tx.execute(SET_PARTNER, params![partner, model_id, serial_number.as_str()]).map(|_| ())
}

const CLEAR_CLIENT: &str = "
    UPDATE serial_number
    SET client_id = NULL, enabled_by = NULL, event_id = $1, event_count = $2
    WHERE client_id = $3";

/// The number is unused again and keeps its log. False when no number has that client.
pub fn clear_client(tx: &mut Tx<'_>, client_id: i64, event_id: Option<i64>, event_count: i64) -> Result<bool> {
    Ok(tx.execute(CLEAR_CLIENT, params![event_id, event_count, client_id])? == 1)
}

const KEEP_EVENT: &str = "
    UPDATE serial_number
    SET event_id = $1, event_count = event_count + 1
    WHERE model_id = $2 AND sn = $3 AND client_id IS NULL AND coalesce(event_id, 0) = $4";

/// Makes an event the newest of a number without a client, if `previous` was until now.
pub fn keep_event(
    tx: &mut Tx<'_>,
    model_id: i64,
    serial_number: &SerialNumber,
    previous: Option<i64>,
    event_id: i64,
) -> Result<bool> {
    Ok(tx.execute(KEEP_EVENT, params![event_id, model_id, serial_number.as_str(), previous.unwrap_or(0)])? == 1)
}

const DELETE: &str = "DELETE FROM serial_number WHERE model_id = $1 AND sn = $2";

/// Unregisters a number. False when it was not registered.
pub fn delete(tx: &mut Tx<'_>, model_id: i64, serial_number: &SerialNumber) -> Result<bool> {
    let was_there = tx.execute(DELETE, params![model_id, serial_number.as_str()])? == 1;
    if was_there {
        tx.touch(Subject::Numbers(model_id));
    }
    Ok(was_there)
}

const LIST: &str = "
    SELECT s.sn, s.extra, s.enabled_by, s.event_id, s.event_count, r.rid,
        c.id, c.state, c.expires_at, c.answer_id, c.event_id, c.event_count
    FROM (
        SELECT sn, extra, enabled_by, event_id, event_count, client_id
        FROM serial_number
        WHERE model_id = $1
        ORDER BY sn
        LIMIT $2 OFFSET $3
    ) s
    LEFT JOIN client c ON c.id = s.client_id
    LEFT JOIN resource r ON r.id = s.client_id
    ORDER BY s.sn";

/// A page of the registered numbers, by number.
pub fn list(tx: &mut Tx<'_>, model_id: i64, page: Page) -> Result<Vec<Registered>> {
    tx.list(LIST, params![model_id, i64::from(page.limit), page.offset as i64], value)
}

const LIST_AFTER: &str = "
    SELECT s.sn, s.extra, s.enabled_by, s.event_id, s.event_count, r.rid,
        c.id, c.state, c.expires_at, c.answer_id, c.event_id, c.event_count
    FROM (
        SELECT sn, extra, enabled_by, event_id, event_count, client_id
        FROM serial_number
        WHERE model_id = $1 AND sn > $2
        ORDER BY sn
        LIMIT $3
    ) s
    LEFT JOIN client c ON c.id = s.client_id
    LEFT JOIN resource r ON r.id = s.client_id
    ORDER BY s.sn";

/// So many of the registered numbers after one, by number.
pub fn list_after(tx: &mut Tx<'_>, model_id: i64, last: &SerialNumber, limit: u32) -> Result<Vec<Registered>> {
    tx.list(LIST_AFTER, params![model_id, last.as_str(), i64::from(limit)], value)
}

const LIST_BETWEEN: &str = "
    SELECT s.sn, s.extra, s.enabled_by, s.event_id, s.event_count, r.rid,
        c.id, c.state, c.expires_at, c.answer_id, c.event_id, c.event_count
    FROM (
        SELECT sn, extra, enabled_by, event_id, event_count, client_id
        FROM serial_number
        WHERE model_id = $1 AND sn > $2 AND sn >= $3 AND sn < $4
        ORDER BY sn
        LIMIT $5
    ) s
    LEFT JOIN client c ON c.id = s.client_id
    LEFT JOIN resource r ON r.id = s.client_id
    ORDER BY s.sn";

/// Some numbers after one, from a text on and before another, by number.
pub fn list_between(
    tx: &mut Tx<'_>,
    model_id: i64,
    (after, first, end): (&str, &str, &str),
    limit: i64,
) -> Result<Vec<Registered>> {
    tx.list(LIST_BETWEEN, params![model_id, after, first, end, limit], value)
}

const STATES: &str = "
    SELECT s.sn, c.id, c.state, c.expires_at, c.answer_id, c.event_id, c.event_count
    FROM (SELECT sn, client_id FROM serial_number WHERE model_id = $1 AND sn > $2 ORDER BY sn LIMIT $3) s
    LEFT JOIN client c ON c.id = s.client_id
    ORDER BY s.sn";

/// Calls for each of some numbers after one, by number, with its client.
pub fn each_state(
    tx: &mut Tx<'_>,
    model_id: i64,
    after: &str,
    limit: i64,
    mut each: impl FnMut(String, Option<Client>),
) -> Result<()> {
    tx.each(STATES, params![model_id, after, limit], |row| {
        let client = row.int_or_null(1)?.map(|_| client::value(row, 1)).transpose()?;
        each(row.text(0)?, client);
        Ok(true)
    })
}

const LIST_OF_PARTNER: &str = "
    SELECT s.sn, s.extra, s.enabled_by, s.event_id, s.event_count, r.rid,
        c.id, c.state, c.expires_at, c.answer_id, c.event_id, c.event_count
    FROM (
        SELECT sn, extra, enabled_by, event_id, event_count, client_id
        FROM serial_number
        WHERE model_id = $1 AND enabled_by = $2
        ORDER BY sn
        LIMIT $3 OFFSET $4
    ) s
    LEFT JOIN client c ON c.id = s.client_id
    LEFT JOIN resource r ON r.id = s.client_id
    ORDER BY s.sn";

/// A page of the numbers that a share partner enabled, by number.
pub fn list_of_partner(tx: &mut Tx<'_>, model_id: i64, partner: i64, page: Page) -> Result<Vec<Registered>> {
    tx.list(LIST_OF_PARTNER, params![model_id, partner, i64::from(page.limit), page.offset as i64], value)
}

const DELETE_SOME: &str = "
    DELETE FROM serial_number
    WHERE model_id = $1
        AND sn IN (SELECT sn FROM serial_number WHERE model_id = $1 LIMIT $2)";

/// Unregisters some numbers of a model that is gone; answers how many.
pub fn delete_some(tx: &mut Tx<'_>, model_id: i64, limit: i64) -> Result<u64> {
    tx.execute(DELETE_SOME, params![model_id, limit])
}

fn value(row: &Row<'_>) -> Result<Registered> {
    let rid = row.bytes_or_null(5)?.map(|_| row.array(5)).transpose()?.map(Rid::from_bytes);
    let client = row.int_or_null(6)?.map(|_| client::value(row, 6)).transpose()?;
    Ok(Registered {
        serial_number: SerialNumber::from_stored(row.text(0)?),
        extra: row.text_or_null(1)?.map(Extra::from_stored).unwrap_or_default(),
        enabled_by: row.int_or_null(2)?,
        event_id: row.int_or_null(3)?,
        event_count: row.int(4)?,
        client,
        rid,
    })
}

/// What activation needs of a model and a number, by their names, in one look.
#[derive(Clone, Debug)]
pub struct Target {
    /// The model.
    pub model_id: i64,
    /// Its options, as bits.
    pub options: i64,
    /// Whether the number has a row.
    pub registered: bool,
    /// The newest event of a number without a client.
    pub event_id: Option<i64>,
    /// Its client.
    pub client: Option<Client>,
}

const TARGET: &str = "
    SELECT m.id, m.options, s.sn, s.event_id,
        c.id, c.state, c.expires_at, c.answer_id, c.event_id, c.event_count
    FROM vendor v
    JOIN model m ON m.vendor_id = v.client_id
    LEFT JOIN serial_number s ON s.model_id = m.id AND s.sn = $1
    LEFT JOIN client c ON c.id = s.client_id
    WHERE v.name = $2 AND m.name = $3";

/// What a device that calls in names; `None` when there is no such vendor or model.
pub fn find_target(tx: &mut Tx<'_>, vendor: &str, model: &str, serial_number: &SerialNumber) -> Result<Option<Target>> {
    let params: &[Param<'_>] = params![serial_number.as_str(), vendor, model];
    tx.find(TARGET, params, |row| {
        Ok(Target {
            model_id: row.int(0)?,
            options: row.int(1)?,
            registered: row.text_or_null(2)?.is_some(),
            event_id: row.int_or_null(3)?,
            client: row.int_or_null(4)?.map(|_| client::value(row, 4)).transpose()?,
        })
    })
}
