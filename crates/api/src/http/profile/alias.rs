//! `/onep:v1/stack/alias`: reading, writing, both at once, and long polling (contract, data.md).

use std::sync::Arc;

use domain::caller;
use domain::data::{self, AliasWrite};
use model::{Error, Field, Result};
use wire::form::Form;

use super::entry::{Caller, answer_pairs, device_credential};
use super::poll;
use crate::common::app::App;
use crate::http::provision::body_form;
use crate::http::{Answer, Body, Head};

/// Reads the newest values of aliases, or waits for one.
pub(in crate::http) async fn read(app: &Arc<App>, head: Head) -> Result<Answer> {
    let caller = Caller::find(app, device_credential(&head)?).await?;
    if head.single_header("request-timeout")?.is_some() {
        let poll = poll::Poll::read(app, &head)?;
        // The head goes: thousands wait, and none of them needs it any more. Boxed, so that no other request pays for the
        // room that this one needs.
        drop(head);
        return Box::pin(poll.wait(app, caller)).await;
    }
    let query = Form::from_query(Some(head.query()), app.limits())?;
    read_aliases(app, &caller, &query).await
}

/// Writes values; where the query names aliases, reads those after it.
pub(in crate::http) async fn write(app: &Arc<App>, head: &Head, body: Body) -> Result<Answer> {
    let credential = device_credential(head)?;
    let bytes = body_form(app, head, body).await?;
    let caller = Caller::find(app, credential).await?;
    let form = Form::from_body(&bytes, app.limits())?;
    let query = Form::from_query(Some(head.query()), app.limits())?;
    if form.is_empty() && query.is_empty() {
        return Err(Error::Malformed(Field("body")));
    }
    if form.is_empty() {
        return read_aliases(app, &caller, &query).await;
    }
    let targets = caller.targets(app, form.iter().map(|(alias, _)| alias)).await?;
    let writes: Vec<AliasWrite> = form
        .iter()
        .zip(targets)
        .map(|((alias, text), target)| AliasWrite { alias: alias.to_owned(), text: text.to_owned(), target })
        .collect();
    let names: Vec<String> = query.iter().map(|(alias, _)| alias.to_owned()).collect();
    let of_job = Arc::clone(app);
    let read = app
        .store
        .write(move |tx| {
            let client = caller::again(tx, &caller.remembered, &caller.credential)?;
            data::write_aliases(tx, &client, &writes, of_job.limits())?;
            data::read_aliases(tx, &client, names.iter().map(String::as_str))
        })
        .await?;
    let values = read.iter().map(|found| found.as_ref()?.latest.as_deref());
    let pairs: Vec<_> = query.iter().map(|(alias, _)| alias).zip(values).collect();
    Ok(answer_pairs(pairs.into_iter()))
}

async fn read_aliases(app: &App, caller: &Caller, query: &Form<'_>) -> Result<Answer> {
    let names = || query.iter().map(|(alias, _)| alias);
    let values = caller.latest(app, names()).await?;
    let pairs: Vec<_> = names().zip(values.iter().map(|held| held.as_ref()?.as_deref())).collect();
    Ok(answer_pairs(pairs.into_iter()))
}
