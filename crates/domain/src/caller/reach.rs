//! How far a caller of the resource API reaches (contract, rpc.md "Rights").
//!
//! A caller controls its whole subtree, not itself. Outside of it, it may read what is public and what was shared with it. All
//! else is not its own, whether or not it exists.

use model::{Error, Noun, Result, Rid};
use store::table::resource::{self, Kind, Resource};
use store::table::{alias, share_code};
use store::{Subject, Tx};

use super::{CallingClient, Credential, Grant, Right, client};
use crate::data::Series;
use crate::resource::Named;

/// Who calls the resource API: a client as itself, as another of its tree, or with the rights of a grant only.
#[derive(Clone, Debug)]
pub struct Caller {
    id: i64,
    /// The client whose key was shown, or which lent the rights.
    behind: i64,
    grant: Option<Grant>,
}

/// A resource below the caller.
#[derive(Clone, Debug)]
pub struct Controlled {
    row: Resource,
    owner_id: i64,
}

/// The caller, or a client below it.
#[derive(Clone, Debug)]
pub struct ClientWithin {
    row: Resource,
}

/// A series below the caller.
#[derive(Clone, Debug)]
pub struct Writable {
    series: Series,
}

/// A series that the caller may read.
#[derive(Clone, Debug)]
pub struct Readable {
    series: Series,
    rid: Rid,
}

/// A resource of which the caller may know something.
#[derive(Clone, Debug)]
pub struct Seen {
    row: Resource,
    standing: Standing,
}

/// How a caller stands to a resource, by falling authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It owns it directly.
    Owner,
    /// It is it.
    Itself,
    /// It is further up.
    Above,
    /// It may read it.
    Reader,
}

const NOT_ITS_OWN: Error = Error::Forbidden(Noun::Resource);

/// The client whose living CIK this is, unless it is locked.
pub fn calling(tx: &mut Tx<'_>, credential: &Credential) -> Result<Caller> {
    let CallingClient { id } = client(tx, credential)?;
    Ok(Caller { id, behind: id, grant: None })
}

/// The caller of that row id, unless it is locked.
pub(super) fn unlocked(tx: &mut Tx<'_>, id: i64, behind: i64, grant: Option<Grant>) -> Result<Caller> {
    match resource::is_locked(tx, id)? {
        Some(false) => Ok(Caller { id, behind, grant }),
        Some(true) => Err(Error::Locked),
        None => Err(Error::Unauthorized),
    }
}

impl Caller {
    /// Its row id.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The row id of the client whose key was shown: the one that answers for what is done.
    pub fn behind(&self) -> i64 {
        self.behind
    }

    /// Whether it has the rights of a grant only, which never let it learn a key.
    pub fn is_granted(&self) -> bool {
        self.grant.is_some()
    }

    /// The same caller as another client of its tree (`client_id`).
    pub fn as_client(&self, tx: &mut Tx<'_>, rid: Rid) -> Result<Caller> {
        let row = resource::find_by_rid(tx, rid)?.filter(|row| row.kind == Kind::Client).ok_or(Error::Unauthorized)?;
        if !resource::is_within(tx, row.id, self.id)? {
            return Err(Error::Unauthorized);
        }
        unlocked(tx, row.id, self.behind, self.grant.clone())
    }

    /// The same caller as the owner of a resource of its tree (`resource_id`).
    pub fn as_owner_of(&self, tx: &mut Tx<'_>, rid: Rid) -> Result<Caller> {
        let row = resource::find_by_rid(tx, rid)?.ok_or(Error::Unauthorized)?;
        let owner_id = row.owner_id.ok_or(Error::Unauthorized)?;
        if !resource::is_within(tx, owner_id, self.id)? {
            return Err(Error::Unauthorized);
        }
        unlocked(tx, owner_id, self.behind, self.grant.clone())
    }

    /// A resource below it.
    pub fn controlled(&self, tx: &mut Tx<'_>, right: Right, named: &Named) -> Result<Controlled> {
        let row = self.find(tx, named)?;
        let owner_id = row.owner_id.ok_or(NOT_ITS_OWN)?;
        if !self.holds(tx, &row)? {
            return Err(NOT_ITS_OWN);
        }
        self.require_right(tx, right, row.id)?;
        Ok(Controlled { row, owner_id })
    }

    /// Itself, or a client below it.
    pub fn client_within(&self, tx: &mut Tx<'_>, right: Right, named: &Named) -> Result<ClientWithin> {
        let row = self.find(tx, named)?;
        if row.kind != Kind::Client || !(row.id == self.id || self.holds(tx, &row)?) {
            return Err(NOT_ITS_OWN);
        }
        self.require_right(tx, right, row.id)?;
        Ok(ClientWithin { row })
    }

