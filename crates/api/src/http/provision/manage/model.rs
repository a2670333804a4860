//! `/provision/manage/model/` (contract, manage.md "Models").

use std::sync::Arc;

use domain::caller;
use domain::provision::{self, ModelChange, TemplateName};
use http::{HeaderValue, Method, StatusCode};
use model::{Error, Field, ModelName, ModelOptions, Result, Rid, SecretKey, ShareCode};
use wire::csv::write_record;
use wire::form::{self, Form};

use super::{Caller, change, lines, read};
use crate::common::app::App;
use crate::http::provision::body_form;
use crate::http::{Answer, Body, Head, Route};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// All models of the caller.
pub(super) async fn collection(app: &Arc<App>, head: &Head, body: Body, caller: Caller) -> Result<Answer> {
    match *head.method() {
        Method::GET | Method::HEAD => {
            let query = Form::from_query(Some(head.query()), app.limits())?;
            match query.one("show")? {
                Some("shared") => shared(app, caller).await,
                _ => own(app, caller).await,
            }
        }
        Method::POST => {
            let bytes = body_form(app, head, body).await?;
            let form = Form::from_body(&bytes, app.limits())?;
            let name = form.required("model").and_then(|name| ModelName::parse(name, app.limits()));
            match form.flag("delete") {
                Ok(true) => delete(app, caller, name).await,
                flag => create(app, caller, name, flag.and_then(|_| read_change(&form))).await,
            }
        }
        _ => Ok(Answer::method_not_allowed(Route::Models.methods())),
    }
}

/// One model.
pub(super) async fn one(app: &Arc<App>, head: &Head, body: Body, caller: Caller, name: &str) -> Result<Answer> {
    match *head.method() {
        Method::GET | Method::HEAD => show(app, caller, name).await,
        Method::PUT => {
            let bytes = body_form(app, head, body).await?;
            let given = Form::from_body(&bytes, app.limits()).and_then(|form| read_change(&form));
            let settings = app.settings.clone();
            change(app, caller, name, move |tx, model| {
                provision::update_model(tx, &settings, model, given.as_ref().map_err(Clone::clone)?)
            })
            .await
        }
        Method::DELETE => change(app, caller, name, provision::delete_model).await,
        _ => Ok(Answer::method_not_allowed(Route::Model.methods())),
    }
}

async fn own(app: &Arc<App>, caller: Caller) -> Result<Answer> {
    let models = app
        .store
        .read(move |tx| {
            let vendor = caller.alone(tx)?;
            provision::models(tx, &vendor)
        })
        .await?;
    Ok(Answer::csv(lines(models.iter().map(ModelName::as_str))))
}

async fn shared(app: &Arc<App>, caller: Caller) -> Result<Answer> {
    let shared = app
        .store
        .read(move |tx| {
            let vendor = caller.alone(tx)?;
            provision::shared_models(tx, &vendor)
        })
        .await?;
    let mut text = String::new();
    for (vendor, model) in &shared {
        write_record(&mut text, [vendor.as_str(), model.as_str()]);
    }
    Ok(Answer::csv(text))
}

async fn create(app: &Arc<App>, caller: Caller, name: Result<ModelName>, given: Result<ModelChange>) -> Result<Answer> {
    let settings = app.settings.clone();
    app.store
        .write(move |tx| {
            let vendor = caller.alone(tx)?;
            let name = name.as_ref().map_err(Clone::clone)?;
            provision::create_model(tx, &settings, &vendor, name, given.as_ref().map_err(Clone::clone)?)
        })
        .await?;
    Ok(Answer::reset_content())
}

async fn delete(app: &Arc<App>, caller: Caller, name: Result<ModelName>) -> Result<Answer> {
    app.store
        .write(move |tx| {
            let vendor: caller::Vendor = caller.alone(tx)?;
            let model = vendor.model(tx, name.as_ref().map_err(Clone::clone)?)?;
            provision::delete_model(tx, &model)
        })
        .await?;
    Ok(Answer::reset_content())
}

async fn show(app: &Arc<App>, caller: Caller, name: &str) -> Result<Answer> {
    let shown = read(app, caller, name, provision::show_model).await?;
    let template = match &shown.template {
        Some(TemplateName::Rid(rid)) => ("rid", rid.to_string()),
        Some(TemplateName::Code(code)) => ("code", code.expose_hex()),
        None => ("rid", String::new()),
    };
    let timeout = shown.activation_timeout_s.to_string();
    let words = shown.options.words();
    let fields = std::iter::once((template.0, template.1.as_str()))
        .chain(words.iter().map(|word| ("options[]", *word)))
        .chain([("activation_timeout", timeout.as_str())]);
    Ok(Answer::bytes(StatusCode::OK, FORM, form::encode(fields)))
}

fn read_change(form: &Form<'_>) -> Result<ModelChange> {
    let given = |name| Ok::<_, Error>(form.one(name)?.filter(|text| !text.is_empty()));
    let template = match (given("rid")?, given("code")?) {
        (Some(_), Some(_)) => return Err(Error::Malformed(Field("code"))),
        (Some(rid), None) => Some(TemplateName::Rid(Rid::parse(rid)?)),
        (None, Some(code)) => Some(TemplateName::Code(ShareCode::parse(code).ok_or(Error::Malformed(Field("code")))?)),
        (None, None) => None,
    };
    let timeout = given("activation_timeout")?;
    let timeout = timeout.map(|text| text.parse().map_err(|_| Error::Malformed(Field("activation_timeout"))));
    Ok(ModelChange {
        template,
        options: ModelOptions::parse(form.words("options")?)?,
        activation_timeout_s: timeout.transpose()?,
    })
}
