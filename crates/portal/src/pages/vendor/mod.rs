//! The pages of a vendor: models, serial numbers, content, groups, shares, tokens, people; and of who administers the server.

mod administer;
mod content;
mod counting;
mod group;
mod import;
mod models;
mod number;
mod numbers;
mod overview;
mod people;
mod share;
mod template;
mod token;

use http::Method;
use model::{Error, Field, ModelName, Result};

use crate::routes::Answer;
use crate::segment;
use crate::visit::Visit;

pub use counting::Counting;

/// The page at a path below `/portal/`; `None` where there is none of these.
pub async fn route(visit: Visit, path: &[&str]) -> Option<Answer> {
    let (get, post) = (visit.method == Method::GET, visit.method == Method::POST);
    let guest = match visit.guest() {
        Ok(guest) => guest,
        Err(error) => return is_ours(path).then_some(Err(error)),
    };
    Some(match path {
        ["overview"] if get => overview::show(guest).await,
        ["models"] if get => models::list(guest).await,
        ["models", "new"] if get => models::new(guest).await,
        ["models"] if post => models::create(guest).await,
        ["models", model] if get => models::show(guest, segment::read(model)).await,
        ["models", model, "settings"] if get => models::settings(guest, segment::read(model)).await,
        ["models", model, "settings"] if post => models::update(guest, segment::read(model)).await,
        ["models", model, "delete"] if post => models::delete(guest, segment::read(model)).await,
        ["models", model, "numbers"] if get => numbers::list(guest, segment::read(model)).await,
        ["models", model, "add"] if get => numbers::add_form(guest, segment::read(model)).await,
        ["models", model, "add"] if post => numbers::add(guest, segment::read(model)).await,
        ["models", model, "ranges"] if post => numbers::change_range(guest, segment::read(model)).await,
        ["models", model, "import"] if post => import::check(guest, segment::read(model)).await,
        ["models", model, "import", "apply"] if post => import::apply(guest, segment::read(model)).await,
        ["models", model, "numbers", sn] if get => number::show(guest, segment::read(model), segment::read(sn)).await,
        ["models", model, "numbers", sn, act] if post => {
            number::act(guest, segment::read(model), segment::read(sn), act).await
        }
        ["models", model, "content"] if get => content::list(guest, segment::read(model)).await,
        ["models", model, "content"] if post => content::upload(guest, segment::read(model)).await,
        ["models", model, "content", id] if get => content::show(guest, segment::read(model), segment::read(id)).await,
        ["models", model, "content", id, "file"] if get => {
            content::download(guest, segment::read(model), segment::read(id)).await
        }
        ["models", model, "content", id, "delete"] if post => {
            content::delete(guest, segment::read(model), segment::read(id)).await
        }
        ["models", model, "groups"] if get => group::list(guest, segment::read(model)).await,
        ["models", model, "groups"] if post => group::create(guest, segment::read(model)).await,
        ["models", model, "groups", id] if get => group::show(guest, segment::read(model), segment::read(id)).await,
        ["models", model, "groups", id, act] if post => {
            group::act(guest, segment::read(model), segment::read(id), act).await
        }
        ["models", model, "shares"] if get => share::list(guest, segment::read(model)).await,
        ["models", model, "shares"] if post => share::change(guest, segment::read(model)).await,
        ["tokens"] if get => token::list(guest).await,
        ["tokens"] if post => token::change(guest).await,
        ["people"] if get => people::list(guest).await,
        ["people"] if post => people::change(guest).await,
        ["admin", "vendors"] if get => administer::vendors(guest).await,
        ["admin", "vendors"] if post => administer::add_vendor(guest).await,
        ["admin", "accounts"] if get => administer::accounts(guest).await,
        ["admin", "accounts"] if post => administer::change_account(guest).await,
        ["admin", "act"] if post => administer::act(guest).await,
        _ => return None,
    })
}

/// Whether somebody who is not signed in may be asked to: a path of ours is told from one that never was.
fn is_ours(path: &[&str]) -> bool {
    matches!(path, ["overview" | "models" | "tokens" | "people" | "admin", ..])
}

/// The name of a model in a path; one that could be none is absent.
fn model_name(text: &str, limits: &model::Limits) -> Result<ModelName> {
    ModelName::parse(text, limits).map_err(|_| Error::Absent(model::Noun::Model))
}

/// The name that has to be typed before something is destroyed.
fn require_typed(typed: &str, name: &str) -> Result<()> {
    if typed.trim() == name { Ok(()) } else { Err(Error::Malformed(Field("confirm"))) }
}
