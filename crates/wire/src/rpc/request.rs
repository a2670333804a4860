//! A request of the resource API (contract, rpc.md): who asks, and what.

use model::{Cik, Limits, Rid, SecretKey, Token};
use serde_json::{Map, Value};

use super::{CallError, RequestError};

/// The credential of a request.
pub enum Auth {
    /// A client's key.
    Cik {
        /// The key.
        cik: Cik,
        /// Another client of its tree as which it calls.
        acting_as: Option<ActingAs>,
    },
    /// The token of a grant.
    Token(Token),
}

/// As whom a client calls, if not as itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActingAs {
    /// `client_id`: that descendant client.
    Client(Rid),
    /// `resource_id`: the owner of that descendant resource.
    OwnerOf(Rid),
}

/// One call of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Any scalar, given back in the answer; a call without one is not answered.
    pub id: Option<Value>,
    /// What is to be done, unless that cannot be told.
    pub invocation: Result<Invocation, CallError>,
}

/// A procedure and its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// The procedure's name.
    pub procedure: String,
    /// Its arguments, in order.
    pub arguments: Vec<Value>,
}

/// Reads `auth` of a body.
pub fn auth(body: &Value) -> Result<Auth, RequestError> {
    body.get("auth").and_then(Value::as_object).and_then(read_auth).ok_or(RequestError::Auth)
}

/// Reads `calls` of a body.
pub fn calls(mut body: Value, limits: &Limits) -> Result<Vec<Call>, RequestError> {
    let Some(Value::Array(calls)) = body.get_mut("calls").map(Value::take) else { return Err(RequestError::Calls) };
    if calls.len() > limits.rpc_calls {
        return Err(RequestError::TooManyCalls);
    }
    calls.into_iter().map(|call| read_call(call).ok_or(RequestError::Calls)).collect()
}

fn read_auth(auth: &Map<String, Value>) -> Option<Auth> {
    match (auth.get("cik"), auth.get("token")) {
        (Some(cik), None) => Some(Auth::Cik { cik: Cik::parse(cik.as_str()?)?, acting_as: read_acting_as(auth)? }),
        (None, Some(token)) if read_acting_as(auth)?.is_none() => Some(Auth::Token(Token::parse(token.as_str()?)?)),
        _ => None,
    }
}

/// Some libraries write `null` for what is not given.
fn read_acting_as(auth: &Map<String, Value>) -> Option<Option<ActingAs>> {
    let rid = |name: &str| match auth.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(rid) => Rid::parse(rid.as_str()?).ok().map(Some),
    };
    match (rid("client_id")?, rid("resource_id")?) {
        (None, None) => Some(None),
        (Some(client), None) => Some(Some(ActingAs::Client(client))),
        (None, Some(resource)) => Some(Some(ActingAs::OwnerOf(resource))),
        (Some(_), Some(_)) => None,
    }
}

