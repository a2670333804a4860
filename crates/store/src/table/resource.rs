//! Table `resource`: the ownership tree. Whatever changes a row touches its resource, because caches and waiting requests
//! hold what it says.

use model::{Error, Result, Rid, UnixSeconds};

use crate::{Row, Subject, Tx, params};

/// What the keyring knows RIDs by.
pub const RID: &str = "rid";

/// What a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A node of the tree, with a key.
    Client,
    /// A time series.
    Dataport,
    /// A rule over a series.
    Datarule,
    /// Something that sends.
    Dispatch,
}

/// How the values of a dataport are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// 64-bit signed.
    Integer,
    /// IEEE double.
    Float,
    /// UTF-8 text.
    String,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Row id.
    pub id: i64,
    /// Public name.
    pub rid: Rid,
    /// What it is.
    pub kind: Kind,
    /// The client that owns it; the root has none.
    pub owner_id: Option<i64>,
    /// Of dataports and datarules.
    pub format: Option<Format>,
    /// Readable by any client.
    pub public: bool,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When its description was changed last.
    pub modified_at: UnixSeconds,
    /// JSON text.
    pub description: String,
}

const INSERT: &str = "
    INSERT INTO resource (id, rid, kind, owner_id, format, public, created_at, modified_at, description)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Adds a resource.
pub fn insert(tx: &mut Tx<'_>, resource: &Resource) -> Result<()> {
    let params = params![
        resource.id,
        resource.rid.as_bytes(),
        resource.kind.code(),
        resource.owner_id,
        resource.format.map(Format::code),
        resource.public,
        resource.created_at,
        resource.modified_at,
        &resource.description,
    ];
    tx.execute(INSERT, params).map(|_| ())
}

const FIND: &str = "
    SELECT id, rid, kind, owner_id, format, public, created_at, modified_at, description
    FROM resource
    WHERE id = $1";

/// The resource with this row id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Resource>> {
    tx.find(FIND, params![id], value)
}

/// The resource with this RID; the RID carries the row id, and a made-up one meets a row that is not its own.
pub fn find_by_rid(tx: &mut Tx<'_>, rid: Rid) -> Result<Option<Resource>> {
    let id = tx.keyring().locate(RID, rid.as_bytes());
    Ok(find(tx, id)?.filter(|resource| resource.rid == rid))
}

const CHILDREN: &str = "
    SELECT id, rid, kind, owner_id, format, public, created_at, modified_at, description
    FROM resource
    WHERE owner_id = $1
    ORDER BY id";

/// What a client owns directly, in the order of making.
pub fn children(tx: &mut Tx<'_>, owner_id: i64) -> Result<Vec<Resource>> {
    tx.list(CHILDREN, params![owner_id], value)
}

const FEWER_CHILDREN: &str = "
    SELECT count(*)
    FROM (SELECT 1 FROM resource WHERE owner_id = $1 AND kind = $2 LIMIT $3) some_of_them";

/// Whether a client owns fewer than that many of a kind directly; no more than that many are looked at.
pub fn has_fewer_children(tx: &mut Tx<'_>, owner_id: i64, kind: Kind, limit: i64) -> Result<bool> {
    tx.one(FEWER_CHILDREN, params![owner_id, kind.code(), limit.max(0)], |row| Ok(row.int(0)? < limit))
}

const IS_WITHIN: &str = "
    WITH RECURSIVE above (id, owner_id) AS (
        SELECT id, owner_id FROM resource WHERE id = $1
        UNION ALL
        SELECT owner.id, owner.owner_id FROM resource owner JOIN above ON owner.id = above.owner_id
    )
    SELECT 1 FROM above WHERE id = $2";

/// Whether `id` is in the tree of `client_id`, which is in its own tree.
pub fn is_within(tx: &mut Tx<'_>, id: i64, client_id: i64) -> Result<bool> {
    tx.any(IS_WITHIN, params![id, client_id])
}

const SUBTREE: &str = "
    WITH RECURSIVE below (id, kind) AS (
        SELECT id, kind FROM resource WHERE id = $1
        UNION ALL
        SELECT child.id, child.kind FROM resource child JOIN below ON child.owner_id = below.id
    )
    SELECT id, kind FROM below";

/// The row ids of a resource and of all that it owns, owners before what they own.
pub fn subtree(tx: &mut Tx<'_>, id: i64) -> Result<Vec<(i64, Kind)>> {
    tx.list(SUBTREE, params![id], |row| Ok((row.int(0)?, Kind::from_code(row.int(1)?)?)))
}

const DELETE: &str = "DELETE FROM resource WHERE id = $1";

/// Removes the row, and nothing that it owns.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    tx.touch(Subject::Resource(id));
    Ok(tx.execute(DELETE, params![id])? == 1)
}

const DESCRIBE: &str = "UPDATE resource SET description = $1, public = $2, modified_at = $3 WHERE id = $4";

/// Replaces the description.
pub fn describe(tx: &mut Tx<'_>, id: i64, description: &str, public: bool) -> Result<()> {
    let now = tx.now();
    tx.touch(Subject::Resource(id));
    tx.execute(DESCRIBE, params![description, public, now, id]).map(|_| ())
}

impl Kind {
    /// Its number in rows.
    pub fn code(self) -> i64 {
        match self {
            Kind::Client => 1,
            Kind::Dataport => 2,
            Kind::Datarule => 3,
            Kind::Dispatch => 4,
        }
    }

    /// The kind with this number.
    pub fn from_code(code: i64) -> Result<Kind> {
        [Kind::Client, Kind::Dataport, Kind::Datarule, Kind::Dispatch]
            .into_iter()
            .find(|kind| kind.code() == code)
            .ok_or_else(|| Error::internal(format_args!("stored kind {code}")))
    }

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Client => "client",
            Kind::Dataport => "dataport",
            Kind::Datarule => "datarule",
            Kind::Dispatch => "dispatch",
        }
    }
}

impl Format {
    /// Its number in rows.
    pub fn code(self) -> i64 {
        match self {
            Format::Integer => 1,
            Format::Float => 2,
            Format::String => 3,
        }
    }

    fn from_code(code: i64) -> Result<Format> {
        [Format::Integer, Format::Float, Format::String]
            .into_iter()
            .find(|format| format.code() == code)
            .ok_or_else(|| Error::internal(format_args!("stored format {code}")))
    }
}

fn value(row: &Row<'_>) -> Result<Resource> {
    Ok(Resource {
        id: row.int(0)?,
        rid: Rid::from_bytes(row.array(1)?),
        kind: Kind::from_code(row.int(2)?)?,
        owner_id: row.int_or_null(3)?,
        format: row.int_or_null(4)?.map(Format::from_code).transpose()?,
        public: row.bool(5)?,
        created_at: row.int(6)?,
        modified_at: row.int(7)?,
        description: row.text(8)?,
    })
}
