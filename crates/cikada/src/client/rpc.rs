//! The resource API as a client speaks it (contract, rpc.md): calls go in, an entry for each comes out.

use std::time::Duration;

use model::SecretKey as _;
use serde_json::{Map, Value as Json, json};

use super::server::NOT_CIKADA;
use super::{Credential, Request, Server};
use crate::failure::{Failure, Outcome};

const PROCESS: &str = "/onep:v1/rpc/process";
/// Calls of one request at most, and about the bytes of its body: half of what a server takes.
const CALLS: usize = 1000;
const BODY_BYTES: usize = 512 << 10;
/// The longest `wait`, and some time for its answer.
const PATIENCE: Duration = Duration::from_secs(330);

/// As whom a client calls, if not as itself.
#[derive(clap::Args, Clone, Default)]
pub struct ActingAs {
    /// Call as this client, which is below the own one
    #[arg(long, value_name = "RID")]
    client_id: Option<String>,
    /// Call as the owner of this resource, which is below the own client
    #[arg(long, value_name = "RID", conflicts_with = "client_id")]
    resource_id: Option<String>,
}

/// A server, and who calls it.
pub struct Rpc {
    server: Server,
    auth: Json,
}

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The procedure's name.
    pub procedure: String,
    /// What it is given.
    pub arguments: Json,
}

/// What came of one call, as the server said it.
pub struct Entry(Map<String, Json>);

/// The same, read.
pub enum Reply<'e> {
    /// It was done; not every procedure has a result.
    Done(Option<&'e Json>),
    /// It was not, or not wholly.
    Failed(&'e Json),
    /// It was not tried.
    Refused {
        /// Why.
        message: &'e str,
        /// Whether the server does not know the procedure.
        is_unknown: bool,
    },
}

impl Call {
    /// A call.
    pub fn new(procedure: &str, arguments: Json) -> Call {
        Call { procedure: procedure.to_owned(), arguments }
    }
}

impl Rpc {
    /// The credential goes with the calls, so the server needs none.
    pub fn new(server: Server, credential: &Credential, acting_as: &ActingAs) -> Rpc {
        let mut auth = match credential {
            Credential::Cik(cik) => json!({"cik": cik.expose_hex()}),
            Credential::Token(token) => json!({"token": token.expose_hex()}),
        };
        for (name, rid) in [("client_id", &acting_as.client_id), ("resource_id", &acting_as.resource_id)] {
            if let Some(rid) = rid {
                auth[name] = json!(rid);
            }
        }
        Rpc { server, auth }
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Makes the calls in order, in as few requests as hold them; the entries stand in the same order.
    pub fn call(&self, calls: &[Call]) -> Outcome<Vec<Entry>> {
        self.call_by(calls, CALLS)
    }

    /// The same, at most `at_once` of them in one request, where answers may be long.
    pub fn call_by(&self, calls: &[Call], at_once: usize) -> Outcome<Vec<Entry>> {
        let mut entries = Vec::with_capacity(calls.len());
        let mut rest = calls;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(fitting(rest, at_once.min(CALLS)));
            entries.extend(self.request(now)?);
            rest = later;
        }
        Ok(entries)
    }

    fn request(&self, calls: &[Call]) -> Outcome<Vec<Entry>> {
        let numbered = calls
            .iter()
            .enumerate()
            .map(|(id, call)| json!({"id": id, "procedure": call.procedure, "arguments": call.arguments}));
        let body = json!({"auth": self.auth, "calls": numbered.collect::<Vec<_>>()});
        let doing = match calls {
            [one] => format!("call {}", one.procedure),
            _ => format!("make {} calls", calls.len()),
        };
        let request = Request::post(PROCESS, &[])
            .body("application/json", body.to_string().into_bytes())
            .patient(PATIENCE)
            .to(doing);
        let answer = self.server.ask(&request)?;
        let unread =
            || Failure::new(format!("cannot {}: the answer is not one to calls", request.doing)).advise(NOT_CIKADA);
        match serde_json::from_str(&answer.body).map_err(|_| unread())? {
            Json::Array(entries) => in_order(entries, calls.len()).ok_or_else(unread),
            Json::Object(whole) => Err(self.refused(&request.doing, whole.get("error").ok_or_else(unread)?)),
            _ => Err(unread()),
        }
    }

    /// A request that failed as a whole.
    fn refused(&self, doing: &str, error: &Json) -> Failure {
        let message = error.get("message").and_then(Json::as_str).unwrap_or("no reason given");
        let code = error.get("code").and_then(Json::as_i64).unwrap_or_default();
        let failure = Failure::new(format!("cannot {doing} ({code}: {message})"));
        let acts = self.auth.get("client_id").or(self.auth.get("resource_id")).is_some();
        match code {
            401 if acts => {
                failure.advise("is the key alive, and is the --client-id or --resource-id below its client?")
            }
            401 if self.auth.get("token").is_some() => failure
                .advise("only the token of a `grant` may call, as long as it lasts; a vendor token may not: use a CIK"),
            401 => failure.advise("check CIKADA_CIK: it may be another server's, mistyped, or replaced since"),
            400 if acts => failure.advise("a --client-id or --resource-id is a RID: 40 digits, 0-9 and a-f"),
            _ => failure.advise("the server's log says more"),
        }
    }
}

impl Entry {
    /// What came of it.
    pub fn reply(&self) -> Reply<'_> {
        if let Some(error) = self.0.get("error") {
            return Reply::Refused {
                message: error.get("message").and_then(Json::as_str).unwrap_or("no reason given"),
                is_unknown: error.get("context").and_then(Json::as_str) == Some("procedure"),
            };
        }
        match self.0.get("status") {
            Some(Json::String(word)) if word == "ok" => Reply::Done(self.0.get("result")),
            Some(other) => Reply::Failed(other),
            None => Reply::Failed(&Json::Null),
        }
    }

    /// Its result, where it was done and has one.
    pub fn result(&self) -> Option<&Json> {
        match self.reply() {
            Reply::Done(result) => result,
            _ => None,
        }
    }

    /// As the server said it, under this id.
    pub fn raw(&self, id: &Json) -> Json {
        let mut entry = self.0.clone();
        entry.insert("id".to_owned(), id.clone());
        Json::Object(entry)
    }
}

