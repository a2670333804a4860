//! What is known of a resource (contract, rpc.md `info`).

use model::{Cik, Error, Result, Rid, ShareCode, Status, UnixSeconds};
use serde_json::{Map, Value as Json};
use store::Tx;
use store::table::client::{self, State};
use store::table::event::{self, Verb};
use store::table::point::{self, Storage};
use store::table::resource::{self, Kind, Resource};
use store::table::{alias, comment, share_code, vendor};

use super::Description;
use super::comment::Visibility;
use super::tally::{Scope, Tally, tally};
use crate::Settings;
use crate::caller::{Caller, Seen, Standing};
use crate::key;
use crate::processing::Rule;
use crate::provision::log;

/// Something that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the key of its name")]
pub enum Part {
    Aliases,
    Basic,
    Comments,
    Counts,
    Description,
    Key,
    Shares,
    Storage,
    Subscribers,
    Tagged,
    Tags,
    Usage,
}

/// What was answered.
#[derive(Clone)]
pub enum Fact {
    /// The names of a client's resources, or those of the resource itself.
    Aliases(Vec<(Rid, Vec<String>)>),
    /// What it is and how it is.
    Basic(Basic),
    /// Texts kept with it.
    Comments(Vec<(Visibility, String)>),
    /// How much a client holds itself.
    Counts(Tally),
    /// What is said of it.
    Description(Json),
    /// A client's key.
    Key(Cik),
    /// The codes by which others may read it.
    Shares(Vec<Share>),
    /// What a series holds.
    Storage(Storage),
    /// What subscribes to it.
    Subscribers(Vec<(Kind, Rid)>),
    /// Reserved.
    Tagged,
    /// Reserved.
    Tags,
    /// How much a client's subtree holds.
    Usage(Tally),
}

/// What a resource is and how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basic {
    /// What it is.
    pub kind: Kind,
    /// When its description was changed last.
    pub modified_at: UnixSeconds,
    /// The state of a client, a dispatch, or a rule that is not run.
    pub state: Option<Standstill>,
    /// How many resources subscribe to it.
    pub subscribers: usize,
    /// When a client's key began to work.
    pub activated_at: Option<UnixSeconds>,
}

/// Whether something works, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standstill {
    /// As its key stands.
    Key(Status),
    /// It is locked.
    Locked,
    /// It sends.
    Works,
    /// A script, which is kept and not run.
    NotRun,
}

/// A code of a resource.
#[derive(Clone)]
pub struct Share {
    /// The code.
    pub code: ShareCode,
    /// The client that activated it.
    pub activator: Option<Rid>,
    /// The owner's text.
    pub meta: String,
}

/// Subscribers named at most.
const MOST_SUBSCRIBERS: i64 = 10_000;
/// What one who may only read a resource learns of its description.
const READABLE_FIELDS: [&str; 5] = ["format", "meta", "name", "public", "retention"];

