//! What the routes of provisioning read alike: credentials, kinds of body, fields.

use bytes::Bytes;
use domain::caller::Credential;
use model::{Error, Result};
use wire::form::Form;

use crate::common::app::App;
use crate::http::{Body, Head};

/// How a body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Kind {
    Form,
    Csv,
    Json,
}

/// What stands for a vendor: a CIK, a token, or either as a bearer. `Unauthorized` where there is nothing that could be one.
pub(in crate::http) fn credential(head: &Head) -> Result<Credential> {
    let shown = head.credentials()?;
    let credential = match (shown.cik, shown.token, shown.bearer) {
        (Some(cik), _, _) => Credential::from_cik(cik),
        (None, Some(token), _) => Credential::from_token(token),
        (None, None, Some(bearer)) => Credential::from_bearer(bearer),
        (None, None, None) => Credential::Absent,
    };
    present(credential)
}

/// What stands for a device: a CIK only.
pub(in crate::http) fn device_credential(head: &Head) -> Result<Credential> {
    let shown = head.credentials()?;
    present(shown.cik.or(shown.bearer).map_or(Credential::Absent, Credential::from_cik))
}

fn present(credential: Credential) -> Result<Credential> {
    match credential {
        Credential::Absent => Err(Error::Unauthorized),
        credential => Ok(credential),
    }
}

/// The kind of the body, if it is one of those that are understood here; no content type is a form.
pub(in crate::http) fn require_kind(head: &Head, understood: &[Kind]) -> Result<Kind> {
    let kind = match head.content_type()? {
        None => Kind::Form,
        Some(given) => {
            let is = |name: &str| given.eq_ignore_ascii_case(name);
            match () {
                () if is("application/x-www-form-urlencoded") => Kind::Form,
                () if is("text/csv") => Kind::Csv,
                () if is("application/json") || is("application/javascript") => Kind::Json,
                () => return Err(Error::UnknownContentType),
            }
        }
    };
    if understood.contains(&kind) { Ok(kind) } else { Err(Error::UnknownContentType) }
}

/// Reads a small form.
pub(in crate::http) async fn body_form(app: &App, head: &Head, body: Body) -> Result<Bytes> {
    require_kind(head, &[Kind::Form])?;
    body.read(app.limits().body_bytes).await
}

/// A field as text, empty where it is not given.
pub(in crate::http) fn text<'f>(form: &'f Form<'_>, name: &'static str) -> Result<&'f str> {
    Ok(form.one(name)?.unwrap_or(""))
}
