//! Who may have which content (contract, device.md "Who may have protected content").

use std::collections::HashSet;

use model::{ContentId, Error, Field, Result, SerialNumber, UnixSeconds};
use store::Tx;
use store::table::content::{self, Content};
use store::table::membership::{self, Member};
use store::table::{client, client_model as models, serial_number, vendor};

use super::number;
use crate::caller::{CallingClient, ModelView};

/// The contents that one serial number may have.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// The client of the number, if it was asked for by its device.
    pub client_id: Option<i64>,
    /// The vendor of the model.
    pub vendor: String,
    /// The model.
    pub model: String,
    /// Its row id.
    pub model_id: i64,
    /// By id.
    pub contents: Vec<Content>,
    /// From that second on the shelf may hold less, because a membership ends.
    pub until: Option<UnixSeconds>,
}

impl Shelf {
    /// One content of the shelf.
    pub fn find(&self, id: &ContentId) -> Option<&Content> {
        let at = self.contents.binary_search_by(|content| content.id.as_str().cmp(id.as_str())).ok()?;
        self.contents.get(at)
    }
}

/// The shelf of the calling device; `None` when the caller is no device, or its model or number is gone.
pub fn device_shelf(tx: &mut Tx<'_>, caller: &CallingClient) -> Result<Option<Shelf>> {
    let Some((model_id, sn)) = serial_number::find_of_client(tx, caller.id())? else { return Ok(None) };
    let Some(row) = models::find_by_id(tx, model_id)? else { return Ok(None) };
    let Some(maker) = vendor::find(tx, row.vendor_id)? else { return Ok(None) };
    if client::find(tx, caller.id())?.is_none() {
        return Ok(None);
    }
    let (contents, until) = allowed(tx, model_id, &sn)?;
    Ok(Some(Shelf {
        client_id: Some(caller.id()),
        vendor: maker.name.to_string(),
        model: row.name.to_string(),
        model_id,
        contents,
        until,
    }))
}

/// The shelf of a number, for its vendor. An unknown number is malformed here, as published.
pub fn shelf_of_number(tx: &mut Tx<'_>, model: &ModelView, sn: &SerialNumber) -> Result<Shelf> {
    match number::require(tx, &model.numbers_view(), sn) {
        Err(Error::Absent(_)) => return Err(Error::Malformed(Field("sn"))),
        other => other?,
    };
    let (contents, until) = allowed(tx, model.id(), sn)?;
    Ok(Shelf {
        client_id: None,
        vendor: model.maker().name().to_string(),
        model: model.row().name.to_string(),
        model_id: model.id(),
        contents,
        until,
    })
}

fn allowed(tx: &mut Tx<'_>, model_id: i64, sn: &SerialNumber) -> Result<(Vec<Content>, Option<UnixSeconds>)> {
    let all = content::list(tx, model_id)?;
    if !all.iter().any(|content| content.protected) {
        return Ok((all, None));
    }
    let above = membership::list_above(tx, model_id, &Member::SerialNumber(sn.clone()))?;
    let above: HashSet<String> = above.into_iter().collect();
    let mut contents = Vec::with_capacity(all.len());
    for content in all {
        if !content.protected || some_group_holds(tx, model_id, &content.id, &above)? {
            contents.push(content);
        }
    }
    Ok((contents, membership::next_end(tx, model_id)?))
}

fn some_group_holds(tx: &mut Tx<'_>, model_id: i64, id: &ContentId, above_number: &HashSet<String>) -> Result<bool> {
    if above_number.is_empty() {
        return Ok(false);
    }
    let above = membership::list_above(tx, model_id, &Member::Content(id.clone()))?;
    Ok(above.iter().any(|group| above_number.contains(group)))
}
