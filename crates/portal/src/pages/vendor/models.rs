//! Client models: list, make, look, change, delete.

use askama::Template;
use domain::provision::{self, ModelChange, Port, TemplateName};
use http::StatusCode;
use model::{Error, Field, ModelName, ModelOptions, Rid, SecretKey as _, ShareCode};

use super::counting::{self, Counted};
use super::template::{self, Line};
use super::{model_name, require_typed};
use crate::exchange::Response;
use crate::form::Fields;
use crate::frame::{Frame, render};
use crate::markup::{Span, model_path};
use crate::refusal;
use crate::routes::Answer;
use crate::visit::Guest;

#[derive(Template)]
#[template(path = "vendor/models.html")]
struct ListPage {
    frame: Frame,
    models: Vec<(String, String)>,
    shared: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "vendor/model_new.html")]
struct NewPage {
    frame: Frame,
    fields: Fields,
    lines: Vec<Line>,
    least_s: i64,
    most_s: i64,
}

#[derive(Template)]
#[template(path = "vendor/model.html")]
struct Page {
    frame: Frame,
    name: String,
    vendor: String,
    base: String,
    options: Vec<&'static str>,
    window: Span,
    template: Option<provision::ShownTemplate>,
    counted: Counted,
    contents: usize,
    ranges: usize,
    path: String,
}

#[derive(Template)]
#[template(path = "vendor/model_settings.html")]
struct SettingsPage {
    frame: Frame,
    name: String,
    path: String,
    options: ModelOptions,
    window_s: i64,
    template: String,
    numbers: Counted,
}

/// All models.
pub async fn list(guest: Guest) -> Answer {
    let (person, (vendor, models, shared)) = guest
        .read(|tx, person| {
            let vendor = person.vendor_view(tx)?;
            Ok((vendor.name().to_string(), provision::models(tx, &vendor)?, provision::shared_models(tx, &vendor)?))
        })
        .await?;
    let models = models.iter().map(|name| (name.to_string(), model_path(name.as_str(), &[]))).collect();
    let frame = Frame::inside(&guest, &person, "Models", "/portal/models").of(&vendor);
    Ok(render(StatusCode::OK, &ListPage { frame, models, shared }))
}

/// The form for a new model, with its template.
pub async fn new(guest: Guest) -> Answer {
    let fields = Fields::default();
    new_page(&guest, StatusCode::OK, fields, None).await
}

/// Makes a model, and its template where that is new. A mistake leaves everything that was typed.
pub async fn create(mut guest: Guest) -> Answer {
    let fields = guest.form().await?;
    if fields.is_checked("more") {
        return new_page(&guest, StatusCode::OK, fields, None).await;
    }
    let made = make(&guest, &fields).await;
    match made {
        Ok(name) => Ok(Response::see_other(&format!("{}?said=made", model_path(name.as_str(), &[])))),
        Err(error @ (Error::Malformed(_) | Error::TooLarge(_) | Error::Exists(..) | Error::LimitReached(_))) => {
            let why = refusal::sentence(&error);
            new_page(&guest, StatusCode::BAD_REQUEST, fields, Some(why)).await
        }
        Err(error) => Err(error),
    }
}

async fn make(guest: &Guest, fields: &Fields) -> model::Result<ModelName> {
    let limits = guest.limits().clone();
    let settings = guest.settings().clone();
    let name = ModelName::parse(fields.trimmed("name"), &limits)?;
    let options = read_options(fields)?;
    let activation_timeout_s = template::window(fields)?;
    let named = read_template(fields)?;
    let ports: Vec<Port> = template::ports(fields)?;
    let made = name.clone();
    guest
        .write(move |tx, person| {
            let vendor = person.vendor(tx)?;
            let template = match &named {
                Some(named) => named.clone(),
                None => {
                    let caller = person.caller(tx)?;
                    let title = format!("template of {name}");
                    TemplateName::Rid(provision::make_template(tx, &limits, &caller, &title, &ports)?)
                }
            };
            let change = ModelChange { template: Some(template), options, activation_timeout_s };
            provision::create_model(tx, &settings, &vendor, &name, &change)
        })
        .await?;
    Ok(made)
}

