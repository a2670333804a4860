//! `[store] no_reveal`: secrets that are told when they are made and never shown again.

use cikada_tests::{Request, Server, fresh_name};
use serde_json::{Value, json};

fn call(server: &Server, cik: &str, procedure: &str, arguments: Value) -> Value {
    let body = json!({"auth": {"cik": cik}, "calls": [{"id": 1, "procedure": procedure, "arguments": arguments}]});
    let request = Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json");
    let answer = server.call(&request.body(body.to_string())).expect(200);
    let answers: Value = serde_json::from_str(answer.text()).unwrap();
    assert_eq!(answers[0]["status"], "ok", "{procedure}: {answers}");
    answers[0]["result"].clone()
}

#[test]
fn secrets_of_such_a_vendor_are_shown_once() {
    for (config, is_shown) in
        [("", true), ("[store]\nno_reveal = [\"acme\"]\n", false), ("[store]\nno_reveal = [\"*\"]\n", false)]
    {
        let server = Server::start_with(config);
        let vendor = server.vendor();
        let model = fresh_name("concealed");
        vendor.add_model(&model, &[]);
        vendor.add(&model, &["A1"]);
        let rid = vendor.enable(&model, "A1");
        // Made: told. The device's own answer, too, and once more by its nonce.
        vendor.post("/admin/auth/", &[("id", "new")]).expect(200);
        let device = server.device(&model, "A1");
        let nonce = [("nonce", "a-nonce-of-this-device")];
        let key = device.activate_with(&nonce).expect(200).text().to_owned();
        assert_eq!(device.activate_with(&nonce).expect(200).text(), key);
        // Again: refused to whoever manages.
        vendor.call("GET", "/admin/auth/new").expect(if is_shown { 200 } else { 403 });
        let owner = &server.cast.owner.cik;
        let info = call(&server, owner, "info", json!([rid, {"key": true, "basic": true, "shares": true}]));
        assert_eq!(info["key"].as_str(), is_shown.then_some(&*key), "{info}");
        assert_eq!(info.get("shares").is_some(), is_shown);
        assert!(info["basic"].is_object(), "the rest is there");
    }
}
