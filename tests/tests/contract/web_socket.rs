//! The resource API over WebSocket (contract, rpc.md "Over WebSocket"; threat T25).

use std::time::{Duration, Instant};

use cikada_tests::{Heard, Request, Server, UNKNOWN_KEY, WebSocket, is_hex40};
use serde_json::{Value, json};

fn result(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap();
    answer[0]["result"].as_str().unwrap_or_else(|| panic!("no result: {answer}")).to_owned()
}

/// A client below the vendor, and its key.
fn client(server: &Server) -> (String, String) {
    let mut vendor = WebSocket::open_as(server, &server.cast.vendor.cik);
    let limits = "{\"limits\":{\"client\":\"inherit\",\"dataport\":\"inherit\"}}";
    let rid =
        result(&vendor.call(&format!("{{\"id\":1,\"procedure\":\"create\",\"arguments\":[\"client\",{limits}]}}")));
    let info = vendor.call(&format!("{{\"id\":1,\"procedure\":\"info\",\"arguments\":[\"{rid}\",{{\"key\":true}}]}}"));
    let info: Value = serde_json::from_str(&info).unwrap();
    (rid, info[0]["result"]["key"].as_str().unwrap().to_owned())
}

fn dataport(socket: &mut WebSocket) -> String {
    let rid = result(
        &socket.call("{\"id\":1,\"procedure\":\"create\",\"arguments\":[\"dataport\",{\"format\":\"integer\"}]}"),
    );
    assert!(is_hex40(&rid));
    rid
}

fn write(rid: &str, value: i64) -> String {
    format!("{{\"id\":\"w\",\"procedure\":\"write\",\"arguments\":[\"{rid}\",{value}]}}")
}

fn call(id: &str, procedure: &str, arguments: &Value) -> String {
    json!({"id": id, "procedure": procedure, "arguments": arguments}).to_string()
}

fn values(text: &str) -> Vec<(String, i64)> {
    let answer: Value = serde_json::from_str(text).unwrap();
    let id = answer[0]["id"].as_str().unwrap().to_owned();
    let points = answer[0]["result"].as_array().unwrap_or_else(|| panic!("no points: {text}"));
    points.iter().map(|point| (id.clone(), point[1].as_i64().unwrap())).collect()
}

#[test]
fn a_handshake_is_one_of_rfc_6455() {
    let server = Server::shared();
    let bare = Request::get("/ws");
    server.call(&bare).expect(400);
    server.call(&Request::new("POST", "/ws")).expect(405);
    let upgrade = || Request::get("/ws").header("Upgrade", "websocket").header("Connection", "Upgrade");
    server.call(&upgrade()).expect(400);
    server.call(&upgrade().header("Sec-WebSocket-Version", "8")).expect(400);
    server.call(&upgrade().header("Sec-WebSocket-Version", "13").header("Sec-WebSocket-Key", "short")).expect(400);
    let _socket = WebSocket::open(&server);
}

#[test]
fn a_credential_comes_first_and_a_bad_one_ends_the_socket() {
    let server = Server::shared();
    for (said, code) in [
        (format!("{{\"auth\":{{\"cik\":\"{UNKNOWN_KEY}\"}}}}"), 401),
        ("{\"auth\":{}}".to_owned(), 400),
        ("{\"calls\":[]}".to_owned(), 400),
        ("hello".to_owned(), -1),
    ] {
        let mut socket = WebSocket::open(&server);
        socket.say(&said);
        let answer: Value = serde_json::from_str(&socket.text()).unwrap();
        assert_eq!(answer["error"]["code"], code, "{said}");
        assert_eq!(socket.hear(), Heard::Close(1008));
    }
}

#[test]
fn calls_are_answered_as_over_http_and_a_wait_holds_nothing_up() {
    let server = Server::shared();
    let (rid, cik) = client(&server);
    let mut socket = WebSocket::open_as(&server, &cik);
    let port = dataport(&mut socket);
    let answer = socket.call("{\"id\":1,\"procedure\":\"lookup\",\"arguments\":[\"alias\",\"\"]},{\"id\":2,\"procedure\":\"fly\",\"arguments\":[]}");
    let expected = json!([
        {"id": 1, "status": "ok", "result": rid},
        {"id": 2, "error": {"code": 501, "message": "unknown procedure", "context": "procedure"}}
    ]);
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), expected);
    // The wait is asked first and answered last.
    let wait = call("waits", "wait", &json!([port, {"timeout": 10_000}]));
    socket.say(&format!("{{\"calls\":[{wait},{}]}}", call("now", "lookup", &json!(["alias", ""]))));
    assert!(socket.text().contains("\"now\""));
    std::thread::sleep(Duration::from_millis(100));
    socket.say(&format!("{{\"calls\":[{}]}}", write(&port, 7)));
    let (one, other) = (socket.text(), socket.text());
    let waited = if one.contains("waits") { one } else { other };
    let waited: Value = serde_json::from_str(&waited).unwrap();
    assert_eq!(waited[0]["result"][1], 7);
    assert_eq!(socket.call("]"), "{\"error\":{\"code\":-1,\"message\":\"not JSON\",\"context\":\"auth\"}}");
}

#[test]
fn a_subscription_is_acknowledged_once_and_then_told_every_value() {
    let server = Server::shared();
    let (_, cik) = client(&server);
    let mut socket = WebSocket::open_as(&server, &cik);
    let mut writer = WebSocket::open_as(&server, &cik);
    let port = dataport(&mut socket);
    let acknowledged = socket.call(&call("s", "subscribe", &json!([port, {"subs_id": "mine"}])));
    assert_eq!(acknowledged, "[{\"id\":\"s\",\"status\":\"ok\"}]");
    for value in 0..5 {
        writer.call(&write(&port, value));
        assert_eq!(values(&socket.text()), [("mine".to_owned(), value)]);
    }
    let unsubscribe = call("u", "unsubscribe", &json!([null, {"subs_id": "mine"}]));
    assert_eq!(socket.call(&unsubscribe), "[{\"id\":\"u\",\"status\":\"ok\"}]");
    writer.call(&write(&port, 9));
    let answer = socket.call(&call("last", "lookup", &json!(["alias", ""])));
    assert!(answer.contains("\"last\""), "{answer}");
}

