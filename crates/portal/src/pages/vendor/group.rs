//! The groups of a model: which numbers, contents and groups they hold, and until when.

use askama::Template;
use domain::provision::{self, MemberChange};
use http::StatusCode;
use model::{ContentId, Error, Field, GroupId, Meta, Noun, Page as Window, SerialNumber};
use store::table::membership::{Member, MemberKind, Membership};

use super::{model_name, require_typed};
use crate::exchange::Response;
use crate::form::Fields;
use crate::frame::{Frame, render};
use crate::markup::{model_path, read_instant};
use crate::routes::Answer;
use crate::segment;
use crate::visit::Guest;

const ON_A_PAGE: u32 = 100;

#[derive(Template)]
#[template(path = "vendor/groups.html")]
struct ListPage {
    frame: Frame,
    path: String,
    groups: Vec<(GroupId, Meta)>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "vendor/group.html")]
struct Page {
    frame: Frame,
    path: String,
    model_path: String,
    name: String,
    meta: String,
    count: i64,
    members: Vec<Membership>,
    contents: Vec<String>,
    groups: Vec<String>,
    next: Option<String>,
}

/// A page of the groups.
pub async fn list(guest: Guest, model: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let window = window(&guest.query);
    let asked = name.clone();
    let (person, (vendor, groups)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor_view(tx)?;
            let view = vendor.model_view(tx, &asked)?;
            Ok((vendor.name().to_string(), provision::groups(tx, &view, window)?))
        })
        .await?;
    let path = model_path(name.as_str(), &[]);
    let frame = Frame::inside(&guest, &person, "Groups", "/portal/models").of(&vendor);
    let frame = frame.below(&[("/portal/models", "Models"), (&path, name.as_str())]);
    let next = next(&format!("{path}/groups"), window, groups.len());
    Ok(render(StatusCode::OK, &ListPage { frame, path: path.clone(), groups, next }))
}

/// Makes a group.
pub async fn create(mut guest: Guest, model: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let fields = guest.form().await?;
    let id = GroupId::parse(fields.trimmed("id"), guest.limits())?;
    let meta = Meta::parse(fields.trimmed("meta"), guest.limits())?;
    let place = model_path(name.as_str(), &["groups", id.as_str()]);
    guest
        .write(move |tx, person| {
            let model = person.vendor(tx)?.model(tx, &name)?;
            provision::create_group(tx, &model, &id, &meta)
        })
        .await?;
    Ok(Response::see_other(&format!("{place}?said=made")))
}

/// One group and its members.
pub async fn show(guest: Guest, model: &str, id: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let id = GroupId::parse(id, guest.limits()).map_err(|_| Error::Absent(Noun::Group))?;
    let window = window(&guest.query);
    let (asked, sought) = (name.clone(), id.clone());
    let (person, (vendor, (meta, count), members, contents, groups)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor_view(tx)?;
            let view = vendor.model_view(tx, &asked)?;
            let info = provision::group_info(tx, &view, &sought)?;
            let members = provision::members(tx, &view, &sought, None, None, window)?;
            let contents = provision::contents(tx, &view)?;
            let groups = provision::groups(tx, &view, Window { offset: 0, limit: 200 })?;
            Ok((vendor.name().to_string(), info, members, contents, groups))
        })
        .await?;
    let model_path = model_path(name.as_str(), &[]);
    let all = format!("{model_path}/groups");
    let path = crate::markup::model_path(name.as_str(), &["groups", id.as_str()]);
    let page = Page {
        frame: Frame::inside(&guest, &person, id.as_str(), "/portal/models").of(&vendor).below(&[
            ("/portal/models", "Models"),
            (&model_path, name.as_str()),
            (&all, "Groups"),
        ]),
        meta: meta.as_str().to_owned(),
        count,
        contents: contents.into_iter().map(|content| content.id.to_string()).collect(),
        groups: groups.into_iter().map(|(group, _)| group.to_string()).filter(|group| *group != id.as_str()).collect(),
        next: next(&path, window, members.len()),
        members,
        name: id.to_string(),
        model_path,
        path,
    };
    Ok(render(StatusCode::OK, &page))
}

/// Adds or removes members, or deletes the group.
pub async fn act(mut guest: Guest, model: &str, id: &str, act: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let id = GroupId::parse(id, guest.limits()).map_err(|_| Error::Absent(Noun::Group))?;
    let fields = guest.form().await?;
    let place = model_path(name.as_str(), &["groups", id.as_str()]);
    let list = format!("{}/groups", model_path(name.as_str(), &[]));
    match act {
        "add" => {
            let members = read_members(&guest, &fields)?;
            guest
                .write(move |tx, person| {
                    let model = person.vendor(tx)?.model(tx, &name)?;
                    provision::add_members(tx, &model, &id, &members)
                })
                .await?;
            Ok(Response::see_other(&format!("{place}?said=added")))
        }
        "remove" => {
            let member = read_member(&guest, fields.text("kind"), fields.text("member"))?;
            guest
                .write(move |tx, person| {
                    let model = person.vendor(tx)?.model(tx, &name)?;
                    provision::remove_members(tx, &model, &id, std::slice::from_ref(&member))
                })
                .await?;
            Ok(Response::see_other(&format!("{place}?said=removed")))
        }
        "delete" => {
            require_typed(fields.text("confirm"), id.as_str())?;
            guest
                .write(move |tx, person| {
                    let model = person.vendor(tx)?.model(tx, &name)?;
                    provision::delete_group(tx, &model, &id)
                })
                .await?;
            Ok(Response::see_other(&format!("{list}?said=deleted")))
        }
        _ => Err(Error::Malformed(Field("page"))),
    }
}

/// Members of one kind, a line each, all until the same instant.
fn read_members(guest: &Guest, fields: &Fields) -> model::Result<Vec<MemberChange>> {
    let expires_at = match fields.trimmed("until") {
        "" => 0,
        text => read_instant(text).ok_or(Error::Malformed(Field("until")))?,
    };
    let lines = fields.text("members").lines().map(str::trim).filter(|line| !line.is_empty());
    let members = lines.map(|line| {
        let member = read_member(guest, fields.text("kind"), line)?;
        Ok(Membership { member, expires_at, meta: Meta::default() })
    });
    let members = members.collect::<model::Result<Vec<_>>>()?;
    if members.is_empty() { Err(Error::Malformed(Field("members"))) } else { Ok(members) }
}

fn read_member(guest: &Guest, kind: &str, id: &str) -> model::Result<Member> {
    let limits = guest.limits();
    match kind {
        "sn" => SerialNumber::parse(id, limits).map(Member::SerialNumber),
        "content" => ContentId::parse(id, limits).map(Member::Content),
        "group" => GroupId::parse(id, limits).map(Member::Group),
        _ => Err(Error::Malformed(Field("kind"))),
    }
}

fn window(query: &Fields) -> Window {
    let offset = query.text("from").parse().unwrap_or(0);
    Window { offset: u64::min(offset, 1 << 40), limit: ON_A_PAGE }
}

fn next(path: &str, window: Window, shown: usize) -> Option<String> {
    (shown == window.limit as usize).then(|| format!("{path}?from={}", window.offset + u64::from(window.limit)))
}

impl Page {
    /// Where a member is looked at.
    fn place(&self, member: &Member) -> String {
        let kind = match member.kind() {
            MemberKind::SerialNumber => "numbers",
            MemberKind::Content => "content",
            MemberKind::Group => "groups",
        };
        format!("{}/{kind}/{}", self.model_path, segment::written(member.id()))
    }
}
