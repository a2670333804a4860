//! `/provision/register` (contract, manage.md "Registration").

use std::sync::Arc;

use domain::caller;
use domain::vendor;
use http::Method;
use model::{Result, VendorName};
use wire::form::Form;

use crate::common::app::App;
use crate::http::provision::{body_form, credential};
use crate::http::{Answer, Body, Head, Route};

/// Shows, registers or gives up the calling client's vendor name. A CIK in the token header is accepted here.
pub(in crate::http) async fn answer(app: &Arc<App>, head: &Head, body: Body) -> Result<Answer> {
    match *head.method() {
        Method::GET | Method::HEAD => {
            let credential = credential(head)?.either();
            let name = app
                .store
                .read(move |tx| {
                    let client = caller::client_or_vendor(tx, &credential)?;
                    vendor::name_of(tx, &client)
                })
                .await?;
            Ok(Answer::text(name.as_str().to_owned()))
        }
        Method::POST => {
            let credential = credential(head)?.either();
            let bytes = body_form(app, head, body).await?;
            let limits = app.limits().clone();
            app.store
                .write(move |tx| {
                    let client = caller::client_or_vendor(tx, &credential)?;
                    let form = Form::from_body(&bytes, &limits)?;
                    let name = VendorName::parse(form.required("vendor")?, &limits)?;
                    if form.flag("delete")? {
                        vendor::unregister(tx, &client, &name)
                    } else {
                        vendor::register(tx, &client, &name)
                    }
                })
                .await?;
            Ok(Answer::reset_content())
        }
        _ => Ok(Answer::method_not_allowed(Route::Registration.methods())),
    }
}
