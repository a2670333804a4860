//! Recording values of the past by alias (contract, data.md "Record").

use std::sync::Arc;

use domain::caller;
use domain::data::{self, AliasRecord, Collision};
use http::StatusCode;
use model::{Error, Field, Result, UnixSeconds};
use wire::form::{self, Form};

use super::entry::{Caller, device_credential};
use crate::common::app::App;
use crate::http::provision::body_form;
use crate::http::{Answer, Body, Head};

/// `POST /onep:v1/stack/record`: points of several aliases.
pub(in crate::http) async fn record(app: &Arc<App>, head: &Head, body: Body) -> Result<Answer> {
    record_form(app, head, body, read_records).await
}

/// `POST /onep:v1/stack/alias/<alias>`: points of one alias.
pub(in crate::http) async fn record_one(app: &Arc<App>, head: &Head, body: Body, alias: &str) -> Result<Answer> {
    let read = |form: &Form<'_>| {
        let points = form.iter().map(|(at, text)| point(at, text)).collect::<Result<_>>()?;
        Ok(vec![AliasRecord { alias: alias.to_owned(), points, target: None }])
    };
    record_form(app, head, body, read).await
}

async fn record_form(
    app: &Arc<App>,
    head: &Head,
    body: Body,
    read: impl FnOnce(&Form<'_>) -> Result<Vec<AliasRecord>>,
) -> Result<Answer> {
    let credential = device_credential(head)?;
    let bytes = body_form(app, head, body).await?;
    let caller = Caller::find(app, credential).await?;
    let form = Form::from_body(&bytes, app.limits())?;
    if form.is_empty() {
        return Err(Error::Malformed(Field("body")));
    }
    let mut records = read(&form)?;
    let targets = caller.targets(app, records.iter().map(|record| record.alias.as_str())).await?;
    for (record, target) in records.iter_mut().zip(targets) {
        record.target = target;
    }
    let of_job = Arc::clone(app);
    let collisions = app
        .store
        .write(move |tx| {
            let client = caller::again(tx, &caller.remembered, &caller.credential)?;
            data::record_aliases(tx, &client, &records, of_job.limits())
        })
        .await?;
    if collisions.is_empty() { Ok(Answer::no_content()) } else { Ok(answer_collisions(&collisions)) }
}

/// `alias=<alias>` begins the points of an alias, `<timestamp>=<value>` is one of them.
fn read_records(form: &Form<'_>) -> Result<Vec<AliasRecord>> {
    let mut records: Vec<AliasRecord> = Vec::new();
    for (name, value) in form.iter() {
        if name == "alias" {
            records.push(AliasRecord { alias: value.to_owned(), points: Vec::new(), target: None });
            continue;
        }
        let record = records.last_mut().ok_or(Error::Malformed(Field("alias")))?;
        record.points.push(point(name, value)?);
    }
    Ok(records)
}

fn point(at: &str, text: &str) -> Result<(UnixSeconds, String)> {
    let at = at.parse().map_err(|_| Error::Malformed(Field("timestamp")))?;
    Ok((at, text.to_owned()))
}

fn answer_collisions(collisions: &[Collision]) -> Answer {
    let pairs: Vec<_> = collisions.iter().map(|collision| (&*collision.alias, collision.at.to_string())).collect();
    let body = form::encode(pairs.iter().map(|(alias, at)| (*alias, at.as_str())));
    Answer::refusal(StatusCode::CONFLICT, body)
}
