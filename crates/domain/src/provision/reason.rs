//! Why somebody may have a content: through which group, and until when.

use std::collections::HashMap;

use model::{ContentId, GroupId, Result, SerialNumber, UnixSeconds};
use store::Tx;
use store::table::content::{self, Content};
use store::table::membership::{self, Member};

use crate::caller::ModelView;

/// Groups that are followed upwards at most.
const MOST_GROUPS: usize = 10_000;

/// Why a content is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is not protected: every device of the model has it.
    Open,
    /// Through a group, and until when; 0 is for ever.
    Through(GroupId, UnixSeconds),
}

/// Every content of a model, and why this number may have it, if it may.
pub fn reasons(tx: &mut Tx<'_>, model: &ModelView, sn: &SerialNumber) -> Result<Vec<(Content, Option<Reason>)>> {
    let of_number = above(tx, model.id(), Member::SerialNumber(sn.clone()))?;
    let mut listed = Vec::new();
    for content in content::list(tx, model.id())? {
        let reason = match content.protected {
            false => Some(Reason::Open),
            true => {
                let of_content = above(tx, model.id(), Member::Content(content.id.clone()))?;
                best(&of_number, &of_content)
            }
        };
        listed.push((content, reason));
    }
    Ok(listed)
}

/// The groups through which a protected content is given, and until when it is in them.
pub fn groups_giving(tx: &mut Tx<'_>, model: &ModelView, id: &ContentId) -> Result<Vec<(GroupId, UnixSeconds)>> {
    let mut groups: Vec<_> = above(tx, model.id(), Member::Content(id.clone()))?.into_iter().collect();
    groups.sort_unstable();
    Ok(groups.into_iter().map(|(group, until)| (GroupId::from_stored(group), until)).collect())
}

/// The groups above a member, now, each with the end of the best way to it.
fn above(tx: &mut Tx<'_>, model_id: i64, member: Member) -> Result<HashMap<String, UnixSeconds>> {
    let now = tx.now();
    let mut ends: HashMap<String, UnixSeconds> = HashMap::new();
    let mut waiting = vec![(member, 0)];
    while let Some((member, until)) = waiting.pop() {
        for (group, end) in membership::list_of_member(tx, model_id, &member)? {
            if end != 0 && end <= now || ends.len() >= MOST_GROUPS {
                continue;
            }
            let end = sooner(until, end);
            let is_better = ends.get(group.as_str()).is_none_or(|known| later(*known, end) != *known);
            if is_better {
                ends.insert(group.to_string(), end);
                waiting.push((Member::Group(group), end));
            }
        }
    }
    Ok(ends)
}

fn best(of_number: &HashMap<String, UnixSeconds>, of_content: &HashMap<String, UnixSeconds>) -> Option<Reason> {
    let shared = of_number.iter().filter_map(|(group, end)| Some((group, sooner(*end, *of_content.get(group)?))));
    let (group, end) = shared.min_by_key(|(group, end)| (if *end == 0 { i64::MIN } else { -end }, (*group).clone()))?;
    Some(Reason::Through(GroupId::from_stored(group.clone()), end))
}

/// The sooner of two ends, of which 0 is never.
fn sooner(one: UnixSeconds, other: UnixSeconds) -> UnixSeconds {
    match (one, other) {
        (0, end) | (end, 0) => end,
        (one, other) => one.min(other),
    }
}

fn later(one: UnixSeconds, other: UnixSeconds) -> UnixSeconds {
    if one == 0 || other == 0 { 0 } else { one.max(other) }
}
