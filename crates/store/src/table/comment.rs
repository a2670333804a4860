//! Table `comment`: texts kept with a resource.

use model::Result;

use crate::{Tx, params};

const INSERT: &str = "INSERT INTO comment (resource_id, public, text) VALUES ($1, $2, $3)";

/// Adds a comment.
pub fn insert(tx: &mut Tx<'_>, resource_id: i64, public: bool, text: &str) -> Result<()> {
    tx.execute(INSERT, params![resource_id, public, text]).map(|_| ())
}

const LIST: &str = "SELECT public, text FROM comment WHERE resource_id = $1 ORDER BY id";

/// The comments of a resource, oldest first: (public, text).
pub fn list(tx: &mut Tx<'_>, resource_id: i64) -> Result<Vec<(bool, String)>> {
    tx.list(LIST, params![resource_id], |row| Ok((row.bool(0)?, row.text(1)?)))
}

const COPY: &str = "
    INSERT INTO comment (resource_id, public, text)
    SELECT $1, public, text
    FROM comment
    WHERE resource_id = $2
    ORDER BY id";

/// Copies the comments of one resource to another.
pub fn copy(tx: &mut Tx<'_>, from: i64, to: i64) -> Result<()> {
    tx.execute(COPY, params![to, from]).map(|_| ())
}

const DELETE_OF: &str = "DELETE FROM comment WHERE resource_id = $1";

/// Removes the comments of a resource.
pub fn delete_of(tx: &mut Tx<'_>, resource_id: i64) -> Result<()> {
    tx.execute(DELETE_OF, params![resource_id]).map(|_| ())
}
