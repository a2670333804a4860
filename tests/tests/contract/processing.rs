//! Processing across the edges of the server (contract, rpc.md "Processing"): a restart, and the world outside.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use cikada_tests::{Request, Server};
use serde_json::{Value, json};

/// One call as the owner of `cikada init`; its entry.
fn call(server: &Server, procedure: &str, arguments: &Value) -> Value {
    let body = json!({
        "auth": {"cik": server.cast.owner.cik},
        "calls": [{"id": 1, "procedure": procedure, "arguments": arguments}]
    });
    let request = Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json");
    let answer = server.call(&request.body(body.to_string())).expect(200);
    serde_json::from_str::<Value>(answer.text()).unwrap()[0].clone()
}

fn create(server: &Server, kind: &str, description: &Value) -> String {
    let made = call(server, "create", &json!([kind, description]));
    made["result"].as_str().unwrap_or_else(|| panic!("not made: {made}")).to_owned()
}

#[test]
fn the_time_of_a_rule_goes_on_over_a_restart() {
    let mut server = Server::start();
    let source = create(&server, "dataport", &json!({"format": "integer"}));
    let rule = json!({"duration": {"comparison": "gt", "constant": 5, "timeout": 3600, "repeat": false}});
    let rule = create(&server, "datarule", &json!({"format": "integer", "rule": rule, "subscribe": source}));
    assert_eq!(call(&server, "write", &json!([source, 9]))["status"], "ok");
    server.kill();
    server.restart();
    assert_eq!(call(&server, "read", &json!([rule]))["result"], json!([]));
    server.jump(3600);
    let said = call(&server, "wait", &json!([rule, {"since": 1, "timeout": 10_000}]));
    assert_eq!(said["result"][1], 1, "{said}");
}

#[test]
fn a_dispatch_reaches_what_the_operator_lists() {
    let server = Server::start_with("[dispatch]\nallowed_networks = [\"127.0.0.0/8\"]\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let (mut heard, mut bytes) = (Vec::new(), [0; 4096]);
        while !heard.ends_with(b"too hot") {
            match tcp.read(&mut bytes) {
                Ok(count @ 1..) => heard.extend_from_slice(&bytes[..count]),
                _ => break,
            }
        }
        tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        String::from_utf8(heard).unwrap()
    });
    let source = create(&server, "dataport", &json!({"format": "float"}));
    let description = json!({"method": "http_post", "recipient": url, "message": "too hot", "subscribe": source});
    let dispatch = create(&server, "dispatch", &description);
    assert_eq!(call(&server, "write", &json!([source, 99.5]))["status"], "ok");
    let outcome = call(&server, "wait", &json!([dispatch, {"since": 1, "timeout": 15_000}]));
    assert_eq!(outcome["result"][1], "delivered", "{outcome}");
    let heard = heard.join().unwrap();
    assert!(heard.starts_with("POST /hook HTTP/1.1\r\n") && heard.ends_with("too hot"), "{heard}");
}

#[test]
fn what_a_device_writes_by_alias_is_processed_too() {
    let server = Server::shared();
    let alias = cikada_tests::fresh_name("warm");
    let source = create(&server, "dataport", &json!({"format": "integer", "preprocess": [["mul", 2]]}));
    let follower = create(&server, "dataport", &json!({"format": "integer", "subscribe": source}));
    assert_eq!(call(&server, "map", &json!(["alias", source, alias]))["status"], "ok");
    for value in [4, 5] {
        let write = Request::post("/onep:v1/stack/alias", &[(&alias, &value.to_string())]);
        server.call(&write.header("X-Exosite-CIK", &server.cast.owner.cik)).expect(204);
        let read = Request::get(&format!("/onep:v1/stack/alias?{alias}"));
        let answer = server.call(&read.header("X-Exosite-CIK", &server.cast.owner.cik)).expect(200);
        assert_eq!(answer.text(), format!("{alias}={}", 2 * value));
        assert_eq!(call(&server, "read", &json!([follower]))["result"][0][1], 2 * value);
    }
}
