//! `POST /provision/activate` (contract, device.md "Activate").

use std::sync::Arc;

use domain::provision::Activate;
use model::{Error, Field, Limits, Result};
use wire::form::Form;

use super::body_form;
use crate::common::activation::{self, Fields};
use crate::common::app::App;
use crate::http::{Answer, Body, Head};

/// Gives a device its key.
pub async fn activate(app: &Arc<App>, head: &Head, body: Body) -> Result<Answer> {
    let bytes = body_form(app, head, body).await?;
    let request = read(app.limits(), head, &Form::from_body(&bytes, app.limits())?)?;
    let answer = activation::activate(app, request, head.identity()).await?;
    Ok(Answer::text(answer.text()))
}

fn read(limits: &Limits, head: &Head, form: &Form<'_>) -> Result<Activate> {
    let (vendor, model, sn) = (form.required("vendor")?, form.required("model")?, form.required("sn")?);
    Fields { vendor, model, sn, nonce: nonce(head, form)? }.read(limits, head.peer())
}

/// The nonce, from the form or from `Idempotency-Key`, bare or quoted; both must agree.
fn nonce<'a>(head: &'a Head, form: &'a Form<'_>) -> Result<Option<&'a str>> {
    let key = head
        .single_header("idempotency-key")?
        .map(|key| key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key));
    match (form.one("nonce")?, key) {
        (Some(field), Some(key)) if field != key => Err(Error::Malformed(Field("nonce"))),
        (field, key) => Ok(field.or(key)),
    }
}