impl Part {
    /// Each with its word.
    pub const ALL: [(Part, &'static str); 12] = [
        (Part::Aliases, "aliases"),
        (Part::Basic, "basic"),
        (Part::Comments, "comments"),
        (Part::Counts, "counts"),
        (Part::Description, "description"),
        (Part::Key, "key"),
        (Part::Shares, "shares"),
        (Part::Storage, "storage"),
        (Part::Subscribers, "subscribers"),
        (Part::Tagged, "tagged"),
        (Part::Tags, "tags"),
        (Part::Usage, "usage"),
    ];

    /// Whether one who stands so to a resource may know this of it.
    fn is_known_to(self, standing: Standing, is_granted: bool) -> bool {
        match self {
            Part::Basic | Part::Comments | Part::Description | Part::Storage | Part::Tags => true,
            Part::Aliases | Part::Counts | Part::Subscribers | Part::Tagged | Part::Usage => {
                standing != Standing::Reader
            }
            Part::Shares => standing != Standing::Reader && !is_granted,
            Part::Key => standing == Standing::Owner && !is_granted,
        }
    }

    /// Whether a resource of that kind has it.
    fn belongs_to(self, kind: Kind) -> bool {
        match self {
            Part::Counts | Part::Key | Part::Usage => kind == Kind::Client,
            Part::Storage => kind != Kind::Client,
            _ => true,
        }
    }
}

/// What is asked, as far as there is such a thing and the caller may know it.
pub fn info(tx: &mut Tx<'_>, settings: &Settings, caller: &Caller, seen: &Seen, parts: &[Part]) -> Result<Vec<Fact>> {
    let (row, standing) = (seen.row(), seen.standing());
    let mut facts = Vec::with_capacity(parts.len());
    for part in parts {
        if part.belongs_to(row.kind) && part.is_known_to(standing, caller.is_granted()) {
            if matches!(part, Part::Key | Part::Shares) && is_concealed(tx, settings, row)? {
                continue;
            }
            facts.push(fact(tx, caller, row, standing, *part)?);
        }
    }
    Ok(facts)
}

fn fact(tx: &mut Tx<'_>, caller: &Caller, row: &Resource, standing: Standing, part: Part) -> Result<Fact> {
    Ok(match part {
        Part::Aliases => Fact::Aliases(aliases(tx, row)?),
        Part::Basic => Fact::Basic(basic(tx, row)?),
        Part::Comments => Fact::Comments(comments(tx, row, standing)?),
        Part::Counts => Fact::Counts(tally(tx, row.id, Scope::Own)?),
        Part::Description => Fact::Description(description(row, standing)?),
        Part::Key => Fact::Key(show_key(tx, caller, row)?),
        Part::Shares => Fact::Shares(shares(tx, row)?),
        Part::Storage => Fact::Storage(point::storage(tx, row.id)?),
        Part::Subscribers => Fact::Subscribers(subscribers(tx, row)?),
        Part::Tagged => Fact::Tagged,
        Part::Tags => Fact::Tags,
        Part::Usage => Fact::Usage(tally(tx, row.id, Scope::Subtree)?),
    })
}

/// Whether a vendor above the resource, or the resource itself, keeps its secrets to itself.
fn is_concealed(tx: &mut Tx<'_>, settings: &Settings, row: &Resource) -> Result<bool> {
    if settings.no_reveal.is_empty() {
        return Ok(false);
    }
    for id in resource::list_above(tx, row.id)? {
        if vendor::find(tx, id)?.is_some_and(|vendor| settings.conceals(&vendor.name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn aliases(tx: &mut Tx<'_>, row: &Resource) -> Result<Vec<(Rid, Vec<String>)>> {
    if row.kind != Kind::Client {
        let names: Vec<String> = alias::list_of(tx, row.id)?.into_iter().map(|(_, name)| name).collect();
        return Ok(if names.is_empty() { Vec::new() } else { vec![(row.rid, names)] });
    }
    let mut by_target = std::collections::BTreeMap::<i64, Vec<String>>::new();
    for (name, target) in alias::list(tx, row.id)? {
        by_target.entry(target).or_default().push(name);
    }
    let mut named = Vec::with_capacity(by_target.len());
    for (target, names) in by_target {
        named.extend(resource::find(tx, target)?.map(|target| (target.rid, names)));
    }
    Ok(named)
}

fn basic(tx: &mut Tx<'_>, row: &Resource) -> Result<Basic> {
    let subscribers = resource::subscribers(tx, row.id, MOST_SUBSCRIBERS)?.len();
    let key = client::find(tx, row.id)?;
    let state = match (row.kind, &key) {
        (Kind::Client | Kind::Dispatch, _) if row.excerpt.locked => Some(Standstill::Locked),
        (Kind::Client, Some(key)) => Some(Standstill::Key(key.status(tx.now()))),
        (Kind::Dispatch, _) => Some(Standstill::Works),
        (Kind::Datarule, _) if Description::stored(row)?.rule()? == Rule::Script => Some(Standstill::NotRun),
        _ => None,
    };
    let activated_at = match key {
        Some(key) if key.state == State::NotActivated => None,
        Some(key) => match key.answer_id {
            Some(answer) => event::find(tx, answer)?.map(|answer| answer.at),
            None => Some(row.created_at),
        },
        None => None,
    };
    Ok(Basic { kind: row.kind, modified_at: row.modified_at, state, subscribers, activated_at })
}

fn comments(tx: &mut Tx<'_>, row: &Resource, standing: Standing) -> Result<Vec<(Visibility, String)>> {
    let is_private_known = standing != Standing::Reader;
    let kept = comment::list(tx, row.id)?.into_iter();
    let known = kept.filter(|(public, _)| *public || is_private_known);
    Ok(known.map(|(public, text)| (if public { Visibility::Public } else { Visibility::Private }, text)).collect())
}

fn description(row: &Resource, standing: Standing) -> Result<Json> {
    let mut description = Description::stored(row)?.into_json();
    if standing == Standing::Reader {
        let known: Map<String, Json> = READABLE_FIELDS
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), description.get_mut(name)?.take())))
            .collect();
        return Ok(Json::Object(known));
    }
    Ok(description)
}

/// A key that is shown is written down first.
fn show_key(tx: &mut Tx<'_>, caller: &Caller, row: &Resource) -> Result<Cik> {
    tx.require_writing()?;
    let sealed = client::sealed_key(tx, row.id)?.ok_or_else(|| Error::internal("a client without a key"))?;
    log::note(tx, Verb::KeyShown, Some(caller.behind()), Some(&row.rid.to_string()))?;
    key::open(tx, row.id, &sealed)
}

fn shares(tx: &mut Tx<'_>, row: &Resource) -> Result<Vec<Share>> {
    let mut shares = Vec::new();
    for (share, sealed) in share_code::list_of(tx, row.id)? {
        let activator = match share.activated_by {
            Some(id) => resource::find(tx, id)?.map(|client| client.rid),
            None => None,
        };
        shares.push(Share { code: key::open(tx, share.id, &sealed)?, activator, meta: share.meta });
    }
    Ok(shares)
}

fn subscribers(tx: &mut Tx<'_>, row: &Resource) -> Result<Vec<(Kind, Rid)>> {
    let subscribers = resource::subscribers(tx, row.id, MOST_SUBSCRIBERS)?;
    Ok(subscribers.into_iter().map(|subscriber| (subscriber.kind, subscriber.rid)).collect())
}
