//! Table `serial_range`: ranges of serial numbers, never expanded (promise I12).

use model::{Range, RangeColumns, Result, SerialNumber, Spelling};

use crate::{Row, Tx, params};

const NO_LENGTH: i64 = -1;

const INSERT: &str = "
    INSERT INTO serial_range (model_id, format, length, casing, first, last)
    VALUES ($1, $2, $3, $4, $5, $6)";

/// Adds a range; that it overlaps none is the caller's business.
pub fn insert(tx: &mut Tx<'_>, model_id: i64, range: &Range) -> Result<()> {
    let row = range.columns();
    let length = row.length.unwrap_or(NO_LENGTH);
    tx.execute(INSERT, params![model_id, row.format, length, row.casing, &row.first, &row.last]).map(|_| ())
}

const LIST: &str = "
    SELECT format, length, casing, first, last
    FROM serial_range
    WHERE model_id = $1
    ORDER BY id";

/// The ranges of a model, in the order in which they were added.
pub fn list(tx: &mut Tx<'_>, model_id: i64) -> Result<Vec<Range>> {
    tx.list(LIST, params![model_id], value)
}

const LIST_OVERLAPPING: &str = "
    SELECT format, length, casing, first, last
    FROM serial_range
    WHERE model_id = $1 AND format = $2 AND first <= $3 AND last >= $4";

/// The ranges of one format whose ends cross those of `range`, in whatever spelling.
pub fn list_crossing(tx: &mut Tx<'_>, model_id: i64, range: &Range) -> Result<Vec<Range>> {
    let row = range.columns();
    tx.list(LIST_OVERLAPPING, params![model_id, row.format, &row.last, &row.first], value)
}

const COUNT: &str = "SELECT count(*) FROM serial_range WHERE model_id = $1";

/// How many ranges a model has.
pub fn count(tx: &mut Tx<'_>, model_id: i64) -> Result<i64> {
    tx.one(COUNT, params![model_id], |row| row.int(0))
}

const NEAREST: &str = "
    SELECT format, length, casing, first, last
    FROM serial_range
    WHERE model_id = $1 AND format = $2 AND length = $3 AND casing = $4 AND first <= $5
    ORDER BY first DESC
    LIMIT 1";

/// Whether some range of a model holds this number. Ranges of one spelling do not overlap, so only the nearest one
/// below can; a text has few spellings that it could stand in.
pub fn covers(tx: &mut Tx<'_>, model_id: i64, serial_number: &SerialNumber) -> Result<bool> {
    let text = serial_number.as_str();
    for (spelling, number) in Spelling::readings(text) {
        let row = Range::new(spelling, number, number)?.columns();
        let length = row.length.unwrap_or(NO_LENGTH);
        let nearest = tx.find(NEAREST, params![model_id, row.format, length, row.casing, &row.first], value)?;
        if nearest.is_some_and(|range| range.contains(text).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

const DELETE: &str = "
    DELETE FROM serial_range
    WHERE model_id = $1
        AND format = $2
        AND length = $3
        AND (format = 0 OR casing = $4)
        AND first = $5
        AND last = $6";

/// Removes a range; in base 10 (format 0) casing makes no difference. False when there was none like it.
pub fn delete(tx: &mut Tx<'_>, model_id: i64, range: &Range) -> Result<bool> {
    let row = range.columns();
    let length = row.length.unwrap_or(NO_LENGTH);
    let params = params![model_id, row.format, length, row.casing, &row.first, &row.last];
    Ok(tx.execute(DELETE, params)? > 0)
}

const DELETE_OF: &str = "DELETE FROM serial_range WHERE model_id = $1";

/// Removes all ranges of a model.
pub fn delete_of(tx: &mut Tx<'_>, model_id: i64) -> Result<()> {
    tx.execute(DELETE_OF, params![model_id]).map(|_| ())
}

fn value(row: &Row<'_>) -> Result<Range> {
    let length = row.int(1)?;
    Range::from_stored(&RangeColumns {
        format: row.int(0)?,
        length: (length != NO_LENGTH).then_some(length),
        casing: row.int(2)?,
        first: row.array(3)?,
        last: row.array(4)?,
    })
}
