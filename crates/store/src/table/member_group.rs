//! Table `member_group`: the groups of a model.

use model::{GroupId, Meta, Page, Result};

use crate::{Tx, params};

const INSERT: &str = "INSERT INTO member_group (model_id, id, meta) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

/// Adds a group. False when the id is taken.
pub fn insert(tx: &mut Tx<'_>, model_id: i64, id: &GroupId, meta: &Meta) -> Result<bool> {
    Ok(tx.execute(INSERT, params![model_id, id.as_str(), meta.as_str()])? == 1)
}

const FIND: &str = "SELECT meta FROM member_group WHERE model_id = $1 AND id = $2";

/// The meta of a group.
pub fn find(tx: &mut Tx<'_>, model_id: i64, id: &GroupId) -> Result<Option<Meta>> {
    tx.find(FIND, params![model_id, id.as_str()], |row| Ok(Meta::from_stored(row.text(0)?)))
}

const LIST: &str = "
    SELECT id, meta
    FROM member_group
    WHERE model_id = $1
    ORDER BY id
    LIMIT $2 OFFSET $3";

/// A page of the groups, by id.
pub fn list(tx: &mut Tx<'_>, model_id: i64, page: Page) -> Result<Vec<(GroupId, Meta)>> {
    tx.list(LIST, params![model_id, i64::from(page.limit), page.offset as i64], |row| {
        Ok((GroupId::from_stored(row.text(0)?), Meta::from_stored(row.text(1)?)))
    })
}

const DELETE: &str = "DELETE FROM member_group WHERE model_id = $1 AND id = $2";

/// Removes a group. False when there was none.
pub fn delete(tx: &mut Tx<'_>, model_id: i64, id: &GroupId) -> Result<bool> {
    Ok(tx.execute(DELETE, params![model_id, id.as_str()])? == 1)
}

const DELETE_OF: &str = "DELETE FROM member_group WHERE model_id = $1";

/// Removes all groups of a model.
pub fn delete_of(tx: &mut Tx<'_>, model_id: i64) -> Result<()> {
    tx.execute(DELETE_OF, params![model_id]).map(|_| ())
}
