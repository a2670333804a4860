//! Table `membership`: which serial numbers, contents and groups a group holds, and until when.

use model::{ContentId, Error, GroupId, Meta, Page, Result, SerialNumber, UnixSeconds};

use crate::{Row, Tx, params};

/// A member by its type and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    /// `sn`
    SerialNumber(SerialNumber),
    /// `content`
    Content(ContentId),
    /// `group`
    Group(GroupId),
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    /// Who is in the group.
    pub member: Member,
    /// From that second on it is not; 0 is never.
    pub expires_at: UnixSeconds,
    /// The vendor's text.
    pub meta: Meta,
}

const PUT: &str = "
    INSERT INTO membership (model_id, group_id, kind, member_id, expires_at, meta)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (model_id, group_id, kind, member_id) DO UPDATE
    SET expires_at = excluded.expires_at, meta = excluded.meta";

/// Adds a member, or gives it another end and meta.
pub fn put(tx: &mut Tx<'_>, model_id: i64, group: &GroupId, membership: &Membership) -> Result<()> {
    let (kind, id) = membership.member.columns();
    let params = params![model_id, group.as_str(), kind, id, membership.expires_at, membership.meta.as_str()];
    tx.execute(PUT, params).map(|_| ())
}

const DELETE: &str = "
    DELETE FROM membership
    WHERE model_id = $1 AND group_id = $2 AND kind = $3 AND member_id = $4";

/// Removes a member from a group. False when it was none.
pub fn delete(tx: &mut Tx<'_>, model_id: i64, group: &GroupId, member: &Member) -> Result<bool> {
    let (kind, id) = member.columns();
    Ok(tx.execute(DELETE, params![model_id, group.as_str(), kind, id])? == 1)
}

const COUNT: &str = "SELECT count(*) FROM membership WHERE model_id = $1 AND group_id = $2";

/// How many members a group has.
pub fn count(tx: &mut Tx<'_>, model_id: i64, group: &GroupId) -> Result<i64> {
    tx.one(COUNT, params![model_id, group.as_str()], |row| row.int(0))
}

const LIST: &str = "
    SELECT kind, member_id, expires_at, meta
    FROM membership
    WHERE model_id = $1
        AND group_id = $2
        AND ($3 = 0 OR kind = $3)
        AND ($4 = '' OR member_id = $4)
    ORDER BY kind, member_id
    LIMIT $5 OFFSET $6";

/// A page of a group's members, perhaps of one kind or one id only.
pub fn list(
    tx: &mut Tx<'_>,
    model_id: i64,
    group: &GroupId,
    kind: Option<MemberKind>,
    id: Option<&str>,
    page: Page,
) -> Result<Vec<Membership>> {
    let kind = kind.map_or(0, MemberKind::code);
    let id = id.unwrap_or("");
    let params = params![model_id, group.as_str(), kind, id, i64::from(page.limit), page.offset as i64];
    tx.list(LIST, params, value)
}

const LIST_GROUPS: &str = "
    SELECT group_id
    FROM membership
    WHERE model_id = $1 AND kind = $2 AND member_id = $3
    ORDER BY group_id
    LIMIT $4 OFFSET $5";

/// A page of the groups that hold a member directly.
pub fn list_groups(tx: &mut Tx<'_>, model_id: i64, member: &Member, page: Page) -> Result<Vec<GroupId>> {
    let (kind, id) = member.columns();
    let params = params![model_id, kind, id, i64::from(page.limit), page.offset as i64];
    tx.list(LIST_GROUPS, params, |row| Ok(GroupId::from_stored(row.text(0)?)))
}

const LIST_OF_MEMBER: &str = "
    SELECT group_id, expires_at
    FROM membership
    WHERE model_id = $1 AND kind = $2 AND member_id = $3
    ORDER BY group_id";

/// The groups that hold a member directly, each with the second from which on it does not; 0 is never.
pub fn list_of_member(tx: &mut Tx<'_>, model_id: i64, member: &Member) -> Result<Vec<(GroupId, UnixSeconds)>> {
    let (kind, id) = member.columns();
    tx.list(LIST_OF_MEMBER, params![model_id, kind, id], |row| Ok((GroupId::from_stored(row.text(0)?), row.int(1)?)))
}

