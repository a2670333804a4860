//! `/provision/manage/model/<model>/` and `…/<sn>` (contract, manage.md "Serial numbers", "One serial number").

use std::sync::Arc;

use bytes::Bytes;
use domain::provision::{self, Listed, NewNumber};
use http::Method;
use model::{Error, Extra, Field, GroupId, Limits, ModelName, Noun, Range, Result, Rid, SerialNumber};
use wire::csv::{self, write_record};
use wire::form::Form;
use wire::ranges_json;

use super::{Caller, change, lines, list_or_nothing, page, read};
use crate::common::activation;
use crate::common::app::App;
use crate::http::provision::{Kind, body_form, require_kind};
use crate::http::{Answer, Body, Head, Route};

/// What a body asks of a model's serial numbers.
enum Asked {
    Add(Vec<NewNumber>),
    Remove(Vec<SerialNumber>),
    AddRanges(Vec<Range>),
    RemoveRanges(Vec<Range>),
}

/// What a form asks of one serial number.
enum AskedOfOne {
    EnableFor(Rid),
    Reenable,
    Remap(SerialNumber),
    Disable,
}

/// The serial numbers of a model.
pub(super) async fn collection(app: &Arc<App>, head: &Head, body: Body, caller: Caller, model: &str) -> Result<Answer> {
    match *head.method() {
        Method::GET | Method::HEAD => {
            let query = Form::from_query(Some(head.query()), app.limits())?;
            match query.one("show")? {
                Some("ranges") => {
                    let ranges = read(app, caller, model, |tx, model| provision::ranges(tx, model)).await?;
                    Ok(Answer::json(ranges_json::encode(&ranges)))
                }
                _ => list(app, caller, model, &query).await,
            }
        }
        Method::POST | Method::DELETE => {
            let kind = require_kind(head, &[Kind::Form, Kind::Csv, Kind::Json])?;
            let limit = app.limits().batch_body_bytes;
            let bytes = body.read(limit).await?;
            let removes = *head.method() == Method::DELETE;
            let asked = read_asked(kind, &bytes, removes, app.limits());
            apply(app, caller, model, asked).await
        }
        _ => Ok(Answer::method_not_allowed(Route::SerialNumbers.methods())),
    }
}

/// One serial number.
pub(super) async fn one(
    app: &Arc<App>,
    head: &Head,
    body: Body,
    caller: Caller,
    model: &str,
    sn: &str,
) -> Result<Answer> {
    let sn = SerialNumber::parse(sn, app.limits()).map_err(|_| Error::Absent(Noun::SerialNumber));
    match *head.method() {
        Method::GET | Method::HEAD => {
            let query = Form::from_query(Some(head.query()), app.limits())?;
            match query.one("show")? {
                Some("groups") => {
                    let page = page(&query)?;
                    let groups = read(app, caller, model, move |tx, model| {
                        provision::groups_of_number(tx, model, sn.as_ref().map_err(Clone::clone)?, page)
                    });
                    Ok(list_or_nothing(lines(groups.await?.iter().map(GroupId::as_str))))
                }
                Some("log") => show_log(app, caller, model, sn).await,
                _ => show(app, caller, model, sn).await,
            }
        }
        Method::POST => {
            let bytes = body_form(app, head, body).await?;
            let asked = Form::from_body(&bytes, app.limits()).and_then(|form| read_asked_of_one(&form, app.limits()));
            act(app, caller, model, sn, asked).await
        }
        Method::DELETE => {
            change(app, caller, model, move |tx, model| {
                let sn = sn.as_ref().map_err(Clone::clone)?;
                provision::remove_numbers(tx, model, std::slice::from_ref(sn))
            })
            .await
        }
        _ => Ok(Answer::method_not_allowed(Route::SerialNumber.methods())),
    }
}