fn read_call(call: Value) -> Option<Call> {
    let Value::Object(mut call) = call else { return None };
    let id = call.remove("id");
    if id.as_ref().is_some_and(|id| id.is_array() || id.is_object()) {
        return None;
    }
    let invocation = match (call.remove("procedure"), call.remove("arguments")) {
        (Some(Value::String(procedure)), Some(Value::Array(arguments))) => Ok(Invocation { procedure, arguments }),
        (Some(Value::String(_)), _) => Err(CallError::Arguments),
        _ => Err(CallError::Procedure),
    };
    Some(Call { id, invocation })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef01234567";
    const OTHER: &str = "76543210fedcba9876543210fedcba9876543210";

    /// What an auth says, in words.
    fn said(auth_value: Value) -> Option<String> {
        match auth(&json!({"auth": auth_value, "calls": []})) {
            Ok(Auth::Cik { cik, acting_as }) => Some(format!("cik {} {acting_as:?}", cik.expose_hex())),
            Ok(Auth::Token(token)) => Some(format!("token {}", token.expose_hex())),
            Err(error) => {
                assert_eq!(error, RequestError::Auth);
                None
            }
        }
    }

    #[test]
    fn auth_is_a_key_or_a_token_and_perhaps_as_whom() {
        for (auth, expected) in [
            (json!({"cik": KEY}), format!("cik {KEY} None")),
            (json!({"cik": KEY, "client_id": OTHER}), format!("cik {KEY} Some(Client({OTHER}))")),
            (json!({"cik": KEY, "resource_id": OTHER}), format!("cik {KEY} Some(OwnerOf({OTHER}))")),
            (json!({"cik": KEY, "client_id": null, "resource_id": OTHER}), format!("cik {KEY} Some(OwnerOf({OTHER}))")),
            (json!({"cik": KEY, "other": 1}), format!("cik {KEY} None")),
            (json!({"token": KEY}), format!("token {KEY}")),
        ] {
            assert_eq!(said(auth), Some(expected));
        }
    }

    #[test]
    fn auth_of_a_wrong_form_is_refused() {
        for wrong in [
            json!(null),
            json!(KEY),
            json!([KEY]),
            json!({}),
            json!({"cik": null}),
            json!({"cik": ""}),
            json!({"cik": 5}),
            json!({"cik": &KEY[1..]}),
            json!({"cik": KEY.to_uppercase()}),
            json!({"cik": [KEY]}),
            json!({"CIK": KEY}),
            json!({"cik": KEY, "token": KEY}),
            json!({"cik": KEY, "client_id": ""}),
            json!({"cik": KEY, "client_id": 1}),
            json!({"cik": KEY, "client_id": OTHER, "resource_id": OTHER}),
            json!({"token": KEY, "client_id": OTHER}),
            json!({"token": ""}),
            json!({"client_id": OTHER}),
        ] {
            assert_eq!(said(wrong.clone()), None, "{wrong}");
        }
        for body in [json!({}), json!([]), json!(null), json!("auth"), json!({"calls": []})] {
            assert!(matches!(auth(&body), Err(RequestError::Auth)), "{body}");
        }
    }

    fn read(calls_value: Value) -> Result<Vec<Call>, RequestError> {
        calls(json!({"auth": {}, "calls": calls_value}), &Limits::default())
    }

    #[test]
    fn a_call_has_a_procedure_and_arguments_and_perhaps_an_id() {
        for id in [json!(1), json!(-1.5), json!("a"), json!(""), json!(true), json!(null), json!(u64::MAX)] {
            let call = &read(json!([{"id": id, "procedure": "read", "arguments": [{"alias": ""}, {}]}])).unwrap()[0];
            assert_eq!(call.id, Some(id));
            let invocation = call.invocation.as_ref().unwrap();
            assert_eq!(
                (&*invocation.procedure, &invocation.arguments[..]),
                ("read", &[json!({"alias": ""}), json!({})][..])
            );
        }
        let silent = &read(json!([{"procedure": "read", "arguments": []}])).unwrap()[0];
        assert_eq!(silent.id, None);
        assert_eq!(read(json!([])), Ok(vec![]));
    }

    #[test]
    fn a_malformed_call_spares_the_others() {
        let good = json!({"id": 1, "procedure": "read", "arguments": []});
        for (wrong, error) in [
            (json!({"id": 2}), CallError::Procedure),
            (json!({"id": 2, "procedure": 5, "arguments": []}), CallError::Procedure),
            (json!({"id": 2, "procedure": null, "arguments": []}), CallError::Procedure),
            (json!({"id": 2, "procedure": "read"}), CallError::Arguments),
            (json!({"id": 2, "procedure": "read", "arguments": {}}), CallError::Arguments),
            (json!({"id": 2, "procedure": "read", "arguments": null}), CallError::Arguments),
        ] {
            let read = read(json!([wrong, good])).unwrap();
            assert_eq!((&read[0].id, &read[0].invocation), (&Some(json!(2)), &Err(error)));
            assert!(read[1].invocation.is_ok());
        }
    }

    #[test]
    fn what_is_no_list_of_calls_is_refused_whole() {
        for wrong in
            [json!(null), json!({}), json!("read"), json!([1]), json!([[]]), json!([{"id": []}]), json!([{"id": {}}])]
        {
            assert_eq!(read(wrong.clone()), Err(RequestError::Calls), "{wrong}");
        }
        assert_eq!(calls(json!({"auth": {}}), &Limits::default()), Err(RequestError::Calls));
        assert_eq!(calls(json!([]), &Limits::default()), Err(RequestError::Calls));
        let many = |count: usize| read(Value::Array(vec![json!({}); count]));
        assert_eq!(many(1_000).unwrap().len(), 1_000);
        assert_eq!(many(1_001), Err(RequestError::TooManyCalls));
    }

    proptest! {
        #[test]
        fn no_body_makes_reading_panic(body in "[\\[\\]{}\",:a0-9-]{0,40}") {
            if let Ok(value) = crate::json::decode(body.as_bytes()) {
                let _ = auth(&value);
                let _ = calls(value, &Limits::default());
            }
        }
    }
}
