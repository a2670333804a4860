//! What is said of a resource: read, defaulted and merged in one place (contract, rpc.md "Descriptions").
//!
//! A description is kept as the object that is given back: every known field is in it, in the form in which the contract
//! writes it, beside the fields that a client sent and nobody here acts on.

use model::{Error, Field, Limits, Result, Rid, Seconds};
use serde_json::{Map, Value as Json, json};
use store::table::allotment::Amounts;
use store::table::resource::{Excerpt, Format, Kind, Resource, Subscription};

use super::Named;
use crate::processing::{Method, Rule, Step};

/// A description that holds together.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    kind: Kind,
    fields: Map<String, Json>,
}

/// What a known field may hold.
#[derive(Clone, Copy)]
enum Shape {
    Flag,
    Format,
    /// One line of text: nothing in it can begin another.
    Line,
    Limits,
    Meta,
    Method,
    /// What one cannot do without, in one line.
    Recipient,
    Reference,
    Retention,
    Rule,
    Steps,
    Text,
}

type Fields = [(&'static str, Shape)];

const CLIENT: &Fields = &[
    ("limits", Shape::Limits),
    ("locked", Shape::Flag),
    ("meta", Shape::Meta),
    ("name", Shape::Text),
    ("public", Shape::Flag),
];
const DATAPORT: &Fields = &[
    ("format", Shape::Format),
    ("meta", Shape::Meta),
    ("name", Shape::Text),
    ("preprocess", Shape::Steps),
    ("public", Shape::Flag),
    ("retention", Shape::Retention),
    ("subscribe", Shape::Reference),
];
const DATARULE: &Fields = &[
    ("format", Shape::Format),
    ("meta", Shape::Meta),
    ("name", Shape::Text),
    ("preprocess", Shape::Steps),
    ("public", Shape::Flag),
    ("retention", Shape::Retention),
    ("rule", Shape::Rule),
    ("subscribe", Shape::Reference),
];
const DISPATCH: &Fields = &[
    ("locked", Shape::Flag),
    ("message", Shape::Text),
    ("meta", Shape::Meta),
    ("method", Shape::Method),
    ("name", Shape::Text),
    ("preprocess", Shape::Steps),
    ("public", Shape::Flag),
    ("recipient", Shape::Recipient),
    ("retention", Shape::Retention),
    ("subject", Shape::Line),
    ("subscribe", Shape::Reference),
];

/// What a client may be limited in.
pub const LIMITED: [&str; 15] = [
    "client",
    "dataport",
    "datarule",
    "dispatch",
    "disk",
    "email",
    "email_bucket",
    "http",
    "http_bucket",
    "io",
    "share",
    "sms",
    "sms_bucket",
    "xmpp",
    "xmpp_bucket",
];

/// A limit from here on cannot be reached, and nothing is counted for it.
const BEYOND_REACH: i64 = 1 << 40;
const SECONDS_AN_HOUR: f64 = 3600.0;

impl Description {
    /// The description of a new resource.
    pub fn new(kind: Kind, given: Map<String, Json>, limits: &Limits) -> Result<Description> {
        let mut description = Description { kind, fields: given };
        for (name, shape) in known(kind) {
            let given = description.fields.remove(*name).filter(|value| !value.is_null());
            let read = shape.read(name, given, limits)?;
            description.fields.insert((*name).to_owned(), read);
        }
        if description.text().len() > limits.description_bytes {
            return Err(Error::TooLarge(Field("description")));
        }
        Ok(description)
    }

    /// The description that was kept.
    pub fn stored(row: &Resource) -> Result<Description> {
        let fields = serde_json::from_str(&row.description).map_err(Error::internal)?;
        Ok(Description { kind: row.kind, fields })
    }

    /// The same with some fields changed; of limits and retention, the parts that are given.
    pub fn changed(&self, given: Map<String, Json>, limits: &Limits) -> Result<Description> {
        let mut fields = self.fields.clone();
        for (name, value) in given {
            match (name.as_str(), fields.get_mut(&name), value) {
                ("limits" | "retention", Some(Json::Object(parts)), Json::Object(given)) => parts.extend(given),
                (_, _, value) => {
                    fields.insert(name, value);
                }
            }
        }
        let changed = Description::new(self.kind, fields, limits)?;
        if changed.fields.get("format") != self.fields.get("format") {
            return Err(Error::Malformed(Field("format")));
        }
        Ok(changed)
    }

    /// The text that is kept.
    pub fn text(&self) -> String {
        serde_json::to_string(&self.fields).unwrap_or_default()
    }

    /// The object that is given back.
    pub fn into_json(self) -> Json {
        Json::Object(self.fields)
    }

    /// The parts with columns of their own.
    pub fn excerpt(&self, subscription: Option<Subscription>) -> Excerpt {
        let flag = |name: &str| self.fields.get(name) == Some(&Json::Bool(true));
        let kept = |name: &str| self.fields.get("retention").and_then(|kept| kept.get(name)).and_then(Json::as_f64);
        Excerpt {
            public: flag("public"),
            locked: flag("locked"),
            preprocessed: self.fields.get("preprocess").and_then(Json::as_array).is_some_and(|steps| !steps.is_empty()),
            subscription,
            kept_count: kept("count").map(|count| count as i64),
            kept_s: kept("duration").map(|hours| (hours * SECONDS_AN_HOUR).ceil() as Seconds),
        }
    }

    /// The format of a dataport or datarule.
    pub fn format(&self) -> Option<Format> {
        self.fields.get("format").and_then(Json::as_str).and_then(format)
    }

    /// How much of each kind a client may own; None where that is for its owners to say.
    pub fn limits(&self) -> Amounts<Option<i64>> {
        let limit = |name: &str| match self.fields.get("limits").and_then(|limits| limits.get(name)) {
            Some(Json::Number(number)) => Some(number.as_i64().unwrap_or(i64::MAX)).filter(|n| *n < BEYOND_REACH),
            _ => None,
        };
        Amounts {
            clients: limit("client"),
            dataports: limit("dataport"),
            datarules: limit("datarule"),
            dispatches: limit("dispatch"),
            shares: limit("share"),
        }
    }

    /// What the resource subscribes to.
    pub fn subscribe(&self, limits: &Limits) -> Result<Option<Named>> {
        match self.fields.get("subscribe") {
            None | Some(Json::Null) => Ok(None),
            Some(named) => Named::require(named, limits, Error::Malformed(Field("subscribe"))).map(Some),
        }
    }

    /// Writes what it subscribes to as a RID, which means the same to every caller.
    pub fn set_subscribe(&mut self, publisher: Rid) {
        self.fields.insert("subscribe".to_owned(), json!(publisher.to_string()));
    }

    /// Replaces a client's meta.
    pub fn set_meta(&mut self, meta: &str) {
        self.fields.insert("meta".to_owned(), json!(meta));
    }

    /// A text of it, empty where there is none.
    pub fn word(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Json::as_str).unwrap_or_default()
    }

    /// The steps of its preprocessing.
    pub fn steps(&self) -> Result<Vec<Step>> {
        // What was kept was within the limits of its time.
        let any = Limits { id_bytes: usize::MAX, ..Limits::default() };
        self.fields.get("preprocess").map_or(Ok(Vec::new()), |steps| Step::list_from_json(steps, &any))
    }

    /// The rule of a datarule.
    pub fn rule(&self) -> Result<Rule> {
        Rule::from_json(self.fields.get("rule").unwrap_or(&Json::Null))
    }

    /// The method of a dispatch.
    pub fn method(&self) -> Result<Method> {
        Method::from_word(self.word("method")).ok_or(Error::Malformed(Field("method")))
    }
}

impl Shape {
    /// What is kept of what was given, or of nothing.
    fn read(self, name: &'static str, given: Option<Json>, limits: &Limits) -> Result<Json> {
        let wrong = Error::Malformed(Field(name));
        match (self, given) {
            (Shape::Flag, None) => Ok(json!(false)),
            (Shape::Flag, Some(flag @ Json::Bool(_))) => Ok(flag),
            (Shape::Meta | Shape::Line | Shape::Text, None) => Ok(json!("")),
            (Shape::Meta, Some(Json::String(text))) if text.len() > limits.meta_bytes => {
                Err(Error::TooLarge(Field(name)))
            }
            (Shape::Meta | Shape::Text, Some(Json::String(text))) if !text.contains('\0') => Ok(Json::String(text)),
            (Shape::Line, Some(Json::String(text))) if is_line(&text) => Ok(Json::String(text)),
            (Shape::Recipient, Some(Json::String(text))) if is_line(&text) && !text.is_empty() => {
                Ok(Json::String(text))
            }
            (Shape::Format, Some(Json::String(word))) if format(&word).is_some() => Ok(Json::String(word)),
            (Shape::Method, Some(Json::String(word))) if Method::from_word(&word).is_some() => Ok(Json::String(word)),
            (Shape::Limits, given) => read_parts(name, given.unwrap_or(json!({})), &LIMITED, "inherit", json!(0)),
            (Shape::Retention, given) => {
                read_parts(name, given.unwrap_or(json!({})), &["count", "duration"], "infinity", json!("infinity"))
            }
            (Shape::Reference, None) => Ok(Json::Null),
            (Shape::Reference, Some(Json::String(none))) if none.is_empty() => Ok(Json::Null),
            (Shape::Reference, Some(named)) => Named::require(&named, limits, wrong).map(|_| named),
            (Shape::Steps, None) => Ok(json!([])),
            (Shape::Steps, Some(steps)) => Step::list_from_json(&steps, limits).map(|_| steps),
            (Shape::Rule, Some(rule)) => Rule::from_json(&rule).map(|_| rule),
            _ => Err(wrong),
        }
    }
}

/// An object of whole numbers, each of which may be `word` instead, and is `default` where it is not given.
fn read_parts(name: &'static str, given: Json, parts: &[&str], word: &str, default: Json) -> Result<Json> {
    let Json::Object(mut object) = given else { return Err(Error::Malformed(Field(name))) };
    for part in parts {
        let read = match object.remove(*part) {
            None | Some(Json::Null) => default.clone(),
            Some(Json::String(said)) if said == word => Json::String(said),
            Some(Json::Number(number)) => json!(whole(&number).ok_or(Error::Malformed(Field(name)))?),
            Some(_) => return Err(Error::Malformed(Field(name))),
        };
        object.insert((*part).to_owned(), read);
    }
    Ok(Json::Object(object))
}

/// A whole number from 0 up that is exact as a double, however it is written.
fn whole(number: &serde_json::Number) -> Option<i64> {
    let exact = |value: &f64| value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(value);
    number.as_f64().filter(exact).map(|value| value as i64)
}

fn known(kind: Kind) -> &'static Fields {
    match kind {
        Kind::Client => CLIENT,
        Kind::Dataport => DATAPORT,
        Kind::Datarule => DATARULE,
        Kind::Dispatch => DISPATCH,
    }
}

fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The format of that word.
fn format(word: &str) -> Option<Format> {
    match word {
        "integer" => Some(Format::Integer),
        "float" => Some(Format::Float),
        "string" => Some(Format::String),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, given: Json) -> Result<Description> {
        let Json::Object(given) = given else { panic!("a description is an object") };
        Description::new(kind, given, &Limits::default())
    }

    #[test]
    fn what_is_not_given_has_its_default_and_what_is_unknown_stays() {
        let client = read(Kind::Client, json!({"name": "a", "writeinterval": "inherit", "public": null})).unwrap();
        let mut limits = Map::new();
        limits.extend(LIMITED.map(|name| (name.to_owned(), json!(0))));
        let expected = json!({
            "limits": limits, "locked": false, "meta": "", "name": "a", "public": false, "writeinterval": "inherit"
        });
        assert_eq!(client.into_json(), expected);
        let dataport = read(Kind::Dataport, json!({"format": "float", "retention": {"count": 4.0}})).unwrap();
        let expected = json!({
            "format": "float", "meta": "", "name": "", "preprocess": [], "public": false,
            "retention": {"count": 4, "duration": "infinity"}, "subscribe": null
        });
        assert_eq!(dataport.clone().into_json(), expected);
        let excerpt = dataport.excerpt(None);
        assert_eq!((excerpt.kept_count, excerpt.kept_s, excerpt.public), (Some(4), None, false));
        let hours = read(Kind::Dataport, json!({"format": "float", "retention": {"duration": 2}})).unwrap();
        assert_eq!(hours.excerpt(None).kept_s, Some(7200));
    }

    #[test]
    fn a_field_of_a_wrong_form_is_named() {
        for (kind, given, field) in [
            (Kind::Client, json!({"name": 5}), "name"),
            (Kind::Client, json!({"locked": "true"}), "locked"),
            (Kind::Client, json!({"limits": []}), "limits"),
            (Kind::Client, json!({"limits": {"client": -1}}), "limits"),
            (Kind::Client, json!({"limits": {"client": 1.5}}), "limits"),
            (Kind::Client, json!({"limits": {"client": 1e300}}), "limits"),
            (Kind::Client, json!({"limits": {"client": "infinity"}}), "limits"),
            (Kind::Dataport, json!({}), "format"),
            (Kind::Dataport, json!({"format": "boolean"}), "format"),
            (Kind::Dataport, json!({"format": "float", "retention": {"count": "inherit"}}), "retention"),
            (Kind::Dataport, json!({"format": "float", "subscribe": 5}), "subscribe"),
            (Kind::Dataport, json!({"format": "float", "preprocess": {}}), "preprocess"),
            (Kind::Datarule, json!({"format": "float"}), "rule"),
            (Kind::Dispatch, json!({"recipient": "a@b.c"}), "method"),
            (Kind::Dispatch, json!({"method": "email"}), "recipient"),
            (Kind::Dispatch, json!({"method": "email", "recipient": "a@b.c\r\nBcc: d"}), "recipient"),
            (Kind::Dispatch, json!({"method": "email", "recipient": "a@b.c", "subject": "a\nb"}), "subject"),
        ] {
            assert_eq!(read(kind, given.clone()).err(), Some(Error::Malformed(Field(field))), "{given}");
        }
        let meta = |length: usize| read(Kind::Client, json!({"meta": "x".repeat(length)}));
        assert!(meta(1024).is_ok());
        assert_eq!(meta(1025).err(), Some(Error::TooLarge(Field("meta"))));
        let long = |length: usize| read(Kind::Client, json!({"name": "x".repeat(length)}));
        assert_eq!(long(128 << 10).err(), Some(Error::TooLarge(Field("description"))));
        assert!(long(127 << 10).is_ok());
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_cannot_change_the_format() {
        let limits = Limits::default();
        let change = |description: &Description, given: Json| {
            description.changed(given.as_object().cloned().unwrap_or_default(), &limits)
        };
        let client = read(Kind::Client, json!({"name": "a", "limits": {"client": 5, "share": 2}})).unwrap();
        let changed = change(&client, json!({"meta": "m", "limits": {"client": "inherit"}})).unwrap();
        assert_eq!((changed.word("name"), changed.word("meta")), ("a", "m"));
        assert_eq!((changed.limits().clients, changed.limits().shares), (None, Some(2)));
        let dataport = read(Kind::Dataport, json!({"format": "float"})).unwrap();
        assert!(change(&dataport, json!({"format": "float", "name": "b"})).is_ok());
        assert_eq!(change(&dataport, json!({"format": "string"})).err(), Some(Error::Malformed(Field("format"))));
    }

    #[test]
    fn a_limit_beyond_reach_is_none() {
        let client = read(Kind::Client, json!({"limits": {"client": (1_i64 << 53) - 1, "dataport": 7}})).unwrap();
        assert_eq!(client.limits().clients, None);
        assert_eq!(client.limits().dataports, Some(7));
        assert_eq!(client.limits().datarules, Some(0));
    }
}