async fn list(app: &Arc<App>, caller: Caller, model: &str, query: &Form<'_>) -> Result<Answer> {
    let (page, with_status) = (page(query)?, query.flag("status"));
    let partner = query.one("shared")?.filter(|name| !name.is_empty()).map(str::to_owned);
    let name = ModelName::parse(model, app.limits());
    let of_job = Arc::clone(app);
    // Where pages ended is remembered here, and others may have changed it.
    app.store.catch_up().await?;
    let numbers = app
        .store
        .read(move |tx| {
            let numbers = caller.numbers(tx, &name)?;
            if let Some(partner) = &partner {
                return provision::numbers_of_partner(tx, &numbers, partner, page);
            }
            let (app, stamp, model_id) = (&of_job, tx.stamp(), numbers.model().id);
            let before = |model_id| app.anchors.before(&app.store, model_id, page);
            let listed = provision::numbers(tx, &numbers, page, before)?;
            if let (None, Some(last)) = (numbers.partner(), listed.last()) {
                app.anchors.keep(model_id, page, listed.len(), stamp, last.serial_number.clone());
            }
            Ok(listed)
        })
        .await?;
    let with_status = with_status?;
    let mut text = String::new();
    for number in &numbers {
        let rid = number.rid.map(|rid| rid.to_string()).unwrap_or_default();
        let (sn, extra) = (number.serial_number.as_str(), number.extra.as_str());
        if with_status {
            write_record(&mut text, [sn, number.status.word(), &rid, extra]);
        } else {
            write_record(&mut text, [sn, &rid, extra]);
        }
    }
    Ok(Answer::csv(text))
}

async fn show(app: &Arc<App>, caller: Caller, model: &str, sn: Result<SerialNumber>) -> Result<Answer> {
    let name = ModelName::parse(model, app.limits());
    let shown = app
        .store
        .read(move |tx| {
            let numbers = caller.numbers(tx, &name)?;
            provision::show_number(tx, &numbers, sn.as_ref().map_err(Clone::clone)?)
        })
        .await?;
    let Some(Listed { status, rid, extra, .. }) = shown else { return Ok(Answer::no_content()) };
    let rid = rid.map(|rid| rid.to_string()).unwrap_or_default();
    let mut text = String::new();
    write_record(&mut text, [status.word(), &rid, extra.as_str()]);
    Ok(Answer::csv(text))
}

async fn show_log(app: &Arc<App>, caller: Caller, model: &str, sn: Result<SerialNumber>) -> Result<Answer> {
    let name = ModelName::parse(model, app.limits());
    let text = app
        .store
        .read(move |tx| {
            let numbers = caller.numbers(tx, &name)?;
            let sn = sn.as_ref().map_err(Clone::clone)?;
            let (model, vendor) = (numbers.model().name.as_str(), numbers.maker().as_str());
            let mut text = String::new();
            for one in provision::show_log(tx, &numbers, sn)? {
                let result = one.verb.result_word().unwrap_or_default();
                let entry = format!("model={model}&vendor={vendor}&sn={sn}&result={result}");
                write_record(&mut text, [one.at.to_string().as_str(), &one.address, &entry]);
            }
            Ok(text)
        })
        .await?;
    Ok(list_or_nothing(text))
}

async fn apply(app: &Arc<App>, caller: Caller, model: &str, asked: Result<Asked>) -> Result<Answer> {
    let settings = app.settings.clone();
    change(app, caller, model, move |tx, model| match asked.as_ref().map_err(Clone::clone)? {
        Asked::Add(numbers) => provision::add_numbers(tx, model, numbers),
        Asked::Remove(numbers) => provision::remove_numbers(tx, model, numbers),
        Asked::AddRanges(ranges) => provision::add_ranges(tx, &settings, model, ranges),
        Asked::RemoveRanges(ranges) => provision::remove_ranges(tx, model, ranges),
    })
    .await
}

async fn act(
    app: &Arc<App>,
    caller: Caller,
    model: &str,
    sn: Result<SerialNumber>,
    asked: Result<AskedOfOne>,
) -> Result<Answer> {
    let name = ModelName::parse(model, app.limits());
    let (made, enabled) = app
        .store
        .write(move |tx| {
            // Remapping is not among the calls of a share.
            let numbers = match &asked {
                Ok(AskedOfOne::Remap(_)) => caller.model(tx, &name)?.numbers(),
                _ => caller.numbers(tx, &name)?,
            };
            let sn = sn.as_ref().map_err(Clone::clone)?;
            let named = activation::number(numbers.maker().as_str(), numbers.model().name.as_str(), sn.as_str());
            match asked.as_ref().map_err(Clone::clone)? {
                AskedOfOne::EnableFor(owner) => {
                    Ok((Some(provision::enable_for_owner(tx, &numbers, sn, *owner)?), Some(named)))
                }
                AskedOfOne::Reenable => provision::reenable(tx, &numbers, sn).map(|()| (None, Some(named))),
                AskedOfOne::Remap(old) => provision::remap(tx, &numbers, sn, old).map(|()| (None, Some(named))),
                AskedOfOne::Disable => provision::disable(tx, &numbers, sn).map(|()| (None, None)),
            }
        })
        .await?;
    if let Some(number) = enabled {
        app.tries.forget_number(&number);
    }
    Ok(match made {
        Some(rid) => Answer::csv(format!("{rid}\n")),
        None => Answer::reset_content(),
    })
}

