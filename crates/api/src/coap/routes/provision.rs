//! `/provision/…`: activation and content for devices (contract, coap.md; device.md for the rules).

use std::sync::Arc;

use blob::Digest;
use bytes::{Bytes, BytesMut};
use domain::provision::Shelf;
use model::{ContentId, Error, Noun, Result};
use store::table::content::Content;
use wire::coap::{Block, Code, content_format};
use wire::form::Form;

use super::entry::{credential, not_acceptable, refuse_as};
use crate::coap::{Answer, Body, Request};
use crate::common::activation::{self, Fields};
use crate::common::app::App;
use crate::common::codes::Manner;
use crate::common::listing;

/// As many blocks as the format can number.
const BLOCKS: u64 = 1 << 20;

/// `POST /provision/activate/<vendor>/<model>/<sn>`: gives a device its key. The payload may be a form with a nonce.
pub(super) async fn activate(app: &Arc<App>, request: &Request, vendor: &str, model: &str, sn: &str) -> Result<Answer> {
    let form = Form::from_body(&request.body, app.limits())?;
    let fields = Fields { vendor, model, sn, nonce: form.one("nonce")? };
    let answer = activation::activate(app, fields.read(app.limits(), request.address)?, None).await?;
    Ok(Answer::text(answer.text()).by("POST /provision/activate"))
}

/// `GET /provision/download/<vendor>/<model>`: the ids, one a line.
pub(super) async fn list(app: &Arc<App>, request: &Request, vendor: &str, model: &str) -> Result<Answer> {
    let shelf = shelf(app, request, vendor, model).await?.ok_or(Error::Forbidden(Noun::Model))?;
    if let Some(refused) = not_acceptable(request, &[content_format::TEXT]) {
        return Ok(refused);
    }
    Ok(Answer::text(listing::ids(&shelf)).max_age(0).authenticated().by("GET /provision/download (list)"))
}

/// `GET /provision/download/<vendor>/<model>/<id>/info`: a line about one content.
pub(super) async fn info(app: &Arc<App>, request: &Request, vendor: &str, model: &str, id: &str) -> Result<Answer> {
    let Some(shelf) = shelf(app, request, vendor, model).await? else {
        return Ok(refuse_as(&Error::Forbidden(Noun::Model), Manner::DownloadInfo));
    };
    let content = find(app, &shelf, id)?;
    if let Some(refused) = not_acceptable(request, &[content_format::TEXT]) {
        return Ok(refused);
    }
    Ok(Answer::text(listing::info(content)).max_age(0).authenticated().by("GET /provision/download (info)"))
}

/// `GET /provision/download/<vendor>/<model>/<id>`: the block of the blob that is asked for. Nothing is kept between two
/// blocks: the tag tells when they are not of the same blob.
pub(super) async fn blob(app: &Arc<App>, request: &Request, vendor: &str, model: &str, id: &str) -> Result<Answer> {
    let shelf = shelf(app, request, vendor, model).await?.ok_or(Error::Forbidden(Noun::Model))?;
    let content = find(app, &shelf, id)?;
    let sha_256 = content.digest.ok_or(Error::Absent(Noun::Content))?;
    let format = format_of(&content.content_type);
    let offered = [format.unwrap_or(content_format::OCTET_STREAM), content_format::OCTET_STREAM];
    if let Some(refused) = not_acceptable(request, &offered) {
        return Ok(refused);
    }
    let block = request.block;
    if content.length > BLOCKS * block.bytes() as u64 {
        return Ok(Answer::refusal(Code::BAD_REQUEST, "too large for blocks of this size"));
    }
    let bytes = read(app, content, sha_256, block).await?;
    let body = Body { bytes, offset: block.offset(), total_bytes: content.length };
    let etag = sha_256.first_chunk().copied();
    let answer = Answer { format, body, etag, ..Answer::empty(Code::CONTENT) };
    Ok(answer.max_age(0).authenticated().by("GET /provision/download (blob)"))
}

/// The shelf of the calling device; none where it is of another model than it says.
async fn shelf(app: &Arc<App>, request: &Request, vendor: &str, model: &str) -> Result<Option<Arc<Shelf>>> {
    let shelf = app.shelves.find(&app.store, &app.callers, &credential(request)?).await?;
    Ok(shelf.filter(|shelf| (shelf.vendor.as_str(), shelf.model.as_str()) == (vendor, model)))
}

fn find<'s>(app: &App, shelf: &'s Shelf, id: &str) -> Result<&'s Content> {
    let id = ContentId::parse(id, app.limits()).map_err(|_| Error::Absent(Noun::Content))?;
    shelf.find(&id).ok_or(Error::Absent(Noun::Content))
}

/// The bytes of a block; none beyond the end.
async fn read(app: &App, content: &Content, sha_256: [u8; 32], block: Block) -> Result<Bytes> {
    let begin = block.offset().min(content.length);
    let end = content.length.min(begin + block.bytes() as u64);
    let reader = app.blobs.open(Digest::from_bytes(sha_256), content.length).await?;
    if let Some(whole) = reader.bytes() {
        return Ok(whole.slice(begin as usize..end as usize));
    }
    let mut pieces = reader.pieces(begin..end);
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes.freeze())
}

/// The number of a media type, if it has one.
fn format_of(content_type: &str) -> Option<u16> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let known = [
        ("text/plain", content_format::TEXT),
        ("application/link-format", content_format::LINK_FORMAT),
        ("application/octet-stream", content_format::OCTET_STREAM),
        ("application/json", content_format::JSON),
        ("application/cbor", content_format::CBOR),
    ];
    known.into_iter().find(|(name, _)| media_type.eq_ignore_ascii_case(name)).map(|(_, format)| format)
}
