//! `/provision/manage/group/<model>/` (contract, manage.md "Groups").

use std::sync::Arc;

use bytes::Bytes;
use domain::provision::{self, MemberChange};
use http::Method;
use model::{ContentId, Error, Field, GroupId, Limits, Meta, Noun, Result, SerialNumber, UnixSeconds};
use store::table::membership::{Member, MemberKind};
use wire::csv::{self, write_record};
use wire::form::Form;

use super::{Caller, change, lines, list_or_nothing, page, read};
use crate::common::app::App;
use crate::http::provision::{Kind, body_form, require_kind, text};
use crate::http::{Answer, Body, Head, Route};

/// The groups of a model.
pub(super) async fn collection(app: &Arc<App>, head: &Head, body: Body, caller: Caller, model: &str) -> Result<Answer> {
    match *head.method() {
        Method::GET | Method::HEAD => {
            let query = Form::from_query(Some(head.query()), app.limits())?;
            let page = page(&query)?;
            let groups = read(app, caller, model, move |tx, model| provision::groups(tx, model, page)).await?;
            let mut text = String::new();
            for (id, meta) in &groups {
                write_record(&mut text, [id.as_str(), meta.as_str()]);
            }
            Ok(list_or_nothing(text))
        }
        Method::POST => {
            let bytes = body_form(app, head, body).await?;
            let limits = app.limits().clone();
            change(app, caller, model, move |tx, model| {
                let form = Form::from_body(&bytes, &limits)?;
                let id = GroupId::parse(form.required("id")?, &limits)?;
                if form.flag("delete")? {
                    return provision::delete_group(tx, model, &id);
                }
                provision::create_group(tx, model, &id, &Meta::parse(text(&form, "meta")?, &limits)?)
            })
            .await
        }
        _ => Ok(Answer::method_not_allowed(Route::Groups.methods())),
    }
}

/// One group.
pub(super) async fn one(
    app: &Arc<App>,
    head: &Head,
    _body: Body,
    caller: Caller,
    model: &str,
    id: &str,
) -> Result<Answer> {
    let id = read_id(app, id);
    match *head.method() {
        Method::GET | Method::HEAD => {
            let query = Form::from_query(Some(head.query()), app.limits())?;
            match query.one("show")? {
                Some("groups") => {
                    let page = page(&query)?;
                    let groups = read(app, caller, model, move |tx, model| {
                        provision::groups_of_group(tx, model, id.as_ref().map_err(Clone::clone)?, page)
                    });
                    Ok(list_or_nothing(lines(groups.await?.iter().map(GroupId::as_str))))
                }
                _ => {
                    let (meta, count) = read(app, caller, model, move |tx, model| {
                        provision::group_info(tx, model, id.as_ref().map_err(Clone::clone)?)
                    })
                    .await?;
                    let mut text = String::new();
                    write_record(&mut text, [meta.as_str(), &count.to_string()]);
                    Ok(Answer::csv(text))
                }
            }
        }
        Method::DELETE => {
            change(app, caller, model, move |tx, model| {
                provision::delete_group(tx, model, id.as_ref().map_err(Clone::clone)?)
            })
            .await
        }
        _ => Ok(Answer::method_not_allowed(Route::Group.methods())),
    }
}

/// The members of a group.
pub(super) async fn members(
    app: &Arc<App>,
    head: &Head,
    body: Body,
    caller: Caller,
    model: &str,
    id: &str,
) -> Result<Answer> {
    let id = read_id(app, id);
    match *head.method() {
        Method::GET | Method::HEAD => {
            let query = Form::from_query(Some(head.query()), app.limits())?;
            list_members(app, caller, model, id, &query).await
        }
        Method::POST | Method::DELETE => {
            let kind = require_kind(head, &[Kind::Form, Kind::Csv])?;
            let bytes = body.read(app.limits().batch_body_bytes).await?;
            let removes = *head.method() == Method::DELETE;
            let asked = read_members(kind, &bytes, removes, app.limits());
            change(app, caller, model, move |tx, model| {
                let id = id.as_ref().map_err(Clone::clone)?;
                match &asked {
                    Ok(Asked::Add(members)) => provision::add_members(tx, model, id, members),
                    Ok(Asked::Remove(members)) => provision::remove_members(tx, model, id, members),
                    Err(error) => provision::group_info(tx, model, id).and(Err(error.clone())),
                }
            })
            .await
        }
        _ => Ok(Answer::method_not_allowed(Route::Members.methods())),
    }
}

