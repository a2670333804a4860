//! Calls of the resource API (contract, rpc.md), one at a time.

use serde_json::{Value, json};

use crate::{Answer, Request, Server};

/// A request with one call.
pub fn rpc_request(auth: Value, procedure: &str, arguments: Value) -> Request {
    let body = json!({"auth": auth, "calls": [{"id": 1, "procedure": procedure, "arguments": arguments}]});
    Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json").body(body.to_string())
}

/// The status of the one call of an answer: `ok`, `invalid`, … or `error` with a code.
pub fn rpc_status(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let error = |error: &Value| format!("error {}", error["code"]);
    match (&body["error"], &body[0]["error"], &body[0]["status"]) {
        (Value::Null, Value::Null, Value::String(status)) => status.clone(),
        (Value::Null, Value::Null, Value::Array(_)) => "partly".into(),
        (Value::Null, inner, _) => error(inner),
        (whole, _, _) => error(whole),
    }
}

impl Server {
    /// What a call answers that is expected to be `ok`.
    #[track_caller]
    pub fn rpc(&self, cik: &str, procedure: &str, arguments: Value) -> Value {
        let answer = self.call(&rpc_request(json!({"cik": cik}), procedure, arguments)).expect(200);
        assert_eq!(rpc_status(&answer), "ok", "{procedure}: {answer:?}");
        let mut body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        body[0]["result"].take()
    }

    /// The same where the result is a RID, a code or a token.
    #[track_caller]
    pub fn rpc_text(&self, cik: &str, procedure: &str, arguments: Value) -> String {
        self.rpc(cik, procedure, arguments).as_str().expect("a text").to_owned()
    }
}
