//! Cloning a client with all that it owns (contract, manage.md "The clone copies …"; rpc.md `create` "clone").
//!
//! What the copied tree says of itself (subscriptions, operands, RIDs in scripts) points at the copies: every RID of the
//! original tree that stands in a copied description is replaced by the RID of its copy.

use std::collections::HashMap;

use model::{Error, Noun, Result, Rid, ShareCode, UnixSeconds};
use serde_json::{Map, Value as Json};
use store::Tx;
use store::table::resource::{self, Excerpt, Kind, Resource, Subscription};
use store::table::{alias, comment, point, share_code};

use super::create::{plant, plant_client};
use super::{Description, Named, NewClient, room};
use crate::caller::{Caller, ClientWithin, Right};
use crate::{key, processing};

/// What goes along with the resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copying {
    /// Names.
    pub aliases: bool,
    /// Comments.
    pub comments: bool,
    /// Data.
    pub historical: bool,
}

/// What a caller wants cloned.
#[derive(Clone)]
pub enum Original {
    /// A client that it is or has below itself.
    Rid(Rid),
    /// A client that is shared by a code nobody else has activated.
    Code(ShareCode),
}

struct Copied {
    original: Resource,
    copy_id: i64,
    copy_rid: Rid,
}

/// Clones what a caller names under a client of its tree.
pub fn clone_for(
    tx: &mut Tx<'_>,
    caller: &Caller,
    owner: &ClientWithin,
    original: &Original,
    copying: Copying,
) -> Result<Rid> {
    let original_id = match original {
        Original::Rid(rid) => caller.client_within(tx, Right::Create, &Named::Rid(*rid))?.id(),
        Original::Code(code) => find_shared(tx, caller, code)?,
    };
    Ok(clone(tx, original_id, owner.id(), copying, None, None)?.rid)
}

/// Clones a client under an owner, giving the copy's top another `meta` where one is given.
pub fn clone(
    tx: &mut Tx<'_>,
    original_id: i64,
    owner_id: i64,
    copying: Copying,
    meta: Option<&str>,
    window_end: Option<UnixSeconds>,
) -> Result<NewClient> {
    // The whole original is read before anything is made: the copy may come to stand in the very tree that is copied.
    let originals = read_tree(tx, original_id)?;
    let amounts = room::amounts_of(tx, original_id, Kind::Client)?;
    let levels = resource::height(tx, original_id)?;
    room::take(tx, owner_id, &store::table::allotment::Amounts { shares: 0, ..amounts }, levels)?;

    let mut copied: Vec<Copied> = Vec::with_capacity(originals.len());
    let mut copy_ids: HashMap<i64, i64> = HashMap::new();
    let mut top = None;
    for original in originals {
        let mut description = Description::stored(&original)?;
        let (copy_id, copy_rid) = match (&top, original.kind) {
            (None, _) => {
                meta.into_iter().for_each(|meta| description.set_meta(meta));
                let made = plant_client(tx, Some(owner_id), &description, window_end)?;
                let named = (made.id, made.rid);
                top = Some(made);
                named
            }
            (Some(_), kind) => {
                let owner = original.owner_id.and_then(|owner| copy_ids.get(&owner).copied());
                match kind {
                    Kind::Client => {
                        let made = plant_client(tx, owner, &description, None)?;
                        (made.id, made.rid)
                    }
                    kind => {
                        let named = plant(tx, owner, kind, &description, None)?;
                        if kind == Kind::Datarule {
                            processing::arm(tx, named.0, &description.rule()?)?;
                        }
                        named
                    }
                }
            }
        };
        copy_ids.insert(original.id, copy_id);
        copied.push(Copied { original, copy_id, copy_rid });
    }
    let top = top.ok_or(Error::Absent(Noun::Client))?;
    point_at_copies(tx, &copied, &copy_ids, top.id, meta)?;
    limit_copies(tx, &copied)?;
    copy_belongings(tx, &copied, &copy_ids, copying)?;
    Ok(top)
}

/// The client behind a code that the caller may clone: nobody has activated it, or the caller has.
fn find_shared(tx: &mut Tx<'_>, caller: &Caller, code: &ShareCode) -> Result<i64> {
    let unusable = Error::Absent(Noun::Share);
    let id = key::locate(tx.keyring(), code);
    let (row, expected) = share_code::find_with_hash(tx, id)?.ok_or(unusable.clone())?;
    if !key::hash(tx, code).matches(&expected) || row.activated_by.is_some_and(|client| client != caller.id()) {
        return Err(unusable);
    }
    let shared = resource::find(tx, row.resource_id)?.filter(|shared| shared.kind == Kind::Client);
    Ok(shared.ok_or(Error::Forbidden(Noun::Resource))?.id)
}

