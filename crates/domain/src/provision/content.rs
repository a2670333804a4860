//! The contents of a model: entries, and the blobs that they name (contract, manage.md "Content").

use model::{ContentId, Error, GroupId, Meta, Noun, Page, Result};
use store::table::content::{self, Content};
use store::table::event::Verb;
use store::table::membership::{self, Member};
use store::{Subject, Tx};

use super::log;
use crate::caller::{ModelView, OwnedModel};

/// All contents of a model, by id.
pub fn contents(tx: &mut Tx<'_>, model: &ModelView) -> Result<Vec<Content>> {
    content::list(tx, model.id())
}

/// One content of a model, if it is there.
pub fn find_content(tx: &mut Tx<'_>, model: &ModelView, id: &ContentId) -> Result<Option<Content>> {
    content::find(tx, model.id(), id)
}

/// One content of a model.
pub fn require_content(tx: &mut Tx<'_>, model: &ModelView, id: &ContentId) -> Result<Content> {
    find_content(tx, model, id)?.ok_or(Error::Absent(Noun::Content))
}

/// Makes an entry without a blob.
pub fn create_content(tx: &mut Tx<'_>, model: &OwnedModel, id: &ContentId, meta: &Meta, protected: bool) -> Result<()> {
    if !content::insert(tx, model.id(), id, meta, protected)? {
        return Err(Error::Exists(Noun::Content, None));
    }
    tx.touch(Subject::Model(model.id()));
    Ok(())
}

/// Gives an entry its blob, which is whole and durable already; makes the entry if it is absent.
pub fn replace_blob(
    tx: &mut Tx<'_>,
    model: &OwnedModel,
    id: &ContentId,
    content_type: &str,
    digest: &[u8; 32],
    length: u64,
) -> Result<()> {
    let before = content::find(tx, model.id(), id)?.and_then(|row| row.digest);
    content::set_blob(tx, model.id(), id, content_type, digest, length)?;
    let old = before.map_or("none".to_owned(), |digest| hex(&digest));
    let detail = format!("model {} content {id}: {old} -> {} ({length} bytes)", model.id(), hex(digest));
    log::note(tx, Verb::BlobReplaced, Some(model.vendor().id()), Some(&detail))?;
    tx.touch(Subject::Model(model.id()));
    Ok(())
}

/// Deletes an entry. Its blob goes when no other entry names it.
pub fn delete_content(tx: &mut Tx<'_>, model: &OwnedModel, id: &ContentId) -> Result<()> {
    if !content::delete(tx, model.id(), id)? {
        return Err(Error::Absent(Noun::Content));
    }
    membership::delete_member(tx, model.id(), &Member::Content(id.clone()))?;
    tx.touch(Subject::Model(model.id()));
    Ok(())
}

/// A page of the groups that hold a content directly.
pub fn groups_of_content(tx: &mut Tx<'_>, model: &ModelView, id: &ContentId, page: Page) -> Result<Vec<GroupId>> {
    require_content(tx, model, id)?;
    membership::list_groups(tx, model.id(), &Member::Content(id.clone()), page)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
