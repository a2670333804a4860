//! `/provision/admin/auth/` (contract, manage.md "Vendor tokens"): with the vendor's CIK only.

use std::sync::Arc;

use domain::caller::{self, Vendor};
use domain::vendor;
use http::Method;
use http::header::{CACHE_CONTROL, HeaderValue};
use model::{Error, Noun, Result, SecretKey, Token, TokenId};
use store::Tx;
use wire::form::Form;

use super::lines;
use crate::common::app::App;
use crate::http::provision::{body_form, credential};
use crate::http::{Answer, Body, Head, Route};

/// The tokens of the calling vendor.
pub(in crate::http) async fn collection(app: &Arc<App>, head: &Head, body: Body) -> Result<Answer> {
    match *head.method() {
        Method::GET | Method::HEAD => {
            let tokens = with_vendor(app, head, |tx, vendor| vendor::list_tokens(tx, vendor)).await?;
            Ok(Answer::csv(lines(tokens.iter().map(TokenId::as_str))))
        }
        Method::POST => {
            // Who calls is asked before the body is.
            credential(head)?;
            let bytes = body_form(app, head, body).await?;
            let limits = app.limits().clone();
            let made = with_vendor(app, head, move |tx, vendor| {
                let form = Form::from_body(&bytes, &limits)?;
                let id = TokenId::parse(form.required("id")?, &limits)?;
                match form.flag("delete")? {
                    true => vendor::delete_token(tx, vendor, &id).map(|()| None),
                    false => vendor::create_token(tx, vendor, &id).map(Some),
                }
            })
            .await?;
            Ok(made.map_or_else(Answer::reset_content, |token| secret(&token)))
        }
        _ => Ok(Answer::method_not_allowed(Route::Tokens.methods())),
    }
}

/// One token.
pub(in crate::http) async fn one(app: &Arc<App>, head: &Head, id: &str) -> Result<Answer> {
    let id = TokenId::parse(id, app.limits()).map_err(|_| Error::Absent(Noun::Token));
    match *head.method() {
        Method::GET | Method::HEAD => {
            let settings = app.settings.clone();
            let token = with_vendor(app, head, move |tx, vendor| {
                vendor::show_token(tx, &settings, vendor, id.as_ref().map_err(Clone::clone)?)
            });
            Ok(secret(&token.await?))
        }
        Method::DELETE => {
            with_vendor(app, head, move |tx, vendor| {
                vendor::delete_token(tx, vendor, id.as_ref().map_err(Clone::clone)?)
            })
            .await?;
            Ok(Answer::reset_content())
        }
        _ => Ok(Answer::method_not_allowed(Route::Token.methods())),
    }
}

async fn with_vendor<T: Send + 'static>(
    app: &Arc<App>,
    head: &Head,
    rule: impl Fn(&mut Tx<'_>, &Vendor) -> Result<T> + Send + 'static,
) -> Result<T> {
    let credential = credential(head)?;
    app.store
        .write(move |tx| {
            let vendor = caller::vendor_by_cik_only(tx, &credential)?;
            rule(tx, &vendor)
        })
        .await
}

fn secret(token: &Token) -> Answer {
    Answer::text(token.expose_hex()).with(CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
