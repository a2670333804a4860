//! `/provision/manage/content/<model>/` (contract, manage.md "Content").

use std::sync::Arc;

use blob::Digest;
use domain::provision;
use http::Method;
use model::{ContentId, Error, Field, GroupId, Meta, ModelName, Noun, Result, SerialNumber};
use store::table::content::Content;
use wire::csv::write_record;
use wire::form::Form;
use wire::http::digest;
use wire::http::media_type::MediaType;

use super::{Caller, change, lines, list_or_nothing, page, read};
use crate::common::app::App;
use crate::common::codes::Manner;
use crate::common::listing;
use crate::http::provision::{blob as blobs, body_form, text};
use crate::http::{Answer, Body, Head, Route, refuse};

/// The contents of a model.
pub(super) async fn collection(app: &Arc<App>, head: &Head, body: Body, caller: Caller, model: &str) -> Result<Answer> {
    match *head.method() {
        Method::GET | Method::HEAD => {
            let query = Form::from_query(Some(head.query()), app.limits())?;
            let sn = query.one("sn")?.map(|sn| read_number(app, sn));
            let listed = read(app, caller, model, move |tx, model| match &sn {
                None => provision::contents(tx, model),
                Some(sn) => Ok(provision::shelf_of_number(tx, model, sn.as_ref().map_err(Clone::clone)?)?.contents),
            })
            .await;
            Ok(match listed {
                Ok(contents) => Answer::csv(lines(contents.iter().map(|content| content.id.as_str()))),
                Err(error) => refuse(&error, Manner::ContentInfo),
            })
        }
        Method::POST => {
            let bytes = body_form(app, head, body).await?;
            let limits = app.limits().clone();
            change(app, caller, model, move |tx, model| {
                let form = Form::from_body(&bytes, &limits)?;
                let id = ContentId::parse(form.required("id")?, &limits)?;
                if form.flag("delete")? {
                    return provision::delete_content(tx, model, &id);
                }
                let meta = Meta::parse(text(&form, "meta")?, &limits)?;
                provision::create_content(tx, model, &id, &meta, form.flag("protected")?)
            })
            .await
        }
        _ => Ok(Answer::method_not_allowed(Route::Contents.methods())),
    }
}

/// One content.
pub(super) async fn one(
    app: &Arc<App>,
    head: &Head,
    body: Body,
    caller: Caller,
    model: &str,
    id: &str,
) -> Result<Answer> {
    let id = ContentId::parse(id, app.limits());
    match *head.method() {
        Method::GET | Method::HEAD => {
            let query = Form::from_query(Some(head.query()), app.limits())?;
            let id = id.map_err(|_| Error::Absent(Noun::Content));
            if query.flag("download")? {
                return download(app, head, caller, model, id, &query).await;
            }
            match query.one("show")? {
                Some("groups") => {
                    let page = page(&query)?;
                    let groups = read(app, caller, model, move |tx, model| {
                        provision::groups_of_content(tx, model, id.as_ref().map_err(Clone::clone)?, page)
                    });
                    Ok(list_or_nothing(lines(groups.await?.iter().map(GroupId::as_str))))
                }
                _ => info(app, caller, model, id, &query).await,
            }
        }
        Method::POST => upload(app, head, body, caller, model, id).await,
        Method::DELETE => {
            change(app, caller, model, move |tx, model| {
                let id = id.as_ref().map_err(|_| Error::Absent(Noun::Content))?;
                provision::delete_content(tx, model, id)
            })
            .await
        }
        _ => Ok(Answer::method_not_allowed(Route::Content.methods())),
    }
}

/// `<content-type>,<size>,<updated>,<meta>,<protected>`, or for one serial number what its device would get.
async fn info(app: &Arc<App>, caller: Caller, model: &str, id: Result<ContentId>, query: &Form<'_>) -> Result<Answer> {
    let sn = query.one("sn")?.map(|sn| read_number(app, sn));
    let for_device = sn.is_some();
    let found = find(app, caller, model, id, sn, Error::Malformed(Field("sn"))).await;
    let content = match found {
        Ok(content) => content,
        Err(error) => return Ok(refuse(&error, Manner::ContentInfo)),
    };
    if for_device {
        return Ok(Answer::csv(listing::info(&content)));
    }
    let (length, updated) = (content.length.to_string(), content.updated_at.to_string());
    let protected = if content.protected { "true" } else { "false" };
    let mut line = String::new();
    write_record(&mut line, [content.content_type.as_str(), &length, &updated, content.meta.as_str(), protected]);
    Ok(Answer::csv(line))
}

