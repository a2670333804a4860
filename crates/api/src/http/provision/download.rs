//! `GET /provision/download`: list, info and blob for a device (contract, device.md "Download and list content").

use std::sync::Arc;

use model::{ContentId, Error, Noun, Result};
use wire::form::Form;

use super::{blob, device_credential};
use crate::common::app::App;
use crate::common::codes::Manner;
use crate::common::listing;
use crate::http::{Answer, Head, refuse};

/// Answers a device that asks for content.
pub async fn download(app: &Arc<App>, head: &Head) -> Result<Answer> {
    let credential = device_credential(head)?;
    let query = Form::from_query(Some(head.query()), app.limits());
    let shelf = app.shelves.find(&app.store, &app.callers, &credential).await?;
    let query = query?;
    let info = query.flag("info")?;
    let named = (query.required("vendor")?, query.required("model")?);
    let shelf = shelf.filter(|shelf| (shelf.vendor.as_str(), shelf.model.as_str()) == named);
    let Some(shelf) = shelf else {
        let manner = if info { Manner::DownloadInfo } else { Manner::Plain };
        return Ok(refuse(&Error::Forbidden(Noun::Model), manner));
    };
    match query.one("id")? {
        None => Ok(Answer::csv(listing::ids(&shelf)).part("list")),
        Some(id) => {
            let id = ContentId::parse(id, app.limits()).map_err(|_| Error::Absent(Noun::Content))?;
            let content = shelf.find(&id).ok_or(Error::Absent(Noun::Content))?;
            match info {
                true => Ok(Answer::csv(listing::info(content)).part("info")),
                false => Ok(blob::serve(app, head, content).await?.part("blob")),
            }
        }
    }
}