/// One model.
pub async fn show(guest: Guest, name: &str) -> Answer {
    let name = model_name(name, guest.limits())?;
    let sought = name.clone();
    let (person, (vendor, view, template, seen, contents, ranges)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor_view(tx)?;
            let model = vendor.model_view(tx, &sought)?;
            let template = provision::template_of(tx, &model)?;
            let numbers = model.numbers_view();
            let seen = counting::first(tx, &numbers)?;
            let contents = provision::contents(tx, &model)?.len();
            let ranges = provision::ranges(tx, &model)?.len();
            Ok((vendor.name().to_string(), numbers, template, seen, contents, ranges))
        })
        .await?;
    let row = view.model();
    let page = Page {
        frame: Frame::inside(&guest, &person, name.as_str(), "/portal/models")
            .of(&vendor)
            .below(&[("/portal/models", "Models")]),
        base: guest.base.to_string(),
        options: row.options.words(),
        window: Span(row.activation_timeout_s),
        template,
        counted: counting::best(&guest.portal, &view, seen),
        contents,
        ranges,
        path: model_path(name.as_str(), &[]),
        name: name.to_string(),
        vendor,
    };
    Ok(render(StatusCode::OK, &page))
}

/// What can be changed of a model.
pub async fn settings(guest: Guest, name: &str) -> Answer {
    let name = model_name(name, guest.limits())?;
    let sought = name.clone();
    let (person, (vendor, view, template, seen)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor(tx)?;
            let model = vendor.model_view(tx, &sought)?;
            let template = provision::template_of(tx, &model)?;
            let numbers = model.numbers_view();
            let seen = counting::first(tx, &numbers)?;
            Ok((vendor.name().to_string(), numbers, template, seen))
        })
        .await?;
    let path = model_path(name.as_str(), &[]);
    let page = SettingsPage {
        frame: Frame::inside(&guest, &person, "Settings", "/portal/models")
            .of(&vendor)
            .below(&[("/portal/models", "Models"), (&path, name.as_str())]),
        options: view.model().options,
        window_s: view.model().activation_timeout_s,
        template: template.map_or_else(String::new, |template| template.rid.to_string()),
        numbers: counting::best(&guest.portal, &view, seen),
        name: name.to_string(),
        path,
    };
    Ok(render(StatusCode::OK, &page))
}

/// Changes options, window, template.
pub async fn update(mut guest: Guest, name: &str) -> Answer {
    let name = model_name(name, guest.limits())?;
    let fields = guest.form().await?;
    let settings = guest.settings().clone();
    let change = ModelChange {
        template: read_template(&fields)?,
        options: read_options(&fields)?,
        activation_timeout_s: template::window(&fields)?,
    };
    let path = model_path(name.as_str(), &[]);
    guest
        .write(move |tx, person| {
            let model = person.vendor(tx)?.model(tx, &name)?;
            provision::update_model(tx, &settings, &model, &change)
        })
        .await?;
    Ok(Response::see_other(&format!("{path}?said=saved")))
}

/// Deletes a model, after its name was typed.
pub async fn delete(mut guest: Guest, name: &str) -> Answer {
    let name = model_name(name, guest.limits())?;
    let fields = guest.form().await?;
    require_typed(fields.text("confirm"), name.as_str())?;
    guest
        .write(move |tx, person| {
            let model = person.vendor(tx)?.model(tx, &name)?;
            provision::delete_model(tx, &model)
        })
        .await?;
    Ok(Response::see_other("/portal/models?said=deleted"))
}

async fn new_page(guest: &Guest, status: StatusCode, fields: Fields, wrong: Option<String>) -> Answer {
    let (person, vendor) = guest.read(|tx, person| Ok(person.vendor(tx)?.name().to_string())).await?;
    let frame = Frame::inside(guest, &person, "New model", "/portal/models").of(&vendor);
    let frame = frame.below(&[("/portal/models", "Models")]);
    let frame = match wrong {
        Some(why) => frame.with_error(why),
        None => frame,
    };
    let (least_s, most_s) = (guest.settings().minimum_timeout_s, guest.settings().maximum_timeout_s);
    let lines = template::lines(&fields);
    Ok(render(status, &NewPage { frame, lines, fields, least_s, most_s }))
}

fn read_options(fields: &Fields) -> model::Result<ModelOptions> {
    ModelOptions::parse(fields.all("options"))
}

/// A template that is there already, by its RID or a share code; both are 40 digits, and the box says which.
fn read_template(fields: &Fields) -> model::Result<Option<TemplateName>> {
    let text = fields.trimmed("template");
    if text.is_empty() {
        return Ok(None);
    }
    if fields.text("template_kind") == "code" {
        return ShareCode::parse(text)
            .map(|code| Some(TemplateName::Code(code)))
            .ok_or(Error::Malformed(Field("code")));
    }
    Rid::parse(text).map(|rid| Some(TemplateName::Rid(rid)))
}
