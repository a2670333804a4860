//! Groups of serial numbers, contents and other groups (contract, manage.md "Groups").

use model::{Error, Field, GroupId, Meta, Noun, Page, Result};
use store::table::membership::{self, Member, MemberKind, Membership};
use store::table::{content, member_group};
use store::{Subject, Tx};

use super::number;
use crate::caller::{ModelView, OwnedModel};

/// A member to be added or given another end.
pub type MemberChange = Membership;

/// A page of the groups, by id.
pub fn groups(tx: &mut Tx<'_>, model: &ModelView, page: Page) -> Result<Vec<(GroupId, Meta)>> {
    member_group::list(tx, model.id(), page)
}

/// Makes an empty group.
pub fn create_group(tx: &mut Tx<'_>, model: &OwnedModel, id: &GroupId, meta: &Meta) -> Result<()> {
    if !member_group::insert(tx, model.id(), id, meta)? {
        return Err(Error::Exists(Noun::Group, None));
    }
    Ok(())
}

/// Deletes a group; its members are no longer in it, and it is in no other.
pub fn delete_group(tx: &mut Tx<'_>, model: &OwnedModel, id: &GroupId) -> Result<()> {
    if !member_group::delete(tx, model.id(), id)? {
        return Err(Error::Absent(Noun::Group));
    }
    membership::delete_members(tx, model.id(), id)?;
    membership::delete_member(tx, model.id(), &Member::Group(id.clone()))?;
    tx.touch(Subject::Model(model.id()));
    Ok(())
}

/// The meta of a group, and how many members it has.
pub fn group_info(tx: &mut Tx<'_>, model: &ModelView, id: &GroupId) -> Result<(Meta, i64)> {
    let meta = require(tx, model, id)?;
    Ok((meta, membership::count(tx, model.id(), id)?))
}

/// A page of the groups that hold a group directly.
pub fn groups_of_group(tx: &mut Tx<'_>, model: &ModelView, id: &GroupId, page: Page) -> Result<Vec<GroupId>> {
    require(tx, model, id)?;
    membership::list_groups(tx, model.id(), &Member::Group(id.clone()), page)
}

/// A page of a group's members.
pub fn members(
    tx: &mut Tx<'_>,
    model: &ModelView,
    id: &GroupId,
    kind: Option<MemberKind>,
    member: Option<&str>,
    page: Page,
) -> Result<Vec<Membership>> {
    require(tx, model, id)?;
    membership::list(tx, model.id(), id, kind, member, page)
}

/// Adds members, or gives members another end and meta: all of them or, when one does not exist, none.
pub fn add_members(tx: &mut Tx<'_>, model: &OwnedModel, id: &GroupId, members: &[MemberChange]) -> Result<()> {
    require(tx, model, id)?;
    for membership in members {
        require_member(tx, model, &membership.member)?;
        membership::put(tx, model.id(), id, membership)?;
    }
    tx.touch(Subject::Model(model.id()));
    Ok(())
}

/// Removes members; those that are none are fine.
pub fn remove_members(tx: &mut Tx<'_>, model: &OwnedModel, id: &GroupId, members: &[Member]) -> Result<()> {
    require(tx, model, id)?;
    for member in members {
        membership::delete(tx, model.id(), id, member)?;
    }
    tx.touch(Subject::Model(model.id()));
    Ok(())
}

fn require(tx: &mut Tx<'_>, model: &ModelView, id: &GroupId) -> Result<Meta> {
    member_group::find(tx, model.id(), id)?.ok_or(Error::Absent(Noun::Group))
}

/// A member must exist; a number that only a range covers gets its row by being named here.
fn require_member(tx: &mut Tx<'_>, model: &OwnedModel, member: &Member) -> Result<()> {
    let exists = match member {
        Member::SerialNumber(sn) => match number::require_row(tx, &model.clone().numbers(), sn) {
            Err(Error::Absent(_)) => false,
            other => other.map(|()| true)?,
        },
        Member::Content(id) => content::find(tx, model.id(), id)?.is_some(),
        Member::Group(id) => member_group::find(tx, model.id(), id)?.is_some(),
    };
    if exists { Ok(()) } else { Err(Error::Malformed(Field("id"))) }
}
