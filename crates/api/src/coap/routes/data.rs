//! `/1a`: values by alias (contract, coap.md; data.md for the rules).

use std::sync::Arc;

use bytes::Bytes;
use domain::caller;
use domain::data::{self, AliasWrite};
use model::{Error, Field, Noun, Result};
use serde_json::{Map, Value};
use wire::cbor;
use wire::coap::{Code, content_format};

use super::entry::{credential, not_acceptable};
use crate::coap::request::text;
use crate::coap::watch::Watch;
use crate::coap::{Answer, Request};
use crate::common::aliases::Caller;
use crate::common::app::App;

/// `GET /1a/<alias>`: the newest value, empty where there is none yet; and whoever is told of the next ones, if the caller
/// asks to observe.
pub(super) async fn read(app: &Arc<App>, request: &Request, alias: &str) -> Result<(Answer, Option<Watch>)> {
    const ROUTE: &str = "GET /1a/<alias>";
    let caller = Caller::find(app, credential(request)?).await?;
    if let Some(refused) = not_acceptable(request, &[content_format::TEXT, content_format::OCTET_STREAM]) {
        return Ok((refused, None));
    }
    if request.observes {
        let client_id = caller.remembered.id();
        let (value, watch) = Box::pin(Watch::begin(app, caller.credential, alias.to_owned())).await?;
        let answer = Answer { observed_for: Some(client_id), ..value };
        return Ok((answer.by(ROUTE), Some(watch)));
    }
    let held = caller.latest(app, std::iter::once(alias)).await?.pop().flatten();
    let held = held.ok_or(Error::Absent(Noun::Alias))?;
    let value = held.map_or_else(Bytes::new, |value| Bytes::copy_from_slice(value.as_bytes()));
    Ok((answer_value(value).by(ROUTE), None))
}

/// `POST /1a/<alias>`: writes the payload.
pub(super) async fn write(app: &Arc<App>, request: &Request, alias: &str) -> Result<Answer> {
    let caller = Caller::find(app, credential(request)?).await?;
    let value = text(&request.body, "value")?.to_owned();
    write_then_read(app, caller, vec![(alias.to_owned(), value)], Vec::new()).await?;
    Ok(Answer::empty(Code::CHANGED).authenticated().by("POST /1a/<alias>"))
}

/// `POST /1a`: writes a map from alias to text, then reads the aliases of the query.
pub(super) async fn write_and_read(app: &Arc<App>, request: &Request) -> Result<Answer> {
    let caller = Caller::find(app, credential(request)?).await?;
    if request.format.is_some_and(|format| format != content_format::CBOR) {
        return Err(Error::UnknownContentType);
    }
    if let Some(refused) = not_acceptable(request, &[content_format::CBOR]) {
        return Ok(refused);
    }
    let values = values(&request.body, app.limits().body_bytes)?;
    let names = request.query.iter().skip(1).map(|alias| text(alias, "alias").map(str::to_owned));
    let found = write_then_read(app, caller, values, names.collect::<Result<_>>()?).await?;
    let found: Map<String, Value> = found.into_iter().map(|(alias, value)| (alias, Value::from(value))).collect();
    let body = cbor::encode(&found)?;
    Ok(Answer::content(content_format::CBOR, body).max_age(0).authenticated().by("POST /1a"))
}

/// 2.05 with a value. It may be another one in the next second.
pub(in crate::coap) fn answer_value(value: impl Into<Bytes>) -> Answer {
    Answer::text(value).max_age(0).authenticated()
}

/// What is to be written; nothing at all is an empty map. A number stands for its text.
fn values(body: &[u8], limit_bytes: usize) -> Result<Vec<(String, String)>> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let Value::Object(fields) = cbor::decode(body, limit_bytes)? else { return Err(Error::Malformed(Field("body"))) };
    let text = |(alias, value)| match value {
        Value::String(text) => Ok((alias, text)),
        Value::Number(number) => Ok((alias, number.to_string())),
        _ => Err(Error::Malformed(Field("value"))),
    };
    fields.into_iter().map(text).collect()
}

/// Writes all or nothing, then reads; aliases that hold nothing are left out. Any alias that does not exist refuses the
/// whole.
async fn write_then_read(
    app: &Arc<App>,
    caller: Caller,
    values: Vec<(String, String)>,
    names: Vec<String>,
) -> Result<Vec<(String, String)>> {
    if values.is_empty() {
        let held = caller.latest(app, names.iter().map(String::as_str)).await?;
        let held: Option<Vec<_>> = held.into_iter().collect();
        let held = held.ok_or(Error::Absent(Noun::Alias))?;
        return Ok(names
            .into_iter()
            .zip(held)
            .filter_map(|(alias, value)| Some((alias, value?.to_string())))
            .collect());
    }
    let targets = caller.targets(app, values.iter().map(|(alias, _)| alias.as_str())).await?;
    let write = |((alias, text), target)| AliasWrite { alias, text, target };
    let writes: Vec<AliasWrite> = values.into_iter().zip(targets).map(write).collect();
    let of_job = Arc::clone(app);
    let write = move |tx: &mut store::Tx<'_>| {
        let client = caller::again(tx, &caller.remembered, &caller.credential)?;
        for write in &writes {
            data::resolve(tx, &client, &write.alias, write.target.as_ref())?.ok_or(Error::Absent(Noun::Alias))?;
        }
        data::write_aliases(tx, &client, &writes, of_job.limits())?;
        let read = data::read_aliases(tx, &client, names.iter().map(String::as_str))?;
        let pairs = names.iter().zip(read);
        let pairs = pairs.map(|(alias, found)| Ok((alias.clone(), found.ok_or(Error::Absent(Noun::Alias))?.latest)));
        let pairs: Vec<_> = pairs.collect::<Result<_>>()?;
        Ok(pairs.into_iter().filter_map(|(alias, value)| Some((alias, value?))).collect())
    };
    app.store.write(write).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_come_as_a_map_of_texts() {
        let read = |value: &Value| values(&cbor::encode(value).unwrap(), 1000);
        assert_eq!(values(b"", 1000), Ok(vec![]));
        assert_eq!(read(&json!({})), Ok(vec![]));
        assert_eq!(read(&json!({"a": "1", "b": 2.5})), Ok(vec![("a".into(), "1".into()), ("b".into(), "2.5".into())]));
        for bad in [json!(null), json!([]), json!("a"), json!({"a": null}), json!({"a": true}), json!({"a": {}})] {
            assert!(read(&bad).is_err(), "{bad}");
        }
        assert!(values(b"\xff", 1000).is_err());
    }
}
