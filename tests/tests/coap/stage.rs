//! A server with CoAP, a model, and a device that has a text and a counter.

use std::time::{Duration, Instant};

use cikada_tests::coap::{Message, Peer};
use cikada_tests::{Request, Server, fresh_name};
use serde_json::{Value, json};

pub struct Stage {
    pub server: Server,
    pub model: String,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::on(Server::start())
    }

    pub fn on(server: Server) -> Stage {
        let model = fresh_name("coap");
        server.vendor().add_model(&model, &[]);
        Stage { server, model }
    }

    pub fn peer(&self) -> Peer {
        Peer::new(self.server.coap())
    }

    /// A serial number whose window is open.
    pub fn enabled(&self, sn: &str) {
        self.server.vendor().add(&self.model, &[sn]);
        self.server.vendor().enable(&self.model, sn);
    }

    /// The path that activates a serial number.
    pub fn activation(&self, sn: &str) -> String {
        format!("/provision/activate/{}/{}/{sn}", self.server.cast.vendor_name, self.model)
    }

    /// The path of the content that a device may have.
    pub fn download(&self) -> String {
        format!("/provision/download/{}/{}", self.server.cast.vendor_name, self.model)
    }

    /// An activated device with the dataports `text` and `count`; its key.
    pub fn device(&self, sn: &str) -> String {
        self.enabled(sn);
        let cik = self.peer().ask(Message::post(&self.activation(sn), "")).expect("2.05").text().to_owned();
        self.furnish(&cik);
        cik
    }

    /// Gives a client the dataports `text` and `count`.
    pub fn furnish(&self, cik: &str) {
        for (alias, format) in [("text", "string"), ("count", "integer")] {
            let made = self.rpc(cik, json!(["create", ["dataport", {"format": format, "name": alias}]]));
            self.rpc(cik, json!(["map", ["alias", made["result"], alias]]));
        }
    }

    /// One call of the resource API over HTTP; its entry.
    pub fn rpc(&self, cik: &str, call: Value) -> Value {
        let call = json!({"id": 1, "procedure": call[0], "arguments": call[1]});
        let body = json!({"auth": {"cik": cik}, "calls": [call]}).to_string();
        let request =
            Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json").body(body);
        let answer = self.server.call(&request).expect(200);
        let entry: Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!(entry[0]["status"], "ok", "{entry}");
        entry[0].clone()
    }

    /// Writes a value over HTTP.
    pub fn write(&self, cik: &str, alias: &str, value: &str) {
        let request = Request::post("/onep:v1/stack/alias", &[(alias, value)]).header("X-Exosite-CIK", cik);
        self.server.call(&request).expect(204);
    }
}

/// Waits until it is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