/// The groups above a number or a content, itself not counted, as of an instant: followed upwards through memberships
/// that have not ended. UNION makes cycles harmless.
const ABOVE: &str = "
    WITH RECURSIVE above (group_id) AS (
        SELECT group_id
        FROM membership
        WHERE model_id = $1 AND kind = $2 AND member_id = $3 AND (expires_at = 0 OR expires_at > $4)
        UNION
        SELECT m.group_id
        FROM membership m
        JOIN above ON m.member_id = above.group_id
        WHERE m.model_id = $1 AND m.kind = 3 AND (m.expires_at = 0 OR m.expires_at > $4)
    )
    SELECT group_id FROM above";

/// All groups that hold a member, directly or through other groups, now.
pub fn list_above(tx: &mut Tx<'_>, model_id: i64, member: &Member) -> Result<Vec<String>> {
    let (kind, id) = member.columns();
    let now = tx.now();
    tx.list(ABOVE, params![model_id, kind, id, now], |row| row.text(0))
}

const NEXT_END: &str = "
    SELECT min(expires_at)
    FROM membership
    WHERE model_id = $1 AND expires_at > $2";

/// The next instant at which some membership of the model ends.
pub fn next_end(tx: &mut Tx<'_>, model_id: i64) -> Result<Option<UnixSeconds>> {
    let now = tx.now();
    tx.one(NEXT_END, params![model_id, now], |row| row.int_or_null(0))
}

const DELETE_MEMBER: &str = "DELETE FROM membership WHERE model_id = $1 AND kind = $2 AND member_id = $3";

/// Removes a member from all groups of a model.
pub fn delete_member(tx: &mut Tx<'_>, model_id: i64, member: &Member) -> Result<u64> {
    let (kind, id) = member.columns();
    tx.execute(DELETE_MEMBER, params![model_id, kind, id])
}

const DELETE_MEMBERS: &str = "DELETE FROM membership WHERE model_id = $1 AND group_id = $2";

/// Empties a group.
pub fn delete_members(tx: &mut Tx<'_>, model_id: i64, group: &GroupId) -> Result<()> {
    tx.execute(DELETE_MEMBERS, params![model_id, group.as_str()]).map(|_| ())
}

const DELETE_OF: &str = "DELETE FROM membership WHERE model_id = $1";

/// Empties all groups of a model.
pub fn delete_of(tx: &mut Tx<'_>, model_id: i64) -> Result<()> {
    tx.execute(DELETE_OF, params![model_id]).map(|_| ())
}

/// The type of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemberKind {
    /// `sn`
    SerialNumber,
    /// `content`
    Content,
    /// `group`
    Group,
}

impl MemberKind {
    /// All three.
    pub const ALL: [MemberKind; 3] = [MemberKind::SerialNumber, MemberKind::Content, MemberKind::Group];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            MemberKind::SerialNumber => "sn",
            MemberKind::Content => "content",
            MemberKind::Group => "group",
        }
    }

    fn code(self) -> i64 {
        match self {
            MemberKind::SerialNumber => 1,
            MemberKind::Content => 2,
            MemberKind::Group => 3,
        }
    }
}

impl Member {
    /// Its type.
    pub fn kind(&self) -> MemberKind {
        match self {
            Member::SerialNumber(_) => MemberKind::SerialNumber,
            Member::Content(_) => MemberKind::Content,
            Member::Group(_) => MemberKind::Group,
        }
    }

    /// Its name within its type.
    pub fn id(&self) -> &str {
        match self {
            Member::SerialNumber(id) => id.as_str(),
            Member::Content(id) => id.as_str(),
            Member::Group(id) => id.as_str(),
        }
    }

    fn columns(&self) -> (i64, &str) {
        (self.kind().code(), self.id())
    }
}

fn value(row: &Row<'_>) -> Result<Membership> {
    let id = row.text(1)?;
    let member = match row.int(0)? {
        1 => Member::SerialNumber(SerialNumber::from_stored(id)),
        2 => Member::Content(ContentId::from_stored(id)),
        3 => Member::Group(GroupId::from_stored(id)),
        kind => return Err(Error::internal(format_args!("stored member kind {kind}"))),
    };
    Ok(Membership { member, expires_at: row.int(2)?, meta: Meta::from_stored(row.text(3)?) })
}