#[test]
fn a_subscription_since_a_second_tells_the_past_first() {
    let server = Server::shared();
    let (_, cik) = client(&server);
    let mut socket = WebSocket::open_as(&server, &cik);
    let port = dataport(&mut socket);
    socket.call(&call("r", "record", &json!([port, [[5, 1], [6, 2], [7, 3]]])));
    assert!(socket.call(&call("s", "subscribe", &json!([port, {"since": 5}]))).contains("ok"));
    assert_eq!(values(&socket.text()), [("s".to_owned(), 2)]);
    assert_eq!(values(&socket.text()), [("s".to_owned(), 3)]);
    let mut writer = WebSocket::open_as(&server, &cik);
    writer.call(&write(&port, 4));
    assert_eq!(values(&socket.text()), [("s".to_owned(), 4)]);
}

#[test]
fn what_may_not_be_read_may_not_be_subscribed_to() {
    let server = Server::shared();
    let (_, cik) = client(&server);
    let mut socket = WebSocket::open_as(&server, &cik);
    for (arguments, answer) in [
        (json!([server.cast.template.rid]), "[{\"id\":\"s\",\"status\":\"restricted\"}]"),
        (json!([{"alias": "nobody"}]), "[{\"id\":\"s\",\"status\":\"invalid\"}]"),
        (json!(["nonsense"]), "[{\"id\":\"s\",\"status\":\"invalid\"}]"),
    ] {
        assert_eq!(socket.call(&call("s", "subscribe", &arguments)), answer);
    }
    assert!(socket.call(&call("s", "subscribe", &json!([]))).contains("501"));
}

#[test]
fn a_dropped_resource_ends_its_subscription_and_a_revoked_key_the_socket() {
    let server = Server::shared();
    let (rid, cik) = client(&server);
    let mut socket = WebSocket::open_as(&server, &cik);
    let port = dataport(&mut socket);
    socket.call(&call("s", "subscribe", &json!([port])));
    socket.say(&format!("{{\"calls\":[{}]}}", call("d", "drop", &json!([port]))));
    let (one, other) = (socket.text(), socket.text());
    let told = [one, other];
    assert!(told.contains(&"[{\"id\":\"s\",\"status\":\"restricted\"}]".to_owned()), "{told:?}");
    let mut vendor = WebSocket::open_as(&server, &server.cast.vendor.cik);
    assert!(vendor.call(&call("x", "drop", &json!([rid]))).contains("ok"));
    let began = Instant::now();
    assert_eq!(socket.hear(), Heard::Close(1008));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_peer_that_never_says_who_it_is_is_shown_out() {
    let server = Server::shared();
    let mut silent = WebSocket::open(&server);
    let began = Instant::now();
    assert_eq!(silent.hear(), Heard::Close(1008));
    assert!((9..15).contains(&began.elapsed().as_secs()));
}

#[test]
fn a_message_that_is_too_large_or_no_text_ends_the_socket() {
    let server = Server::shared();
    let mut socket = WebSocket::open_as(&server, &server.cast.owner.cik);
    let _ = socket.send_frame(0x81, &vec![b' '; (1 << 20) + 1]);
    assert!(matches!(socket.hear(), Heard::Close(1009) | Heard::End));
    let mut socket = WebSocket::open_as(&server, &server.cast.owner.cik);
    socket.send_frame(0x82, b"{}").unwrap();
    assert_eq!(socket.hear(), Heard::Close(1003));
}

#[test]
fn a_client_has_so_many_sockets() {
    let server = Server::start();
    let (_, cik) = client(&server);
    let sockets: Vec<WebSocket> = (0..64).map(|_| WebSocket::open_as(&server, &cik)).collect();
    let mut one_more = WebSocket::open(&server);
    one_more.say(&format!("{{\"auth\":{{\"cik\":\"{cik}\"}}}}"));
    assert_eq!(one_more.hear(), Heard::Close(1013));
    drop(sockets);
}

#[test]
fn a_peer_that_floods_and_does_not_read_is_shown_out_and_costs_no_memory() {
    let server = Server::start();
    let (_, cik) = client(&server);
    let mut flood = WebSocket::open_as(&server, &cik);
    let frame = format!("{{\"calls\":[{}]}}", vec![call("x", "lookup", &json!(["alias", ""])); 900].join(","));
    // It is not read from any more when it does not read, so that sending comes to a stop, or is cut off.
    let mut sent = 0;
    while sent < 64 << 20 && flood.send_frame(0x81, frame.as_bytes()).is_ok() {
        sent += frame.len();
        if server.resident_bytes() > 400 << 20 {
            panic!("{} bytes resident", server.resident_bytes());
        }
    }
    let mut other = WebSocket::open_as(&server, &cik);
    assert!(other.call(&call("x", "lookup", &json!(["alias", ""]))).contains("ok"));
}

#[test]
fn an_orderly_stop_says_good_bye() {
    let mut server = Server::start();
    let mut socket = WebSocket::open_as(&server, &server.cast.owner.cik);
    let stopped = std::thread::spawn(move || server.stop());
    assert_eq!(socket.hear(), Heard::Close(1001));
    drop(socket);
    assert!(stopped.join().unwrap().success());
}