async fn download(
    app: &Arc<App>,
    head: &Head,
    caller: Caller,
    model: &str,
    id: Result<ContentId>,
    query: &Form<'_>,
) -> Result<Answer> {
    let sn = query.one("sn")?.map(|sn| read_number(app, sn));
    match find(app, caller, model, id, sn, Error::Forbidden(Noun::Content)).await {
        Ok(content) => blobs::serve(app, head, &content).await,
        Err(error) => Ok(refuse(&error, Manner::ContentBlob)),
    }
}

/// A content of the model; with a serial number, `denied` unless that number may have it.
async fn find(
    app: &Arc<App>,
    caller: Caller,
    model: &str,
    id: Result<ContentId>,
    sn: Option<Result<SerialNumber>>,
    denied: Error,
) -> Result<Content> {
    read(app, caller, model, move |tx, model| {
        let id = id.as_ref().map_err(Clone::clone)?;
        match &sn {
            None => provision::require_content(tx, model, id),
            Some(sn) => {
                let shelf = provision::shelf_of_number(tx, model, sn.as_ref().map_err(Clone::clone)?)?;
                shelf.find(id).cloned().ok_or(denied.clone())
            }
        }
    })
    .await
}

/// Takes a blob. Who sends it is known before its first byte is asked for; the row comes after the bytes are durable.
async fn upload(
    app: &Arc<App>,
    head: &Head,
    mut body: Body,
    caller: Caller,
    model: &str,
    id: Result<ContentId>,
) -> Result<Answer> {
    let limit = app.limits().content_bytes;
    body.require_within(limit)?;
    let content_type = match head.single_header("content-type") {
        Ok(None) => Ok(MediaType::OCTET_STREAM.as_str().to_owned()),
        Ok(Some(value)) => MediaType::parse(value).map(|kind| kind.as_str().to_owned()),
        Err(error) => Err(error),
    };
    let digests = ["content-digest", "repr-digest"].map(|name| match head.single_header(name) {
        Ok(Some(value)) => digest::sha_256(value),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    });
    let asking = caller.clone();
    let name = ModelName::parse(model, app.limits());
    let asked = name.clone();
    app.store.peek(move |tx| asking.model(tx, &asked).map(|_| ())).await?;
    let (id, content_type) = (id?, content_type?);
    let [content_digest, repr_digest] = digests;
    let (content_digest, repr_digest) = (content_digest?, repr_digest?);
    if content_digest.is_some() && repr_digest.is_some() && content_digest != repr_digest {
        return Err(Error::Malformed(Field("digest")));
    }
    let mut upload = app.blobs.upload(limit)?;
    if let Some(digest) = content_digest.or(repr_digest) {
        upload.expect(Digest::from_bytes(digest));
    }
    while let Some(bytes) = body.next().await? {
        upload.write(bytes).await?;
    }
    let stored = upload.finish().await?;
    let (digest, length) = (*stored.digest.as_bytes(), stored.length);
    app.measures.content_stored.add(length);
    app.store
        .write(move |tx| {
            // Held by the job itself: a client that hangs up does not let the sweep at a blob whose row is on its way.
            let _held = &stored;
            let model = caller.model(tx, &name)?;
            provision::replace_blob(tx, &model, &id, &content_type, &digest, length)
        })
        .await?;
    Ok(Answer::reset_content())
}

/// A serial number of a query; one that could not be registered is an unknown one, which is malformed here.
fn read_number(app: &App, sn: &str) -> Result<SerialNumber> {
    SerialNumber::parse(sn, app.limits()).map_err(|_| Error::Malformed(Field("sn")))
}
