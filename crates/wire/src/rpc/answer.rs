//! The answer to the calls of a request (contract, rpc.md): a list with an entry for each call that has an id.

use model::{Error, Result};
use serde::Serialize;
use serde_json::Value;

use super::CallError;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Over HTTP, WebSocket, and CoAP where it is asked for.
    Json,
    /// Over CoAP.
    Cbor,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done, and has no result.
    Done,
    /// It was done, with this result.
    Result(Value),
    /// It could not be done.
    Failed(Status),
    /// A `recordbatch`: all points were stored but those with these timestamps.
    BadPoints(Vec<i64>),
    /// It was not tried.
    Error(CallError),
}

/// Why a call could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// An argument names nothing, or has a bad value.
    Invalid,
    /// The resource is not in the caller's tree, or the procedure is not allowed on it.
    Restricted,
    /// The caller lacks the right.
    NoAuth,
    /// A limit of the owning client is used up.
    Limit,
    /// The calling client is locked.
    Locked,
    /// A wait ended without a value.
    Expire,
}

impl Status {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Status::Invalid => "invalid",
            Status::Restricted => "restricted",
            Status::NoAuth => "noauth",
            Status::Limit => "limit",
            Status::Locked => "locked",
            Status::Expire => "expire",
        }
    }
}

/// An answer as it is being written, entry after entry.
#[derive(Clone, Debug)]
pub struct Answers {
    encoding: Encoding,
    max_bytes: usize,
    count: usize,
    entries: Vec<u8>,
}

impl Answers {
    /// An empty answer. A call whose entry would make it longer than `max_bytes` gets an error in its place.
    pub fn new(encoding: Encoding, max_bytes: usize) -> Answers {
        Answers { encoding, max_bytes, count: 0, entries: Vec::new() }
    }

    /// Adds the entry of a call; one without an id has none.
    pub fn push(&mut self, id: Option<&Value>, outcome: &Outcome) -> Result<()> {
        let Some(id) = id else { return Ok(()) };
        let before = self.entries.len();
        self.write(&Entry::new(id, outcome))?;
        if self.entries.len() > self.max_bytes {
            self.entries.truncate(before);
            self.write(&Entry::new(id, &Outcome::Error(CallError::AnswerTooLarge)))?;
        }
        self.count += 1;
        Ok(())
    }

    /// The whole answer: a list, or nothing at all if no call had an id.
    pub fn finish(self) -> Vec<u8> {
        match self.encoding {
            _ if self.count == 0 => Vec::new(),
            Encoding::Json => [&b"["[..], &self.entries, b"]"].concat(),
            // A list of unknown length (RFC 8949, section 3.2.2).
            Encoding::Cbor => [&b"\x9f"[..], &self.entries, b"\xff"].concat(),
        }
    }

    fn write(&mut self, entry: &Entry) -> Result<()> {
        match self.encoding {
            Encoding::Json => {
                if self.count > 0 {
                    self.entries.push(b',');
                }
                serde_json::to_writer(&mut self.entries, entry).map_err(Error::internal)
            }
            Encoding::Cbor => ciborium::into_writer(entry, &mut self.entries).map_err(Error::internal),
        }
    }
}

/// An entry; the fields' order is the answer's.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CallError>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum StatusField {
    Word(&'static str),
    BadPoints(Vec<(i64, &'static str)>),
}

impl<'a> Entry<'a> {
    fn new(id: &'a Value, outcome: &'a Outcome) -> Entry<'a> {
        let word = |word| Some(StatusField::Word(word));
        let (status, result, error) = match outcome {
            Outcome::Done => (word("ok"), None, None),
            Outcome::Result(result) => (word("ok"), Some(result), None),
            Outcome::Failed(status) => (word(status.word()), None, None),
            Outcome::BadPoints(timestamps) => {
                let bad = timestamps.iter().map(|&at| (at, Status::Invalid.word())).collect();
                (Some(StatusField::BadPoints(bad)), None, None)
            }
            Outcome::Error(error) => (None, None, Some(*error)),
        };
        Entry { id, status, result, error }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcomes() -> [(Value, Outcome, &'static str); 6] {
        [
            (json!(1), Outcome::Done, r#"{"id":1,"status":"ok"}"#),
            (json!("a"), Outcome::Result(json!([[1, 2.5]])), r#"{"id":"a","status":"ok","result":[[1,2.5]]}"#),
            (json!(null), Outcome::Result(json!(null)), r#"{"id":null,"status":"ok","result":null}"#),
            (json!(1.5), Outcome::Failed(Status::NoAuth), r#"{"id":1.5,"status":"noauth"}"#),
            (json!(3), Outcome::BadPoints(vec![5, -6]), r#"{"id":3,"status":[[5,"invalid"],[-6,"invalid"]]}"#),
            (
                json!(4),
                Outcome::Error(CallError::Arguments),
                r#"{"id":4,"error":{"code":501,"message":"invalid arguments","context":"arguments"}}"#,
            ),
        ]
    }

    fn answer(encoding: Encoding, max_bytes: usize) -> Vec<u8> {
        let mut answers = Answers::new(encoding, max_bytes);
        for (id, outcome, _) in outcomes() {
            answers.push(Some(&id), &outcome).unwrap();
            answers.push(None, &outcome).unwrap();
        }
        answers.finish()
    }

    #[test]
    fn every_call_with_an_id_has_its_entry_in_order() {
        let texts = outcomes().map(|(_, _, text)| text);
        let json = answer(Encoding::Json, 1 << 20);
        assert_eq!(String::from_utf8(json.clone()).unwrap(), format!("[{}]", texts.join(",")));
        let cbor = answer(Encoding::Cbor, 1 << 20);
        assert_eq!(crate::cbor::decode(&cbor, 1 << 20), crate::json::decode(&json));
    }

    #[test]
    fn calls_without_ids_are_answered_with_nothing() {
        for encoding in [Encoding::Json, Encoding::Cbor] {
            let mut answers = Answers::new(encoding, 1 << 20);
            answers.push(None, &Outcome::Done).unwrap();
            assert_eq!(answers.finish(), b"");
        }
    }

    #[test]
    fn a_call_whose_result_is_too_large_gets_an_error_and_the_others_their_results() {
        for encoding in [Encoding::Json, Encoding::Cbor] {
            let mut answers = Answers::new(encoding, 1_000);
            let long = Outcome::Result(json!("x".repeat(980)));
            for (id, outcome) in [(1, &Outcome::Done), (2, &long), (3, &Outcome::Done)] {
                answers.push(Some(&json!(id)), outcome).unwrap();
            }
            let answer = answers.finish();
            let answer = match encoding {
                Encoding::Json => crate::json::decode(&answer).unwrap(),
                Encoding::Cbor => crate::cbor::decode(&answer, 1 << 20).unwrap(),
            };
            let error = json!({"code": 501, "message": "the answer would be too large", "context": "arguments"});
            let expected = json!([{"id": 1, "status": "ok"}, {"id": 2, "error": error}, {"id": 3, "status": "ok"}]);
            assert_eq!(answer, expected);
        }
    }
}
