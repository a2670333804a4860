//! `POST /provision/activate` (contract, device.md "Activate").

use std::sync::Arc;

use domain::provision::Activate;
use model::{Error, Field, Limits, Noun, Result, SerialNumber};
use wire::form::Form;

use super::body_form;
use crate::common::activation;
use crate::common::app::App;
use crate::http::{Answer, Body, Head};

const NONCE_CHARACTERS: std::ops::RangeInclusive<usize> = 16..=64;

/// Gives a device its key.
pub async fn activate(app: &Arc<App>, head: &Head, body: Body) -> Result<Answer> {
    let bytes = body_form(app, head, body).await?;
    let request = read(app.limits(), head, &Form::from_body(&bytes, app.limits())?)?;
    let answer = activation::activate(app, request).await?;
    Ok(Answer::text(answer.text()).by("POST /provision/activate"))
}

fn read(limits: &Limits, head: &Head, form: &Form<'_>) -> Result<Activate> {
    let name = |field| {
        let text = form.required(field)?;
        if text.len() > limits.name_characters { Err(Error::TooLarge(Field(field))) } else { Ok(text.to_owned()) }
    };
    let (vendor, model) = (name("vendor")?, name("model")?);
    // A number that could not be registered is an unknown one, unless it is over its limit.
    let serial_number = match SerialNumber::parse(form.required("sn")?, limits) {
        Err(Error::Malformed(_)) => return Err(Error::Absent(Noun::SerialNumber)),
        other => other?,
    };
    let nonce = nonce(head, form)?;
    Ok(Activate { vendor, model, serial_number, nonce, address: head.peer(), logged: true })
}

/// The nonce, from the form or from `Idempotency-Key`, bare or quoted; both must agree.
fn nonce(head: &Head, form: &Form<'_>) -> Result<Option<String>> {
    let malformed = Error::Malformed(Field("nonce"));
    let key = head
        .single_header("idempotency-key")?
        .map(|key| key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key));
    let nonce = match (form.one("nonce")?, key) {
        (Some(field), Some(key)) if field != key => return Err(malformed),
        (Some(nonce), _) | (None, Some(nonce)) => nonce,
        (None, None) => return Ok(None),
    };
    if NONCE_CHARACTERS.contains(&nonce.chars().count()) { Ok(Some(nonce.to_owned())) } else { Err(malformed) }
}