async fn list_members(
    app: &Arc<App>,
    caller: Caller,
    model: &str,
    id: Result<GroupId>,
    query: &Form<'_>,
) -> Result<Answer> {
    let page = page(query)?;
    let given = |name| Ok::<_, Error>(query.one(name)?.filter(|text| !text.is_empty()));
    let kind = given("type")?.map(read_kind);
    let member = given("id")?.map(str::to_owned);
    let members = read(app, caller, model, move |tx, model| {
        let id = id.as_ref().map_err(Clone::clone)?;
        let kind = kind.clone().transpose()?;
        provision::members(tx, model, id, kind, member.as_deref(), page)
    })
    .await?;
    let mut text = String::new();
    for membership in &members {
        let expire = Some(membership.expires_at).filter(|at| *at != 0).map(|at| at.to_string()).unwrap_or_default();
        let member = &membership.member;
        write_record(&mut text, [member.kind().word(), member.id(), &expire, membership.meta.as_str()]);
    }
    Ok(list_or_nothing(text))
}

/// What a body asks of a group's members.
enum Asked {
    Add(Vec<MemberChange>),
    Remove(Vec<Member>),
}

fn read_members(kind: Kind, bytes: &Bytes, removes: bool, limits: &Limits) -> Result<Asked> {
    let (members, removes) = match kind {
        Kind::Csv => (read_csv(bytes, limits)?, removes),
        _ => {
            let form = Form::from_body(bytes, limits)?;
            let kind = read_kind(form.required("type")?)?;
            let expires_at = read_expire(text(&form, "expire")?)?;
            let meta = Meta::parse(text(&form, "meta")?, limits)?;
            let ids = form.list("id")?;
            let members = ids
                .into_iter()
                .map(|id| Ok(MemberChange { member: read_member(kind, id, limits)?, expires_at, meta: meta.clone() }));
            let asked_to_remove = form.flag("delete")?;
            (members.collect::<Result<Vec<_>>>()?, removes || asked_to_remove)
        }
    };
    if members.is_empty() {
        return Err(Error::Malformed(Field("id")));
    }
    if members.len() > limits.batch_serial_numbers {
        return Err(Error::TooLarge(Field("body")));
    }
    if removes {
        return Ok(Asked::Remove(members.into_iter().map(|change| change.member).collect()));
    }
    Ok(Asked::Add(members))
}

/// `<type>,<id>[,<expire>[,<meta>]]` a line.
fn read_csv(bytes: &[u8], limits: &Limits) -> Result<Vec<MemberChange>> {
    let mut members = Vec::new();
    for record in csv::Reader::new(bytes) {
        let record = record.map_err(Error::from)?;
        let (kind, id, expire, meta) = match &record.fields[..] {
            [kind, id] => (kind, id, "", ""),
            [kind, id, expire] => (kind, id, expire.as_ref(), ""),
            [kind, id, expire, meta] => (kind, id, expire.as_ref(), meta.as_ref()),
            _ => return Err(Error::Malformed(Field("body"))),
        };
        members.push(MemberChange {
            member: read_member(read_kind(kind)?, id, limits)?,
            expires_at: read_expire(expire)?,
            meta: Meta::parse(meta, limits)?,
        });
    }
    Ok(members)
}

fn read_kind(word: &str) -> Result<MemberKind> {
    MemberKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or(Error::Malformed(Field("type")))
}

fn read_member(kind: MemberKind, id: &str, limits: &Limits) -> Result<Member> {
    let member = match kind {
        MemberKind::SerialNumber => SerialNumber::parse(id, limits).map(Member::SerialNumber),
        MemberKind::Content => ContentId::parse(id, limits).map(Member::Content),
        MemberKind::Group => GroupId::parse(id, limits).map(Member::Group),
    };
    member.map_err(|_| Error::Malformed(Field("id")))
}

/// Unix seconds; empty or 0 is never.
fn read_expire(text: &str) -> Result<UnixSeconds> {
    match text {
        "" => Ok(0),
        text => text.parse().ok().filter(|at| *at >= 0).ok_or(Error::Malformed(Field("expire"))),
    }
}

fn read_id(app: &App, id: &str) -> Result<GroupId> {
    GroupId::parse(id, app.limits()).map_err(|_| Error::Absent(Noun::Group))
}
