//! Table `resource`: the ownership tree. Whatever changes a row touches its resource, because caches and waiting requests
//! hold what it says.

use model::{Error, Result, Rid, Seconds, UnixSeconds};

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
    /// What its description says that is asked for often.
    pub excerpt: Excerpt,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it came to its present owner.
    pub owned_at: UnixSeconds,
    /// When its description was changed last.
    pub modified_at: UnixSeconds,
    /// JSON text.
    pub description: String,
}

/// The parts of a description that have columns of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Readable by any client.
    pub public: bool,
    /// A client that may not call, a dispatch that sends nothing.
    pub locked: bool,
    /// Values are changed before they are stored.
    pub preprocessed: bool,
    /// What it subscribes to.
    pub subscription: Option<Subscription>,
    /// How many values are kept; all where there is none.
    pub kept_count: Option<i64>,
    /// For how many seconds values are kept; for ever where there is none.
    pub kept_s: Option<Seconds>,
}

/// An edge along which values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Where they come from.
    pub publisher_id: i64,
    /// The client with whose rights they are taken.
    pub by: i64,
}

const INSERT: &str = "
    INSERT INTO resource (
        id, rid, kind, owner_id, format, created_at, owned_at, modified_at, description,
        public, locked, preprocessed, publisher_id, subscribed_by, kept_count, kept_s
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

/// Adds a resource.
pub fn insert(tx: &mut Tx<'_>, resource: &Resource) -> Result<()> {
    let params = params![
        resource.id,
        resource.rid.as_bytes(),
        resource.kind.code(),
        resource.owner_id,
        resource.format.map(Format::code),
        resource.created_at,
        resource.owned_at,
        resource.modified_at,
        &resource.description,
        resource.excerpt.public,
        resource.excerpt.locked,
        resource.excerpt.preprocessed,
        resource.excerpt.subscription.map(|edge| edge.publisher_id),
        resource.excerpt.subscription.map(|edge| edge.by),
        resource.excerpt.kept_count,
        resource.excerpt.kept_s,
    ];
    tx.execute(INSERT, params).map(|_| ())
}

const FIND: &str = "
    SELECT id, rid, kind, owner_id, format, created_at, owned_at, modified_at, description,
        public, locked, preprocessed, publisher_id, subscribed_by, kept_count, kept_s
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

const ROOT: &str = "SELECT id FROM resource WHERE owner_id IS NULL ORDER BY id LIMIT 1";

/// The row id of the client above all.
pub fn find_root(tx: &mut Tx<'_>) -> Result<Option<i64>> {
    tx.find(ROOT, params![], |row| row.int(0))
}

const IS_LOCKED: &str = "SELECT locked FROM resource WHERE id = $1";

/// Whether a client may not call; None when it is gone.
pub fn is_locked(tx: &mut Tx<'_>, id: i64) -> Result<Option<bool>> {
    tx.find(IS_LOCKED, params![id], |row| row.bool(0))
}

const CHILDREN: &str = "
    SELECT id, rid, kind, owner_id, format, created_at, owned_at, modified_at, description,
        public, locked, preprocessed, publisher_id, subscribed_by, kept_count, kept_s
    FROM resource
    WHERE owner_id = $1
    ORDER BY id";

/// What a client owns directly, in the order of making.
pub fn children(tx: &mut Tx<'_>, owner_id: i64) -> Result<Vec<Resource>> {
    tx.list(CHILDREN, params![owner_id], value)
}

const CHILDREN_OF_KIND: &str = "
    SELECT id, rid
    FROM resource
    WHERE owner_id = $1 AND kind = $2
    ORDER BY id
    LIMIT $3";

/// What a client owns directly of one kind, in the order of making, at most that many: (row id, RID).
pub fn children_of_kind(tx: &mut Tx<'_>, owner_id: i64, kind: Kind, limit: i64) -> Result<Vec<(i64, Rid)>> {
    tx.list(CHILDREN_OF_KIND, params![owner_id, kind.code(), limit], id_and_rid)
}

const PUBLIC: &str = "
    SELECT id, rid
    FROM resource
    WHERE kind = $1 AND public
    ORDER BY id
    LIMIT $2";

/// What is public of one kind, at most that many: (row id, RID).
pub fn list_public(tx: &mut Tx<'_>, kind: Kind, limit: i64) -> Result<Vec<(i64, Rid)>> {
    tx.list(PUBLIC, params![kind.code(), limit], id_and_rid)
}

const COUNT_CHILDREN: &str = "
    SELECT kind, count(*)
    FROM resource
    WHERE owner_id = $1
    GROUP BY kind";

/// How many of each kind a client owns directly.
pub fn count_children(tx: &mut Tx<'_>, owner_id: i64) -> Result<Vec<(Kind, i64)>> {
    tx.list(COUNT_CHILDREN, params![owner_id], |row| Ok((Kind::from_code(row.int(0)?)?, row.int(1)?)))
}

const COUNT_BELOW: &str = "
    WITH RECURSIVE below (id, kind) AS (
        SELECT id, kind FROM resource WHERE owner_id = $1
        UNION ALL
        SELECT child.id, child.kind FROM resource child JOIN below ON child.owner_id = below.id
    )
    SELECT kind, count(*)
    FROM below
    GROUP BY kind";

/// How many of each kind are below a client.
pub fn count_below(tx: &mut Tx<'_>, client_id: i64) -> Result<Vec<(Kind, i64)>> {
    tx.list(COUNT_BELOW, params![client_id], |row| Ok((Kind::from_code(row.int(0)?)?, row.int(1)?)))
}

const SUBSCRIBERS: &str = "
    SELECT id, rid, kind, owner_id, format, created_at, owned_at, modified_at, description,
        public, locked, preprocessed, publisher_id, subscribed_by, kept_count, kept_s
    FROM resource
    WHERE publisher_id = $1
    ORDER BY id
    LIMIT $2";

/// What subscribes to a resource, in the order of making, at most that many.
pub fn subscribers(tx: &mut Tx<'_>, publisher_id: i64, limit: i64) -> Result<Vec<Resource>> {
    tx.list(SUBSCRIBERS, params![publisher_id, limit], value)
}

const DEPTH: &str = "
    WITH RECURSIVE above (id, owner_id) AS (
        SELECT id, owner_id FROM resource WHERE id = $1
        UNION ALL
        SELECT owner.id, owner.owner_id FROM resource owner JOIN above ON owner.id = above.owner_id
    )
    SELECT count(*) FROM above";

/// How many clients one meets from a client up to the root, both included.
pub fn depth(tx: &mut Tx<'_>, id: i64) -> Result<i64> {
    tx.one(DEPTH, params![id], |row| row.int(0))
}

const HEIGHT: &str = "
    WITH RECURSIVE below (id, level) AS (
        SELECT id, 1 FROM resource WHERE id = $1 AND kind = 1
        UNION ALL
        SELECT child.id, below.level + 1
        FROM resource child JOIN below ON child.owner_id = below.id
        WHERE child.kind = 1
    )
    SELECT coalesce(max(level), 0) FROM below";

/// How many clients there are on the longest way down from a resource, itself included.
pub fn height(tx: &mut Tx<'_>, id: i64) -> Result<i64> {
    tx.one(HEIGHT, params![id], |row| row.int(0))
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

const ABOVE: &str = "
    WITH RECURSIVE above (id, owner_id, level) AS (
        SELECT id, owner_id, 0 FROM resource WHERE id = $1
        UNION ALL
        SELECT owner.id, owner.owner_id, above.level + 1 FROM resource owner JOIN above ON owner.id = above.owner_id
    )
    SELECT id FROM above ORDER BY level";

/// The row ids of a resource and of all above it, the root last.
pub fn list_above(tx: &mut Tx<'_>, id: i64) -> Result<Vec<i64>> {
    tx.list(ABOVE, params![id], |row| row.int(0))
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

/// How much of a series is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The resource's row id.
    pub id: i64,
    /// So many values, where that is limited.
    pub count: Option<i64>,
    /// For so many seconds, where that is limited.
    pub seconds: Option<Seconds>,
}

const KEPT: &str = "
    SELECT id, kept_count, kept_s
    FROM resource
    WHERE (kept_count IS NOT NULL OR kept_s IS NOT NULL)
        AND id > $1
    ORDER BY id
    LIMIT $2";

/// The resources from a row id on that do not keep all their values.
pub fn list_kept(tx: &mut Tx<'_>, after_id: i64, limit: i64) -> Result<Vec<Kept>> {
    let kept = |row: &Row<'_>| Ok(Kept { id: row.int(0)?, count: row.int_or_null(1)?, seconds: row.int_or_null(2)? });
    tx.list(KEPT, params![after_id, limit], kept)
}

const DELETE: &str = "DELETE FROM resource WHERE id = $1";

/// Removes the row, and nothing that it owns.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    tx.touch(Subject::Resource(id));
    Ok(tx.execute(DELETE, params![id])? == 1)
}

const DESCRIBE: &str = "
    UPDATE resource
    SET description = $1, modified_at = $2, public = $3, locked = $4, preprocessed = $5,
        publisher_id = $6, subscribed_by = $7, kept_count = $8, kept_s = $9
    WHERE id = $10";

/// Replaces the description.
pub fn describe(tx: &mut Tx<'_>, id: i64, description: &str, excerpt: &Excerpt) -> Result<()> {
    let params = params![
        description,
        tx.now(),
        excerpt.public,
        excerpt.locked,
        excerpt.preprocessed,
        excerpt.subscription.map(|edge| edge.publisher_id),
        excerpt.subscription.map(|edge| edge.by),
        excerpt.kept_count,
        excerpt.kept_s,
        id,
    ];
    tx.touch(Subject::Resource(id));
    tx.execute(DESCRIBE, params).map(|_| ())
}

const SET_OWNER: &str = "UPDATE resource SET owner_id = $1, owned_at = $2 WHERE id = $3";

/// Gives a resource to another owner.
pub fn set_owner(tx: &mut Tx<'_>, id: i64, owner_id: i64) -> Result<()> {
    let now = tx.now();
    tx.touch(Subject::Resource(id));
    tx.execute(SET_OWNER, params![owner_id, now, id]).map(|_| ())
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

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Kind> {
        [Kind::Client, Kind::Dataport, Kind::Datarule, Kind::Dispatch].into_iter().find(|kind| kind.word() == word)
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

fn id_and_rid(row: &Row<'_>) -> Result<(i64, Rid)> {
    Ok((row.int(0)?, Rid::from_bytes(row.array(1)?)))
}

fn value(row: &Row<'_>) -> Result<Resource> {
    Ok(Resource {
        id: row.int(0)?,
        rid: Rid::from_bytes(row.array(1)?),
        kind: Kind::from_code(row.int(2)?)?,
        owner_id: row.int_or_null(3)?,
        format: row.int_or_null(4)?.map(Format::from_code).transpose()?,
        created_at: row.int(5)?,
        owned_at: row.int(6)?,
        modified_at: row.int(7)?,
        description: row.text(8)?,
        excerpt: Excerpt {
            public: row.bool(9)?,
            locked: row.bool(10)?,
            preprocessed: row.bool(11)?,
            subscription: match (row.int_or_null(12)?, row.int_or_null(13)?) {
                (Some(publisher_id), Some(by)) => Some(Subscription { publisher_id, by }),
                _ => None,
            },
            kept_count: row.int_or_null(14)?,
            kept_s: row.int_or_null(15)?,
        },
    })
}
