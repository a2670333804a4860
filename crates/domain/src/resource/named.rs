//! How a call names a resource (contract, rpc.md, `<resource>`).

use model::{Alias, Error, Limits, Result, Rid};
use serde_json::Value as Json;

/// A name that has the right form. Whether it names anything is found out in the transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// `{"alias": ""}`: the calling client.
    Itself,
    /// `{"alias": "…"}`: a name that the calling client has given.
    Alias(Alias),
    /// Any resource.
    Rid(Rid),
}

impl Named {
    /// Reads a name. None where the value is of another form; an error where it has the form, and says nothing.
    pub fn from_json(json: &Json, limits: &Limits) -> Option<Result<Named>> {
        match json {
            Json::String(rid) => Some(Rid::parse(rid).map(Named::Rid)),
            Json::Object(object) if object.len() == 1 => match object.get("alias")?.as_str()? {
                "" => Some(Ok(Named::Itself)),
                name => Some(Alias::parse(name, limits).map(Named::Alias)),
            },
            _ => None,
        }
    }

    /// Reads a name that stands where nothing else may.
    pub fn require(json: &Json, limits: &Limits, wrong: Error) -> Result<Named> {
        Named::from_json(json, limits).unwrap_or(Err(wrong))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource_is_named_by_rid_by_alias_or_as_the_caller() {
        let limits = Limits::default();
        let read = |json: Json| Named::from_json(&json, &limits);
        let rid = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(read(json!(rid)), Some(Ok(Named::Rid(Rid::parse(rid).unwrap()))));
        assert_eq!(read(json!({"alias": ""})), Some(Ok(Named::Itself)));
        assert_eq!(read(json!({"alias": "a b"})), Some(Ok(Named::Alias(Alias::parse("a b", &limits).unwrap()))));
        for unreadable in [json!(""), json!("x"), json!(rid.to_uppercase()), json!({"alias": "a,b"})] {
            assert!(matches!(read(unreadable), Some(Err(_))));
        }
        for other in
            [json!(null), json!(5), json!([rid]), json!({}), json!({"alias": 5}), json!({"alias": "a", "b": 1})]
        {
            assert_eq!(read(other), None);
        }
    }
}
