//! The content of a model: upload, look, give, download, delete.

use askama::Template;
use blob::Digest;
use domain::provision;
use http::header::{CONTENT_DISPOSITION, HeaderName};
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use model::{ContentId, Error, Field, GroupId, Meta, Noun, UnixSeconds};
use store::table::content::Content;
use wire::http::media_type::MediaType;

use super::{model_name, require_typed};
use crate::exchange::{Content as Bytes_, Response};
use crate::frame::{Frame, guarded, render};
use crate::markup::{Bytes, model_path};
use crate::routes::Answer;
use crate::segment;
use crate::visit::Guest;

const SANDBOX: HeaderName = HeaderName::from_static("content-security-policy");

#[derive(Template)]
#[template(path = "vendor/contents.html")]
struct ListPage {
    frame: Frame,
    path: String,
    contents: Vec<Content>,
    most: Bytes,
}

#[derive(Template)]
#[template(path = "vendor/content.html")]
struct Page {
    frame: Frame,
    path: String,
    model_path: String,
    content: Content,
    digest: String,
    groups: Vec<(GroupId, UnixSeconds)>,
}

/// All contents.
pub async fn list(guest: Guest, model: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let asked = name.clone();
    let (person, (vendor, contents)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor_view(tx)?;
            let view = vendor.model_view(tx, &asked)?;
            Ok((vendor.name().to_string(), provision::contents(tx, &view)?))
        })
        .await?;
    let path = model_path(name.as_str(), &[]);
    let frame = Frame::inside(&guest, &person, "Content", "/portal/models").of(&vendor);
    let frame = frame.below(&[("/portal/models", "Models"), (&path, name.as_str())]);
    let most = Bytes(guest.limits().content_bytes);
    Ok(render(StatusCode::OK, &ListPage { frame, path: path.clone(), contents, most }))
}

/// Takes a file. Who sends it, and where it goes, is known before its first byte; the row comes after the bytes are durable.
pub async fn upload(mut guest: Guest, model: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let limit = guest.limits().content_bytes;
    let mut parts = guest.parts(limit.saturating_add(64 << 10)).await?;
    let asked = name.clone();
    guest.read(move |tx, person| person.vendor(tx)?.model(tx, &asked).map(|_| ())).await?;
    let (mut id, mut is_protected, mut typed_kind, mut meta) = (String::new(), false, String::new(), String::new());
    while let Some(head) = parts.next().await? {
        match head.name.as_str() {
            "id" => id = parts.text().await?,
            "protected" => is_protected = true,
            "content_type" => typed_kind = parts.text().await?,
            "meta" => meta = parts.text().await?,
            "file" => {
                let file_name = head.file_name.unwrap_or_default();
                let chosen =
                    [id.trim(), file_name.trim()].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
                let id = ContentId::parse(chosen, guest.limits())?;
                let meta = Meta::parse(meta.trim(), guest.limits())?;
                let kind = [typed_kind.trim(), head.content_type.as_deref().unwrap_or_default()];
                let kind = kind.into_iter().find(|text| !text.is_empty()).unwrap_or(MediaType::OCTET_STREAM.as_str());
                let kind = MediaType::parse(kind)?.as_str().to_owned();
                let mut upload = guest.blobs().upload(limit)?;
                while let Some(piece) = parts.piece().await? {
                    upload.write(piece).await?;
                }
                // The end of the form has to be there: a browser that broke off has not sent all of the file.
                while parts.next().await?.is_some() {}
                let stored = upload.finish().await?;
                let (digest, length) = (*stored.digest.as_bytes(), stored.length);
                let place = model_path(name.as_str(), &["content", id.as_str()]);
                guest
                    .write(move |tx, person| {
                        // Held by the job itself, so that no sweep takes a blob whose row is on its way.
                        let _held = &stored;
                        let model = person.vendor(tx)?.model(tx, &name)?;
                        if is_protected && provision::find_content(tx, &model, &id)?.is_none() {
                            provision::create_content(tx, &model, &id, &meta, true)?;
                        }
                        provision::replace_blob(tx, &model, &id, &kind, &digest, length)
                    })
                    .await?;
                return Ok(Response::see_other(&format!("{place}?said=uploaded")));
            }
            _ => {}
        }
    }
    Err(Error::Malformed(Field("file")))
}

