//! What is answered instead of a result: to a call that is malformed or unknown, and to a request that fails as a whole
//! (contract, rpc.md; DECISIONS.md "RPC").

use model::{Error, Result};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::Encoding;

/// Why a call was not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// There is no procedure of that name, or no name.
    Procedure,
    /// The arguments are not a list, or not those of the procedure.
    Arguments,
    /// Its part would make the whole answer too large.
    AnswerTooLarge,
    /// A fault of ours; nothing of the call was done.
    Fault,
}

/// Why none of a request's calls was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The body is not JSON.
    NotJson,
    /// The body is JSON, and not one that can be answered: a key stands twice in an object.
    Malformed,
    /// There is no `auth`, or one of a wrong form.
    Auth,
    /// The credential authenticates nobody.
    Unauthorized,
    /// There is no list of calls, or an element of it is no call.
    Calls,
    /// There are more calls than one request may have.
    TooManyCalls,
    /// A fault of ours.
    Internal,
}

impl CallError {
    fn parts(self) -> (i32, &'static str, &'static str) {
        match self {
            CallError::Procedure => (501, "unknown procedure", "procedure"),
            CallError::Arguments => (501, "invalid arguments", "arguments"),
            CallError::AnswerTooLarge => (501, "the answer would be too large", "arguments"),
            CallError::Fault => (500, "a fault of the server", "procedure"),
        }
    }
}

impl RequestError {
    /// What is wrong with a body that [`crate::json::decode`] refused.
    pub fn of_body(body: &[u8]) -> RequestError {
        match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
            Ok(_) => RequestError::Malformed,
            Err(_) => RequestError::NotJson,
        }
    }

    /// The whole answer: one object.
    pub fn encode(self, encoding: Encoding) -> Result<Vec<u8>> {
        match encoding {
            Encoding::Json => serde_json::to_vec(&self).map_err(Error::internal),
            Encoding::Cbor => crate::cbor::encode(&self),
        }
    }

    fn parts(self) -> (i32, &'static str, &'static str) {
        match self {
            RequestError::NotJson => (-1, "not JSON", "auth"),
            RequestError::Malformed => (400, "malformed request", "auth"),
            RequestError::Auth => (400, "invalid auth", "auth"),
            RequestError::Unauthorized => (401, "unauthorized", "auth"),
            RequestError::Calls => (400, "invalid calls", "calls"),
            RequestError::TooManyCalls => (400, "too many calls", "calls"),
            RequestError::Internal => (-1, "internal error", "calls"),
        }
    }
}

/// The object beside `error` in an entry.
impl Serialize for CallError {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serialize(self.parts(), serializer)
    }
}

/// The whole answer, with `error` around it.
impl Serialize for RequestError {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Error", 1)?;
        object.serialize_field("error", &Parts(self.parts()))?;
        object.end()
    }
}

struct Parts((i32, &'static str, &'static str));

impl Serialize for Parts {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serialize(self.0, serializer)
    }
}

fn serialize<S: Serializer>(
    (code, message, context): (i32, &str, &str),
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_struct("Parts", 3)?;
    object.serialize_field("code", &code)?;
    object.serialize_field("message", message)?;
    object.serialize_field("context", context)?;
    object.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_its_code_a_message_and_where_it_lies() {
        for (error, text) in [
            (RequestError::Auth, r#"{"error":{"code":400,"message":"invalid auth","context":"auth"}}"#),
            (RequestError::Unauthorized, r#"{"error":{"code":401,"message":"unauthorized","context":"auth"}}"#),
            (RequestError::TooManyCalls, r#"{"error":{"code":400,"message":"too many calls","context":"calls"}}"#),
            (RequestError::Internal, r#"{"error":{"code":-1,"message":"internal error","context":"calls"}}"#),
        ] {
            assert_eq!(error.encode(Encoding::Json).unwrap(), text.as_bytes());
            let cbor = error.encode(Encoding::Cbor).unwrap();
            assert_eq!(crate::cbor::decode(&cbor, 100), crate::json::decode(text.as_bytes()));
        }
        assert_eq!(RequestError::of_body(b"{\"auth\":1,\"auth\":1}"), RequestError::Malformed);
        for body in [&b""[..], b"{", b"cik=a", &b"[".repeat(1_000_000)] {
            assert_eq!(RequestError::of_body(body), RequestError::NotJson);
        }
        let text = r#"{"code":501,"message":"unknown procedure","context":"procedure"}"#;
        assert_eq!(serde_json::to_string(&CallError::Procedure).unwrap(), text);
    }
}
