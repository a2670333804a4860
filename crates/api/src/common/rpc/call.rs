//! What can be called, as a value (contract, rpc.md "Procedures").

use domain::caller::Right;
use domain::resource::{Copying, GivenUp, Named, Names, Original, Part, Sought, Visibility, Which};
use model::{Alias, Cik, Meta, Rid, Seconds, ShareCode, UnixSeconds};
use serde_json::{Map, Value as Json};
use store::table::resource::Kind;
use store::table::usage::Metric;

/// One call, read.
#[derive(Clone)]
pub enum Call {
    /// Points of a window.
    Read(Named, Window),
    /// A value, now.
    Write(Named, Json),
    /// Several values at one second.
    WriteGroup(Vec<(Named, Json)>),
    /// Points of the past: all of them, or none.
    Record(Named, Vec<(UnixSeconds, Json)>),
    /// Points of the past: the good ones.
    RecordBatch(Named, Vec<(Json, Json)>),
    /// Away with points.
    Flush(Named, Ends),
    /// The next value.
    Wait(Named, Wait),
    /// A new resource.
    Create(Named, Kind, Map<String, Json>),
    /// A copy of a client.
    Clone(Named, Original, Copying),
    /// Another description.
    Update(Named, Map<String, Json>),
    /// What is known.
    Info(Named, Vec<Part>),
    /// RIDs by kind.
    Listing(Named, Vec<Kind>, Listed),
    /// Away with a resource.
    Drop(Named),
    /// To another client.
    Move(Named, Named, Names),
    /// What was used in a time.
    Usage(Named, Metric, UnixSeconds, UnixSeconds),
    /// A name for a resource.
    Map(Named, Named, Alias),
    /// Away with a name.
    Unmap(Named, Alias),
    /// A RID.
    Lookup(Named, Sought),
    /// A new code.
    Share(Named, Meta),
    /// Another text for a code.
    DescribeShare(Named, ShareCode, Meta),
    /// A key works, or a code.
    Activate(Named, Key),
    /// A key is dead, or a code given up.
    Deactivate(Named, Deactivated),
    /// A key is replaced, or a code dead.
    Revoke(Key),
    /// A token with some rights for some time.
    Grant(Named, Vec<(Rid, Vec<Right>)>, Seconds),
    /// A text is kept.
    Comment(Named, Visibility, String),
}

/// What `read` takes, before the defaults that depend on the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first second.
    pub start: UnixSeconds,
    /// The last second; the present one where it is not given.
    pub end: Option<UnixSeconds>,
    /// Newest first, or oldest.
    pub descending: bool,
    /// How many points at most.
    pub limit: u64,
    /// Which of them.
    pub selection: Selection,
}

/// Which points of a window are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The first in order.
    All,
    /// One of each of so many equal parts.
    GivenWindow,
    /// So many, spread evenly.
    AutoWindow,
}

/// The open ends of what is flushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Points after this.
    pub newer_than: Option<UnixSeconds>,
    /// Points before this.
    pub older_than: Option<UnixSeconds>,
}

/// How long to wait, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long.
    pub timeout_ms: u64,
    /// For a value after this; for one that is written after the call where it is not given.
    pub since: Option<UnixSeconds>,
}

/// How a listing is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// As an object of lists.
    ByKind(Which),
    /// As a list of lists, in the order that was asked: the old form.
    InOrder,
}

/// A key of a client, or the code of a share.
#[derive(Clone)]
pub enum Key {
    /// Of a client.
    Client(Cik),
    /// Of a share.
    Share(ShareCode),
}

/// What is given up.
#[derive(Clone)]
pub enum Deactivated {
    /// A client's key.
    Client(Cik),
    /// A code, or all codes of a resource.
    Share(GivenUp),
}

/// Where a call may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It only reads.
    Reader,
    /// It may write.
    Writer,
    /// It waits for others to write.
    Nowhere,
}

impl Call {
    /// Where it may run.
    pub fn place(&self) -> Place {
        match self {
            Call::Read(..) | Call::Info(..) | Call::Listing(..) | Call::Lookup(..) | Call::Usage(..) => Place::Reader,
            Call::Wait(..) => Place::Nowhere,
            _ => Place::Writer,
        }
    }

    /// Whether it looks up a few rows only.
    pub fn is_short(&self) -> bool {
        match self {
            Call::Read(_, window) => window.limit <= 100 && window.selection == Selection::All,
            Call::Lookup(..) => true,
            _ => false,
        }
    }
}
