//! Cloning a client with all that it owns (contract, manage.md "The clone copies …").
//!
//! What the copied tree says of itself (subscriptions, operands, RIDs in scripts) points at the copies: every RID of the
//! original tree that stands in a copied description is replaced by the RID of its copy.

use std::collections::HashMap;

use model::{Error, Noun, Result, Rid, UnixSeconds};
use serde_json::Value;
use store::Tx;
use store::table::resource::{self, Kind, Resource};
use store::table::{alias, comment, point};

use super::{NewClient, create_client, create_resource};

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

struct Copied {
    original: Resource,
    copy_id: i64,
    copy_rid: Rid,
}

/// Clones a client under an owner, giving the copy's top another `meta` where one is given.
pub fn clone(
    tx: &mut Tx<'_>,
    template_id: i64,
    owner_id: i64,
    copying: Copying,
    meta: Option<&str>,
    window_end: Option<UnixSeconds>,
) -> Result<NewClient> {
    let template = resource::find(tx, template_id)?.ok_or(Error::Absent(Noun::Client))?;
    let mut description = parse(&template.description)?;
    if let Some(meta) = meta {
        description["meta"] = Value::from(meta);
    }
    let top = create_client(tx, Some(owner_id), &description, window_end)?;
    let mut copied = vec![Copied { original: template, copy_id: top.id, copy_rid: top.rid }];
    let mut next = 0;
    while next < copied.len() {
        let (original_id, copy_id, kind) = (copied[next].original.id, copied[next].copy_id, copied[next].original.kind);
        next += 1;
        if kind != Kind::Client {
            continue;
        }
        for child in resource::children(tx, original_id)? {
            let description = parse(&child.description)?;
            let (child_copy_id, child_copy_rid) = match child.kind {
                Kind::Client => {
                    let inner = create_client(tx, Some(copy_id), &description, None)?;
                    (inner.id, inner.rid)
                }
                kind => create_resource(tx, Some(copy_id), kind, child.format, &description)?,
            };
            copied.push(Copied { original: child, copy_id: child_copy_id, copy_rid: child_copy_rid });
        }
    }
    point_at_copies(tx, &copied, meta.is_some())?;
    copy_belongings(tx, &copied, copying)?;
    Ok(top)
}

/// Rewrites the descriptions in which a RID of the original tree stands.
fn point_at_copies(tx: &mut Tx<'_>, copied: &[Copied], top_has_new_meta: bool) -> Result<()> {
    if copied.len() == 1 && !copied[0].original.description.contains(&copied[0].original.rid.to_string()) {
        return Ok(());
    }
    let copies: HashMap<String, String> =
        copied.iter().map(|pair| (pair.original.rid.to_string(), pair.copy_rid.to_string())).collect();
    for (number, pair) in copied.iter().enumerate() {
        let Some(replaced) = replace_rids(&pair.original.description, &copies) else { continue };
        let mut description = parse(&replaced)?;
        if number == 0 && top_has_new_meta {
            let now = resource::find(tx, pair.copy_id)?.ok_or(Error::Absent(Noun::Client))?;
            description["meta"] = parse(&now.description)?["meta"].take();
        }
        resource::describe(tx, pair.copy_id, &description.to_string(), pair.original.public)?;
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

fn copy_belongings(tx: &mut Tx<'_>, copied: &[Copied], copying: Copying) -> Result<()> {
    let copy_ids: HashMap<i64, i64> = copied.iter().map(|pair| (pair.original.id, pair.copy_id)).collect();
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

fn parse(description: &str) -> Result<Value> {
    serde_json::from_str(description).map_err(Error::internal)
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