fn read_asked(kind: Kind, bytes: &Bytes, removes: bool, limits: &Limits) -> Result<Asked> {
    match kind {
        Kind::Json if removes => Ok(Asked::RemoveRanges(ranges_json::decode(bytes, limits)?)),
        Kind::Json => Ok(Asked::AddRanges(ranges_json::decode(bytes, limits)?)),
        Kind::Csv => {
            let numbers = read_csv(bytes, limits)?;
            if removes {
                return Ok(Asked::Remove(numbers.into_iter().map(|number| number.serial_number).collect()));
            }
            Ok(Asked::Add(numbers))
        }
        Kind::Form => {
            let form = Form::from_body(bytes, limits)?;
            // Each is read, so that one that is malformed or stands twice is refused whatever the others say.
            let asked_to_remove = [form.flag("delete")?, form.flag("remove")?];
            let removes = removes || asked_to_remove.contains(&true);
            let extra = form.one("extra")?.unwrap_or("");
            let given = form.list("sn")?;
            if given.is_empty() {
                return Err(Error::Malformed(Field("sn")));
            }
            require_batch(given.len(), limits)?;
            let numbers = given.into_iter().map(|sn| SerialNumber::parse(sn, limits));
            if removes {
                return Ok(Asked::Remove(numbers.collect::<Result<_>>()?));
            }
            let extra = Extra::parse(extra, limits)?;
            let numbers = numbers.map(|sn| Ok(NewNumber { serial_number: sn?, extra: extra.clone() }));
            Ok(Asked::Add(numbers.collect::<Result<_>>()?))
        }
    }
}

/// `<sn>[,<extra>]` a line.
fn read_csv(bytes: &[u8], limits: &Limits) -> Result<Vec<NewNumber>> {
    let mut numbers = Vec::new();
    for record in csv::Reader::new(bytes) {
        let record = record.map_err(Error::from)?;
        let (sn, extra) = match &record.fields[..] {
            [sn] => (sn, ""),
            [sn, extra] => (sn, extra.as_ref()),
            _ => return Err(Error::Malformed(Field("body"))),
        };
        numbers
            .push(NewNumber { serial_number: SerialNumber::parse(sn, limits)?, extra: Extra::parse(extra, limits)? });
        require_batch(numbers.len(), limits)?;
    }
    if numbers.is_empty() { Err(Error::Malformed(Field("sn"))) } else { Ok(numbers) }
}

fn require_batch(count: usize, limits: &Limits) -> Result<()> {
    if count > limits.batch_serial_numbers { Err(Error::TooLarge(Field("body"))) } else { Ok(()) }
}

fn read_asked_of_one(form: &Form<'_>, limits: &Limits) -> Result<AskedOfOne> {
    let owner = form.one("owner")?;
    let old = form.one("oldsn")?;
    match (form.flag("enable")?, form.flag("disable")?, owner, old) {
        (true, false, Some(owner), None) => {
            Ok(AskedOfOne::EnableFor(Rid::parse(owner).map_err(|_| Error::Malformed(Field("owner")))?))
        }
        (true, false, None, Some(old)) => {
            let old = SerialNumber::parse(old, limits).map_err(|_| Error::Malformed(Field("oldsn")))?;
            Ok(AskedOfOne::Remap(old))
        }
        (true, false, None, None) => Ok(AskedOfOne::Reenable),
        (false, true, None, None) => Ok(AskedOfOne::Disable),
        _ => Err(Error::Malformed(Field("enable"))),
    }
}
