//! The resource API as the vendor calls it to prepare what is measured (contract, rpc.md).

use kit::{Connection, Request};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{Outcome, failed};

const PATH: &str = "/onep:v1/rpc/process";

pub struct Rpc {
    connection: Connection,
    cik: String,
}

impl Rpc {
    /// As the vendor's client.
    pub fn open(server: &Server) -> Outcome<Rpc> {
        Ok(Rpc { connection: Connection::open(server.address)?, cik: server.cast.vendor.cik.clone() })
    }

    /// One call, as that descendant client or (null) as the vendor's own; gives its result.
    pub fn call(&mut self, client: Value, procedure: &str, arguments: Value) -> Outcome<Value> {
        let mut auth = json!({"cik": self.cik});
        if !client.is_null() {
            auth["client_id"] = client;
        }
        let body = json!({"auth": auth, "calls": [{"id": 1, "procedure": procedure, "arguments": arguments}]});
        let request = Request::new("POST", PATH).header("Content-Type", "application/json").body(body.to_string());
        let answer = self.connection.ask(&request)?;
        let value: Value = serde_json::from_slice(&answer.body)?;
        match value.get(0) {
            Some(entry) if entry["status"] == "ok" => Ok(entry["result"].clone()),
            _ => failed(format!("{procedure} was answered {value}")),
        }
    }

    /// A dataport under a client, with an alias there; gives its RID.
    pub fn make_dataport(&mut self, client: &str, format: &str, alias: &str) -> Outcome<String> {
        let retention = json!({"count": "infinity", "duration": "infinity"});
        let description = json!({"format": format, "retention": retention});
        let rid = self.call(json!(client), "create", json!([{"alias": ""}, "dataport", description]))?;
        self.call(json!(client), "map", json!(["alias", rid, alias]))?;
        Ok(rid.as_str().ok_or("create gave no RID")?.to_owned())
    }

    /// A request as the load generator sends it.
    pub fn request(body: &str) -> String {
        let length = body.len();
        format!(
            "POST {PATH} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }
}
