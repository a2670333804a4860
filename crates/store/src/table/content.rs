//! Table `content`: the named blobs of a model. The bytes are in the blob store, by digest.

use model::{ContentId, Meta, Result, UnixSeconds};

use crate::{Row, Tx, params};

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The id.
    pub id: ContentId,
    /// The media type given at upload; empty before.
    pub content_type: String,
    /// SHA-256 of the blob; none before an upload.
    pub digest: Option<[u8; 32]>,
    /// Bytes of the blob.
    pub length: u64,
    /// When the entry was made or its blob replaced.
    pub updated_at: UnixSeconds,
    /// The vendor's text.
    pub meta: Meta,
    /// Only for serial numbers that a group gives it to.
    pub protected: bool,
}

const INSERT: &str = "
    INSERT INTO content (model_id, id, content_type, digest, length, updated_at, meta, protected)
    VALUES ($1, $2, '', NULL, 0, $3, $4, $5)
    ON CONFLICT DO NOTHING";

/// Adds an entry without a blob. False when the id is taken.
pub fn insert(tx: &mut Tx<'_>, model_id: i64, id: &ContentId, meta: &Meta, protected: bool) -> Result<bool> {
    let now = tx.now();
    Ok(tx.execute(INSERT, params![model_id, id.as_str(), now, meta.as_str(), protected])? == 1)
}

const SET_BLOB: &str = "
    INSERT INTO content (model_id, id, content_type, digest, length, updated_at, meta, protected)
    VALUES ($1, $2, $3, $4, $5, $6, '', $7)
    ON CONFLICT (model_id, id) DO UPDATE
    SET content_type = excluded.content_type, digest = excluded.digest, length = excluded.length,
        updated_at = excluded.updated_at";

/// Gives the entry its blob, making the entry if it is absent.
pub fn set_blob(
    tx: &mut Tx<'_>,
    model_id: i64,
    id: &ContentId,
    content_type: &str,
    digest: &[u8; 32],
    length: u64,
) -> Result<()> {
    let now = tx.now();
    let params = params![model_id, id.as_str(), content_type, digest, length as i64, now, false];
    tx.execute(SET_BLOB, params).map(|_| ())
}

const FIND: &str = "
    SELECT id, content_type, digest, length, updated_at, meta, protected
    FROM content
    WHERE model_id = $1 AND id = $2";

/// A content of a model.
pub fn find(tx: &mut Tx<'_>, model_id: i64, id: &ContentId) -> Result<Option<Content>> {
    tx.find(FIND, params![model_id, id.as_str()], value)
}

const LIST: &str = "
    SELECT id, content_type, digest, length, updated_at, meta, protected
    FROM content
    WHERE model_id = $1
    ORDER BY id";

/// The contents of a model, by id.
pub fn list(tx: &mut Tx<'_>, model_id: i64) -> Result<Vec<Content>> {
    tx.list(LIST, params![model_id], value)
}

const DELETE: &str = "DELETE FROM content WHERE model_id = $1 AND id = $2";

/// Removes an entry. False when there was none.
pub fn delete(tx: &mut Tx<'_>, model_id: i64, id: &ContentId) -> Result<bool> {
    Ok(tx.execute(DELETE, params![model_id, id.as_str()])? == 1)
}

const DELETE_OF: &str = "DELETE FROM content WHERE model_id = $1";

/// Removes all entries of a model.
pub fn delete_of(tx: &mut Tx<'_>, model_id: i64) -> Result<()> {
    tx.execute(DELETE_OF, params![model_id]).map(|_| ())
}

const NAMES: &str = "SELECT 1 FROM content WHERE digest = $1";

/// Whether some row names this blob.
pub fn names_blob(tx: &mut Tx<'_>, digest: &[u8; 32]) -> Result<bool> {
    tx.any(NAMES, params![digest])
}

const BLOBS: &str = "SELECT DISTINCT digest, length FROM content WHERE digest IS NOT NULL";

/// The digest and length of every blob that a row names.
pub fn blobs(tx: &mut Tx<'_>) -> Result<Vec<([u8; 32], u64)>> {
    tx.list(BLOBS, params![], |row| Ok((row.array(0)?, row.int(1)? as u64)))
}

fn value(row: &Row<'_>) -> Result<Content> {
    Ok(Content {
        id: ContentId::from_stored(row.text(0)?),
        content_type: row.text(1)?,
        digest: row.bytes_or_null(2)?.map(|_| row.array(2)).transpose()?,
        length: row.int(3)? as u64,
        updated_at: row.int(4)?,
        meta: Meta::from_stored(row.text(5)?),
        protected: row.bool(6)?,
    })
}
