//! Table `model_try`: refused tries on numbers that only a range covers. One ring a model, so that knocking on 10^18 numbers
//! registers nothing and fills no disk.

use model::{Result, SerialNumber, UnixSeconds};

use crate::table::client_model::count_try;
use crate::table::event::Verb;
use crate::{Tx, params};

const RING: i64 = 1000;

const PUT: &str = "
    INSERT INTO model_try (model_id, slot, sn, at, address, verb)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (model_id, slot) DO UPDATE
    SET sn = excluded.sn, at = excluded.at, address = excluded.address, verb = excluded.verb";

/// Writes a refused try over the oldest of the model's ring.
pub fn put(tx: &mut Tx<'_>, model_id: i64, serial_number: &SerialNumber, address: &str, verb: Verb) -> Result<()> {
    let slot = count_try(tx, model_id)? % RING;
    let now = tx.now();
    tx.execute(PUT, params![model_id, slot, serial_number.as_str(), now, address, verb as i64]).map(|_| ())
}

const LIST: &str = "
    SELECT at, address, verb
    FROM model_try
    WHERE model_id = $1 AND sn = $2
    ORDER BY at, slot";

/// The part of the ring that names this number, oldest first.
pub fn list(tx: &mut Tx<'_>, model_id: i64, serial_number: &SerialNumber) -> Result<Vec<(UnixSeconds, String, Verb)>> {
    tx.list(LIST, params![model_id, serial_number.as_str()], |row| {
        Ok((row.int(0)?, row.text(1)?, Verb::from_code(row.int(2)?)?))
    })
}

const DELETE_OF: &str = "DELETE FROM model_try WHERE model_id = $1";

/// Removes a model's ring.
pub fn delete_of(tx: &mut Tx<'_>, model_id: i64) -> Result<()> {
    tx.execute(DELETE_OF, params![model_id]).map(|_| ())
}