    /// A series below it.
    pub fn writable(&self, tx: &mut Tx<'_>, right: Right, named: &Named) -> Result<Writable> {
        let row = self.controlled(tx, right, named)?.row;
        let series = Series::of(&row).ok_or(NOT_ITS_OWN)?;
        Ok(Writable { series })
    }

    /// A series below it, or one that is public or shared with it.
    pub fn readable(&self, tx: &mut Tx<'_>, right: Right, named: &Named) -> Result<Readable> {
        let row = self.find(tx, named)?;
        let series = Series::of(&row).ok_or(NOT_ITS_OWN)?;
        if !self.holds(tx, &row)? && !self.may_read(tx, &row)? {
            return Err(NOT_ITS_OWN);
        }
        self.require_right(tx, right, row.id)?;
        Ok(Readable { series, rid: row.rid })
    }

    /// Anything that it is, controls or may read.
    pub fn seen(&self, tx: &mut Tx<'_>, right: Right, named: &Named) -> Result<Seen> {
        let row = self.find(tx, named)?;
        let standing = match &row {
            row if row.owner_id == Some(self.id) => Standing::Owner,
            row if row.id == self.id => Standing::Itself,
            row if self.holds(tx, row)? => Standing::Above,
            row if self.may_read(tx, row)? => Standing::Reader,
            _ => return Err(NOT_ITS_OWN),
        };
        self.require_right(tx, right, row.id)?;
        Ok(Seen { row, standing })
    }

    /// What it rests on itself: its key or its lender's, and where it stands in the tree.
    pub fn standing_on(&self, tx: &mut Tx<'_>) -> Result<Vec<Subject>> {
        let above = resource::list_above(tx, self.id)?;
        let places = above.into_iter().take_while(|id| *id != self.behind).map(Subject::Resource);
        Ok(places.chain([Subject::Client(self.id), Subject::Client(self.behind)]).collect())
    }

    /// What its right to read a series depends on: its key, and where both stand in the tree.
    pub fn dependencies(&self, tx: &mut Tx<'_>, readable: &Readable) -> Result<Vec<Subject>> {
        let above = resource::list_above(tx, readable.series.id)?;
        let places = above.into_iter().take_while(|id| *id != self.id).map(Subject::Resource);
        Ok(places.chain([Subject::Client(self.id), Subject::Client(self.behind)]).collect())
    }

    /// Whether it may act on that row id at all, a grant's right included.
    pub fn require_right(&self, tx: &mut Tx<'_>, right: Right, resource_id: i64) -> Result<()> {
        match &self.grant {
            Some(grant) => grant.require(tx, right, resource_id),
            None => Ok(()),
        }
    }

    fn find(&self, tx: &mut Tx<'_>, named: &Named) -> Result<Resource> {
        match named {
            Named::Itself => resource::find(tx, self.id)?.ok_or(NOT_ITS_OWN),
            Named::Rid(rid) => resource::find_by_rid(tx, *rid)?.ok_or(NOT_ITS_OWN),
            Named::Alias(name) => {
                let unknown = Error::Absent(Noun::Alias);
                let id = alias::find(tx, self.id, name.as_str())?.ok_or(unknown.clone())?;
                resource::find(tx, id)?.ok_or(unknown)
            }
        }
    }

    fn holds(&self, tx: &mut Tx<'_>, row: &Resource) -> Result<bool> {
        match row.owner_id {
            Some(owner_id) if owner_id == self.id => Ok(true),
            Some(owner_id) => resource::is_within(tx, owner_id, self.id),
            None => Ok(false),
        }
    }

    fn may_read(&self, tx: &mut Tx<'_>, row: &Resource) -> Result<bool> {
        Ok(row.excerpt.public || share_code::is_activated(tx, self.id, row.id)?)
    }
}

impl Controlled {
    /// Its row.
    pub fn row(&self) -> &Resource {
        &self.row
    }

    /// Its row id.
    pub fn id(&self) -> i64 {
        self.row.id
    }

    /// The row id of the client that owns it.
    pub fn owner_id(&self) -> i64 {
        self.owner_id
    }
}

impl ClientWithin {
    /// Its row.
    pub fn row(&self) -> &Resource {
        &self.row
    }

    /// Its row id.
    pub fn id(&self) -> i64 {
        self.row.id
    }
}

impl Writable {
    /// The series.
    pub fn into_series(self) -> Series {
        self.series
    }
}

impl Readable {
    /// The series.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The series.
    pub fn into_series(self) -> Series {
        self.series
    }

    /// Its public name.
    pub fn rid(&self) -> Rid {
        self.rid
    }
}

impl Seen {
    /// Its row.
    pub fn row(&self) -> &Resource {
        &self.row
    }

    /// How the caller stands to it.
    pub fn standing(&self) -> Standing {
        self.standing
    }
}
