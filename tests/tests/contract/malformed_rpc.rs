//! What is no request of the resource API, or one that means harm (contract, rpc.md; threats T26, T29).

use cikada_tests::{Answer, Request, Server};
use serde_json::{Value, json};

fn send(server: &Server, body: impl Into<Vec<u8>>) -> Answer {
    let request = Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json");
    server.call(&request.body(body.into()))
}

fn code(answer: &Answer) -> (i64, String) {
    let value: Value = serde_json::from_str(answer.text()).unwrap_or_else(|_| panic!("{}", answer.text()));
    let error = &value["error"];
    (error["code"].as_i64().unwrap_or(0), error["context"].as_str().unwrap_or("").to_owned())
}

/// A request of one call with these arguments as they stand.
fn with_arguments(server: &Server, procedure: &str, arguments: &str) -> Vec<u8> {
    let cik = &server.cast.owner.cik;
    format!(r#"{{"auth":{{"cik":"{cik}"}},"calls":[{{"id":1,"procedure":"{procedure}","arguments":{arguments}}}]}}"#)
        .into_bytes()
}

#[test]
fn json_that_cannot_be_read_in_one_way_is_refused_whole() {
    let server = Server::shared();
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let nested = with_arguments(&server, "write", &format!("[\"x\",{}]", deep(200)));
    let bombs: [Vec<u8>; 12] = [
        b"".to_vec(),
        b"null\x00".to_vec(),
        b"{\"auth\":{}}{}".to_vec(),
        vec![b'['; 1_000_000],
        deep(1_000).into_bytes(),
        nested,
        with_arguments(&server, "read", "[\"\\ud800\"]"),
        with_arguments(&server, "read", "[\"\\udc00\\ud800\"]"),
        with_arguments(&server, "read", "[1e400]"),
        with_arguments(&server, "read", "[\"a\tb\"]"),
        with_arguments(&server, "read", "[01]"),
        [&with_arguments(&server, "read", "[\"")[..20], &[0xff, 0xfe, b'"']].concat(),
    ];
    for body in bombs {
        let shown = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        let answer = send(&server, body).expect(200);
        assert!([-1, 400].contains(&code(&answer).0), "{shown}: {}", answer.text());
        assert!(answer.body.len() < 200, "an answer to rubbish is short");
    }
    let cik = &server.cast.owner.cik;
    for doubled in [
        format!(r#"{{"auth":{{"cik":"{cik}","cik":"{cik}"}},"calls":[]}}"#),
        format!(r#"{{"auth":{{"cik":"{cik}"}},"auth":{{"cik":"{cik}"}},"calls":[]}}"#),
        format!(r#"{{"auth":{{"cik":"{cik}"}},"calls":[],"calls":[]}}"#),
        format!(r#"{{"auth":{{"cik":"{cik}"}},"calls":[{{"id":1,"id":2,"procedure":"read","arguments":[]}}]}}"#),
    ] {
        assert_eq!(code(&send(&server, doubled.clone()).expect(200)).0, 400, "{doubled}");
    }
}

#[test]
fn a_request_has_a_mebibyte_and_a_thousand_calls() {
    let server = Server::shared();
    let cik = &server.cast.owner.cik;
    let call = r#"{"procedure":"lookup","arguments":["alias",""]}"#;
    let many = |count: usize| format!(r#"{{"auth":{{"cik":"{cik}"}},"calls":[{}]}}"#, vec![call; count].join(","));
    assert_eq!(send(&server, many(1_000)).expect(200).text(), "", "no call had an id");
    assert_eq!(code(&send(&server, many(1_001)).expect(200)), (400, "calls".to_owned()));
    let padded = |bytes: usize| {
        let body = many(1);
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    send(&server, padded(1 << 20)).expect(200);
    send(&server, padded((1 << 20) + 1)).expect(413);
}

#[test]
fn numbers_that_no_series_has_room_for_are_invalid_and_change_nothing() {
    let server = Server::shared();
    let create = with_arguments(&server, "create", r#"["dataport",{"format":"integer"}]"#);
    let made: Value = serde_json::from_str(send(&server, create).text()).unwrap();
    let rid = made[0]["result"].as_str().unwrap().to_owned();
    let status = |procedure: &str, arguments: String| -> Value {
        let answer = send(&server, with_arguments(&server, procedure, &arguments)).expect(200);
        let entries: Value = serde_json::from_str(answer.text()).unwrap();
        entries[0].get("status").cloned().unwrap_or_else(|| entries[0]["error"]["code"].clone())
    };
    for value in [
        "9223372036854775808",
        "-9223372036854775809",
        "9007199254740994.0",
        "1e30",
        "1.5",
        "null",
        "[]",
        "{}",
        "true",
        "\"x\"",
        "\"\"",
    ] {
        assert_eq!(status("write", format!("[\"{rid}\",{value}]")), json!("invalid"), "{value}");
    }
    for (procedure, arguments) in [
        ("record", format!("[\"{rid}\",[[9223372036854775807,1]]]")),
        ("record", format!("[\"{rid}\",[[-9223372036854775808,1]]]")),
        ("record", format!("[\"{rid}\",[[1e300,1]]]")),
        ("read", format!("[\"{rid}\",{{\"limit\":-1}}]")),
        ("read", format!("[\"{rid}\",{{\"limit\":1e300}}]")),
        ("read", format!("[\"{rid}\",{{\"starttime\":1e300}}]")),
        ("read", format!("[\"{rid}\",{{\"sort\":\"up\"}}]")),
        ("read", format!("[\"{rid}\",{{\"selection\":\"some\"}}]")),
        ("wait", format!("[\"{rid}\",{{\"timeout\":300001}}]")),
        ("wait", format!("[\"{rid}\",{{\"timeout\":-1}}]")),
        ("flush", format!("[\"{rid}\",{{\"newerthan\":\"x\"}}]")),
    ] {
        assert_eq!(status(procedure, arguments.clone()), json!("invalid"), "{procedure} {arguments}");
    }
    let read = send(&server, with_arguments(&server, "read", &format!("[\"{rid}\",{{\"limit\":10}}]")));
    assert!(read.text().contains("\"result\":[]"), "{}", read.text());
}