/// A client and all below it, owners before what they own.
fn read_tree(tx: &mut Tx<'_>, id: i64) -> Result<Vec<Resource>> {
    let top = resource::find(tx, id)?.filter(|top| top.kind == Kind::Client).ok_or(Error::Absent(Noun::Client))?;
    let mut tree = vec![top];
    let mut next = 0;
    while let Some(row) = tree.get(next) {
        if row.kind == Kind::Client {
            let children = resource::children(tx, row.id)?;
            tree.extend(children);
        }
        next += 1;
    }
    Ok(tree)
}

/// Rewrites the descriptions in which a RID of the original tree stands, and what follows from them.
fn point_at_copies(
    tx: &mut Tx<'_>,
    copied: &[Copied],
    copy_ids: &HashMap<i64, i64>,
    top_id: i64,
    meta: Option<&str>,
) -> Result<()> {
    let rids: HashMap<String, String> =
        copied.iter().map(|pair| (pair.original.rid.to_string(), pair.copy_rid.to_string())).collect();
    for (place, pair) in copied.iter().enumerate() {
        let subscription = pair.original.excerpt.subscription.map(|edge| match copy_ids.get(&edge.publisher_id) {
            Some(copy) => Subscription { publisher_id: *copy, by: top_id },
            None => edge,
        });
        let replaced = replace_rids(&pair.original.description, &rids);
        if replaced.is_none() && subscription.is_none() {
            continue;
        }
        let fields: Map<String, Json> =
            serde_json::from_str(replaced.as_deref().unwrap_or(&pair.original.description)).map_err(Error::internal)?;
        let mut fields = Json::Object(fields);
        if let Some(meta) = meta.filter(|_| place == 0) {
            fields["meta"] = Json::from(meta);
        }
        let excerpt = Excerpt { subscription, ..pair.original.excerpt };
        resource::describe(tx, pair.copy_id, &fields.to_string(), &excerpt)?;
    }
    Ok(())
}

/// Counts what the copies hold, now that they hold it.
fn limit_copies(tx: &mut Tx<'_>, copied: &[Copied]) -> Result<()> {
    for pair in copied.iter().filter(|pair| pair.original.kind == Kind::Client) {
        room::set_limits(tx, pair.copy_id, &Description::stored(&pair.original)?)?;
    }
    Ok(())
}

/// The text with every word of 40 hex digits that names an original replaced by its copy; `None` when there is none.
fn replace_rids(text: &str, copies: &HashMap<String, String>) -> Option<String> {
    const DIGITS: usize = 40;
    let mut replaced = String::with_capacity(text.len());
    let mut changed = false;
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let word_end = rest[start..].find(|c: char| !c.is_ascii_hexdigit()).map_or(rest.len(), |end| start + end);
        let word = &rest[start..word_end];
        replaced.push_str(&rest[..start]);
        match copies.get(word).filter(|_| word.len() == DIGITS) {
            Some(copy) => {
                replaced.push_str(copy);
                changed = true;
            }
            None => replaced.push_str(word),
        }
        rest = &rest[word_end..];
    }
    replaced.push_str(rest);
    changed.then_some(replaced)
}

fn copy_belongings(tx: &mut Tx<'_>, copied: &[Copied], copy_ids: &HashMap<i64, i64>, copying: Copying) -> Result<()> {
    for pair in copied {
        if copying.aliases && pair.original.kind == Kind::Client {
            for (name, target) in alias::list(tx, pair.original.id)? {
                if let Some(copy_of_target) = copy_ids.get(&target) {
                    alias::insert(tx, pair.copy_id, &name, *copy_of_target)?;
                }
            }
        }
        if copying.comments {
            comment::copy(tx, pair.original.id, pair.copy_id)?;
        }
        if copying.historical && pair.original.kind != Kind::Client {
            point::copy(tx, pair.original.id, pair.copy_id)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_that_name_an_original_are_replaced() {
        let (old, new) = ("a".repeat(40), "b".repeat(40));
        let copies = HashMap::from([(old.clone(), new.clone())]);
        let text = format!("é read({old}) or {old}f or x{old}");
        let expected = format!("é read({new}) or {old}f or x{new}");
        assert_eq!(replace_rids(&text, &copies), Some(expected));
        assert_eq!(replace_rids("deadbeef", &copies), None);
    }
}