/// One content, who may have it, and why.
pub async fn show(guest: Guest, model: &str, id: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let id = ContentId::parse(id, guest.limits()).map_err(|_| Error::Absent(Noun::Content))?;
    let (asked, sought) = (name.clone(), id.clone());
    let (person, (vendor, content, groups)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor_view(tx)?;
            let view = vendor.model_view(tx, &asked)?;
            let content = provision::require_content(tx, &view, &sought)?;
            Ok((vendor.name().to_string(), content, provision::groups_giving(tx, &view, &sought)?))
        })
        .await?;
    let model_path = model_path(name.as_str(), &[]);
    let all = format!("{model_path}/content");
    let page = Page {
        frame: Frame::inside(&guest, &person, id.as_str(), "/portal/models").of(&vendor).below(&[
            ("/portal/models", "Models"),
            (&model_path, name.as_str()),
            (&all, "Content"),
        ]),
        path: crate::markup::model_path(name.as_str(), &["content", id.as_str()]),
        digest: content.digest.map_or_else(String::new, |digest| Digest::from_bytes(digest).to_string()),
        model_path,
        content,
        groups,
    };
    Ok(render(StatusCode::OK, &page))
}

/// The bytes: never shown by the browser, whatever they claim to be (threat T16).
pub async fn download(guest: Guest, model: &str, id: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let id = ContentId::parse(id, guest.limits()).map_err(|_| Error::Absent(Noun::Content))?;
    let sought = id.clone();
    let (_, content) = guest
        .read(move |tx, person| {
            let view = person.vendor_view(tx)?.model_view(tx, &name)?;
            provision::require_content(tx, &view, &sought)
        })
        .await?;
    let digest = content.digest.ok_or(Error::Absent(Noun::Content))?;
    let reader = guest.blobs().open(Digest::from_bytes(digest), content.length).await?;
    let response = match reader.bytes() {
        Some(bytes) => Response::bytes(StatusCode::OK, "application/octet-stream", bytes),
        None => {
            let pieces = PieceBody { pieces: reader.pieces(0..content.length) };
            let content = Bytes_::Stream(content.length, pieces.boxed_unsync());
            let response = Response { content, ..Response::empty(StatusCode::OK) };
            response.with(http::header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
        }
    };
    let attachment = format!("attachment; filename*=UTF-8''{}", segment::escaped(id.as_str()));
    let attachment = HeaderValue::from_str(&attachment).map_err(Error::internal)?;
    let response = guarded(response).with(CONTENT_DISPOSITION, attachment);
    Ok(response.with(SANDBOX, HeaderValue::from_static("sandbox; default-src 'none'")))
}

/// Deletes a content, after its id was typed.
pub async fn delete(mut guest: Guest, model: &str, id: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let id = ContentId::parse(id, guest.limits()).map_err(|_| Error::Absent(Noun::Content))?;
    let fields = guest.form().await?;
    require_typed(fields.text("confirm"), id.as_str())?;
    let list = format!("{}/content", model_path(name.as_str(), &[]));
    guest
        .write(move |tx, person| {
            let model = person.vendor(tx)?.model(tx, &name)?;
            provision::delete_content(tx, &model, &id)
        })
        .await?;
    Ok(Response::see_other(&format!("{list}?said=deleted")))
}

struct PieceBody {
    pieces: blob::Pieces,
}

impl http_body::Body for PieceBody {
    type Data = bytes::Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<model::Result<http_body::Frame<bytes::Bytes>>>> {
        self.pieces.poll_next(context).map(|piece| piece.map(|piece| piece.map(http_body::Frame::data)))
    }
}
