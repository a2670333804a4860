//! Making a template out of a list of dataports, so that a model needs no call of the resource API.

use model::{Alias, Error, Field, Limits, Result, Rid};
use serde_json::{Map, Value as Json, json};
use store::Tx;
use store::table::client_model::Template;
use store::table::resource::{self, Format, Kind};
use store::table::{alias, share_code};

use crate::caller::{Caller, ModelView, Right};
use crate::resource::{Description, LIMITED, Named, create, map};

/// One dataport of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The alias under which firmware finds it.
    pub alias: String,
    /// What a person calls it.
    pub name: String,
    /// `integer`, `float` or `string`.
    pub format: String,
    /// The unit, for people.
    pub unit: String,
    /// Values that are kept at most; none for all.
    pub kept_count: Option<i64>,
    /// Hours that they are kept; none for ever.
    pub kept_hours: Option<i64>,
}

/// A template that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its public name.
    pub rid: Rid,
    /// Its name.
    pub name: String,
    /// Its dataports.
    pub ports: Vec<Port>,
}

/// Makes a client below the caller with those dataports in it, to be cloned.
pub fn make_template(tx: &mut Tx<'_>, limits: &Limits, caller: &Caller, name: &str, ports: &[Port]) -> Result<Rid> {
    let itself = caller.client_within(tx, Right::Create, &Named::Itself)?;
    let limit: Map<String, Json> = LIMITED.into_iter().map(|kind| (kind.to_owned(), json!("inherit"))).collect();
    let given = Map::from_iter([("name".to_owned(), json!(name)), ("limits".to_owned(), Json::Object(limit))]);
    let rid = create(tx, limits, caller, &itself, Kind::Client, given)?;
    let template = caller.client_within(tx, Right::Create, &Named::Rid(rid))?;
    for port in ports {
        let meta = if port.unit.is_empty() { String::new() } else { json!({"unit": port.unit}).to_string() };
        let kept = |amount: Option<i64>| amount.map_or(json!("infinity"), |amount| json!(amount));
        let given = Map::from_iter([
            ("name".to_owned(), json!(if port.name.is_empty() { &port.alias } else { &port.name })),
            ("format".to_owned(), json!(port.format)),
            ("meta".to_owned(), json!(meta)),
            ("retention".to_owned(), json!({"count": kept(port.kept_count), "duration": kept(port.kept_hours)})),
        ]);
        let made = create(tx, limits, caller, &template, Kind::Dataport, given)?;
        let alias = Alias::parse(&port.alias, limits)?;
        let resource = caller.controlled(tx, Right::Map, &Named::Rid(made))?;
        match map(tx, &template, &resource, &alias) {
            Err(Error::Exists(..) | Error::Conflict(_)) => return Err(Error::Malformed(Field("alias"))),
            other => other?,
        }
    }
    Ok(rid)
}

/// The template of a model, as far as it can be shown as dataports; `None` where it is gone.
pub fn template_of(tx: &mut Tx<'_>, model: &ModelView) -> Result<Option<Shown>> {
    let id = match model.row().template {
        Template::Resource(id) => id,
        Template::ShareCode(code) => match share_code::find_with_hash(tx, code)? {
            Some((code, _)) => code.resource_id,
            None => return Ok(None),
        },
    };
    let Some(row) = resource::find(tx, id)? else { return Ok(None) };
    let mut ports = Vec::new();
    for (alias, id) in alias::list(tx, id)? {
        let Some(port) = resource::find(tx, id)?.filter(|port| port.kind == Kind::Dataport) else { continue };
        let description = Description::stored(&port)?;
        let meta: Json = serde_json::from_str(description.word("meta")).unwrap_or(Json::Null);
        ports.push(Port {
            alias,
            name: description.word("name").to_owned(),
            format: port.format.map_or("", word).to_owned(),
            unit: meta["unit"].as_str().unwrap_or_default().to_owned(),
            kept_count: port.excerpt.kept_count,
            kept_hours: port.excerpt.kept_s.map(|seconds| seconds / 3600),
        });
    }
    Ok(Some(Shown { rid: row.rid, name: Description::stored(&row)?.word("name").to_owned(), ports }))
}

fn word(format: Format) -> &'static str {
    match format {
        Format::Integer => "integer",
        Format::Float => "float",
        Format::String => "string",
    }
}
