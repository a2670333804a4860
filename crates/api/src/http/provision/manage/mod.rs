//! What a vendor calls (contract, manage.md): one file a noun. Each decodes a request into one value, calls its rule in a
//! transaction that begins with the caller, and encodes what comes back.
//!
//! A value that does not parse stays an error until the caller and the object are known, so that a stranger learns nothing
//! from it.

mod content;
mod group;
mod model;
mod number;
pub(in crate::http) mod registration;
mod share;
pub(in crate::http) mod token;

use std::sync::Arc;

use ::model::{Error, ModelName, Noun, Page, Result};
use domain::caller::{self, Credential, OwnedModel, Vendor};
use store::Tx;
use wire::csv::write_record;
use wire::form::Form;

use super::credential;
use crate::common::app::App;
use crate::http::{Answer, Body, Head, Route};

/// Who calls, and on whose models.
#[derive(Clone)]
pub(super) struct Caller {
    credential: Credential,
    /// `X-Exosite-Vendor`.
    maker: Option<String>,
}

/// Answers a call on models, contents, groups or shares.
pub(in crate::http) async fn answer(
    app: &Arc<App>,
    head: &Head,
    body: Body,
    route: Route,
    [model, id]: [&str; 2],
) -> Result<Answer> {
    let caller =
        Caller { credential: credential(head)?, maker: head.single_header("x-exosite-vendor")?.map(str::to_owned) };
    match route {
        Route::Models => model::collection(app, head, body, caller).await,
        Route::Model => model::one(app, head, body, caller, model).await,
        Route::SerialNumbers => number::collection(app, head, body, caller, model).await,
        Route::SerialNumber => number::one(app, head, body, caller, model, id).await,
        Route::Contents => content::collection(app, head, body, caller, model).await,
        Route::Content => content::one(app, head, body, caller, model, id).await,
        Route::Groups => group::collection(app, head, body, caller, model).await,
        Route::Group => group::one(app, head, body, caller, model, id).await,
        Route::Members => group::members(app, head, body, caller, model, id).await,
        Route::Shares => share::collection(app, head, body, caller, model).await,
        Route::Share => share::one(app, head, caller, model, id).await,
        _ => Ok(Answer::not_found()),
    }
}

impl Caller {
    /// The vendor that calls, for calls that a share does not allow.
    fn alone(&self, tx: &mut Tx<'_>) -> Result<Vendor> {
        let vendor = caller::vendor(tx, &self.credential)?;
        match &self.maker {
            Some(maker) if maker != vendor.name().as_str() => Err(Error::Forbidden(Noun::Share)),
            _ => Ok(vendor),
        }
    }

    /// The calling vendor's own model.
    fn model(&self, tx: &mut Tx<'_>, name: &Result<ModelName>) -> Result<OwnedModel> {
        let vendor = self.alone(tx)?;
        match name {
            Ok(name) => vendor.model(tx, name),
            Err(_) => Err(Error::Absent(Noun::Model)),
        }
    }

    /// The serial numbers of its own model, or of one that is shared with it.
    fn numbers(&self, tx: &mut Tx<'_>, name: &Result<ModelName>) -> Result<caller::Numbers> {
        let vendor = caller::vendor(tx, &self.credential)?;
        let foreign = self.maker.as_deref().filter(|maker| *maker != vendor.name().as_str());
        match (name, foreign) {
            (Ok(name), foreign) => vendor.numbers(tx, name, foreign),
            (Err(_), None) => Err(Error::Absent(Noun::Model)),
            (Err(_), Some(_)) => Err(Error::Forbidden(Noun::Share)),
        }
    }
}

/// A rule that reads one of the caller's models.
async fn read<T: Send + 'static>(
    app: &Arc<App>,
    caller: Caller,
    model: &str,
    rule: impl Fn(&mut Tx<'_>, &OwnedModel) -> Result<T> + Send + 'static,
) -> Result<T> {
    let name = ModelName::parse(model, app.limits());
    app.store
        .read(move |tx| {
            let model = caller.model(tx, &name)?;
            rule(tx, &model)
        })
        .await
}

/// A rule that changes one of the caller's models; a success is 205.
async fn change(
    app: &Arc<App>,
    caller: Caller,
    model: &str,
    rule: impl Fn(&mut Tx<'_>, &OwnedModel) -> Result<()> + Send + 'static,
) -> Result<Answer> {
    let name = ModelName::parse(model, app.limits());
    app.store
        .write(move |tx| {
            let model = caller.model(tx, &name)?;
            rule(tx, &model)
        })
        .await?;
    Ok(Answer::reset_content())
}

/// One word a line.
fn lines<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for word in words {
        write_record(&mut text, [word.as_ref()]);
    }
    text
}

/// A list that answers 204 when it is empty.
fn list_or_nothing(text: String) -> Answer {
    if text.is_empty() { Answer::no_content() } else { Answer::csv(text) }
}

/// The page that the query asks for.
fn page(query: &Form<'_>) -> Result<Page> {
    Ok(Page::from_fields(query.one("offset")?, query.one("limit")?))
}