/// How many of the calls go into one request, at least one.
fn fitting(calls: &[Call], at_most: usize) -> usize {
    let mut bytes = 0;
    let fits = calls.iter().take(at_most).take_while(|call| {
        bytes += call.arguments.to_string().len() + call.procedure.len() + 48;
        bytes <= BODY_BYTES
    });
    fits.count().max(1)
}

/// The entries by the numbers that the calls were given; None where one is missing.
fn in_order(entries: Vec<Json>, count: usize) -> Option<Vec<Entry>> {
    let mut ordered: Vec<Option<Entry>> = (0..count).map(|_| None).collect();
    for entry in entries {
        let Json::Object(entry) = entry else { return None };
        let id = entry.get("id")?.as_u64()?;
        *ordered.get_mut(usize::try_from(id).ok()?)? = Some(Entry(entry));
    }
    ordered.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

    fn rpc(answer: impl FnMut(&str) -> Vec<u8> + Send + 'static) -> Rpc {
        let cik = model::Cik::parse(KEY).unwrap();
        Rpc::new(fixture::serve(answer), &Credential::Cik(cik), &ActingAs::default())
    }

    fn echo(request: &str) -> Vec<u8> {
        let body = request.split_once("\r\n\r\n").unwrap().1;
        let body: Json = serde_json::from_str(body).unwrap();
        let calls = body["calls"].as_array().unwrap();
        let entries: Vec<Json> = calls
            .iter()
            .rev()
            .map(|call| json!({"id": call["id"], "status": "ok", "result": call["arguments"]}))
            .collect();
        fixture::answer("200 OK", "", Json::from(entries).to_string().as_bytes())
    }

    #[test]
    fn thousands_of_calls_go_in_few_requests_and_their_entries_keep_their_order() {
        let rpc = rpc(echo);
        let calls: Vec<Call> = (0..2_500).map(|number| Call::new("read", json!([number]))).collect();
        let entries = rpc.call(&calls).unwrap();
        assert_eq!(entries.len(), 2_500);
        for (number, entry) in entries.iter().enumerate() {
            assert_eq!(entry.result(), Some(&json!([number])));
        }
    }

    #[test]
    fn a_request_holds_a_thousand_calls_or_half_a_megabyte_and_at_least_one() {
        let small = vec![Call::new("read", json!([])); 1_001];
        assert_eq!((fitting(&small, CALLS), fitting(&small[..3], CALLS), fitting(&small, 200)), (1_000, 3, 200));
        let large = vec![Call::new("write", json!(["x".repeat(300 << 10)])); 3];
        assert_eq!(fitting(&large, CALLS), 1);
        assert_eq!(fitting(&[Call::new("write", json!(["x".repeat(600 << 10)]))], CALLS), 1);
    }

    #[test]
    fn an_answer_that_misses_an_entry_or_is_refused_whole_is_a_failure() {
        let missing = rpc(|_| fixture::answer("200 OK", "", b"[{\"id\":1,\"status\":\"ok\"}]"));
        let calls = [Call::new("read", json!([])), Call::new("read", json!([]))];
        assert!(missing.call(&calls).map(|_| ()).unwrap_err().to_string().contains("not one to calls"));
        let dead = rpc(|_| {
            fixture::answer(
                "200 OK",
                "",
                b"{\"error\":{\"code\":401,\"message\":\"unauthorized\",\"context\":\"auth\"}}",
            )
        });
        let said = dead.call(&calls[..1]).map(|_| ()).unwrap_err().to_string();
        assert_eq!(said, "cannot call read (401: unauthorized)");
    }
}
