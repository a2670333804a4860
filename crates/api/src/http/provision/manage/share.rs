//! `/provision/manage/share/<model>/` (contract, manage.md "Shares").

use std::sync::Arc;

use domain::provision;
use http::Method;
use model::{Error, Noun, Result, VendorName};
use wire::form::Form;

use super::{Caller, change, lines, list_or_nothing, read};
use crate::common::app::App;
use crate::http::provision::body_form;
use crate::http::{Answer, Body, Head, Route};

/// The shares of a model.
pub(super) async fn collection(app: &Arc<App>, head: &Head, body: Body, caller: Caller, model: &str) -> Result<Answer> {
    match *head.method() {
        Method::GET | Method::HEAD => {
            let partners = read(app, caller, model, |tx, model| provision::partners(tx, model)).await?;
            Ok(list_or_nothing(lines(partners.iter().map(VendorName::as_str))))
        }
        Method::POST => {
            let bytes = body_form(app, head, body).await?;
            let limits = app.limits().clone();
            change(app, caller, model, move |tx, model| {
                let form = Form::from_body(&bytes, &limits)?;
                let partner = form.required("vendor")?;
                if form.flag("delete")? {
                    provision::unshare(tx, model, partner)
                } else {
                    provision::share(tx, model, partner)
                }
            })
            .await
        }
        _ => Ok(Answer::method_not_allowed(Route::Shares.methods())),
    }
}

/// One share.
pub(super) async fn one(app: &Arc<App>, head: &Head, caller: Caller, model: &str, partner: &str) -> Result<Answer> {
    let partner = partner.to_owned();
    match *head.method() {
        Method::GET | Method::HEAD => {
            let shared = read(app, caller, model, move |tx, model| provision::is_shared(tx, model, &partner));
            if shared.await? { Ok(Answer::no_content()) } else { Err(Error::Absent(Noun::Share)) }
        }
        Method::DELETE => change(app, caller, model, move |tx, model| provision::unshare(tx, model, &partner)).await,
        _ => Ok(Answer::method_not_allowed(Route::Share.methods())),
    }
}
