//! Processing across the edges of the server (contract, rpc.md "Processing"): a restart, and the world outside.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
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

#[test]
fn every_rule_with_a_time_goes_on_over_a_kill_and_what_passed_meanwhile_counts() {
    let mut server = Server::start();
    let source = create(&server, "dataport", &json!({"format": "integer"}));
    let rule =
        |rule: Value| create(&server, "datarule", &json!({"format": "integer", "rule": rule, "subscribe": source}));
    let above = |more: Value| {
        let mut said = json!({"comparison": "gt", "constant": 5, "timeout": 3600, "repeat": true});
        said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        said
    };
    let timeout = rule(json!({"timeout": {"timeout": 3600, "repeat": false}}));
    let interval = rule(json!({"interval": above(json!({}))}));
    let duration = rule(json!({"duration": above(json!({}))}));
    let count = rule(json!({"count": above(json!({"count": 2}))}));
    let simple = rule(json!({"simple": {"comparison": "gt", "constant": 5, "repeat": true}}));
    let values = |server: &Server, rid: &str| -> Vec<i64> {
        let points = call(server, "read", &json!([rid, {"limit": 10, "sort": "asc"}]));
        points["result"].as_array().unwrap().iter().map(|point| point[1].as_i64().unwrap()).collect()
    };
    let write =
        |server: &Server, value: i64| assert_eq!(call(server, "write", &json!([source, value]))["status"], "ok");
    write(&server, 9);
    assert_eq!((values(&server, &timeout), values(&server, &interval)), (vec![0], vec![1]));
    assert_eq!((values(&server, &duration), values(&server, &count)), (vec![], vec![]));
    server.kill();
    server.restart();
    // The count goes on where it was: this is the second value.
    server.jump(10);
    write(&server, 8);
    assert_eq!(values(&server, &count), [1]);
    assert_eq!(values(&server, &simple), [1, 1]);
    // The hour passes while nobody is there.
    server.kill();
    server.turn_clock(3_600);
    server.restart();
    for (rid, value) in [(&timeout, 1), (&duration, 1), (&count, 0)] {
        let since = call(&server, "read", &json!([rid]))["result"][0][0].as_i64().unwrap_or(0);
        let last = values(&server, rid).last().copied();
        let came = if last == Some(value) {
            json!({"result": [since, value]})
        } else {
            call(&server, "wait", &json!([rid, {"since": since.max(1), "timeout": 10_000}]))
        };
        assert_eq!(came["result"][1], value, "{rid}: {came}");
    }
    assert_eq!(values(&server, &interval), [1, 1, 1], "it is said again when its time is over");
    write(&server, 1);
    for (rid, value) in [(&timeout, 0), (&interval, 0), (&duration, 0), (&simple, 0)] {
        assert_eq!(values(&server, rid).last(), Some(&value));
    }
}

/// A mail relay that takes everything; the mails that it took.
fn relay() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (took, taken)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        for tcp in listener.incoming().map_while(Result::ok) {
            serve_mail(tcp, &took);
        }
    });
    (address, taken)
}

fn serve_mail(mut tcp: TcpStream, took: &Sender<String>) {
    let lines = BufReader::new(tcp.try_clone().unwrap()).lines();
    let (mut mail, mut is_data) = (String::new(), false);
    let _ = tcp.write_all(b"220 relay\r\n");
    for line in lines.map_while(Result::ok) {
        mail.push_str(&line);
        mail.push('\n');
        let answer: &[u8] = match line.as_str() {
            "." if is_data => {
                let _ = took.send(std::mem::take(&mut mail));
                b"250 taken\r\n"
            }
            _ if is_data => continue,
            "DATA" => b"354 go on\r\n",
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        is_data = line == "DATA";
        if tcp.write_all(answer).is_err() {
            return;
        }
    }
}

/// A web server that takes everything; the first lines of what it took.
fn hook() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, (took, taken)) = (format!("http://{}/hook", listener.local_addr().unwrap()), channel());
    std::thread::spawn(move || {
        for mut tcp in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            let _ = BufReader::new(tcp.try_clone().unwrap()).read_line(&mut line);
            let _ = tcp.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
            let _ = took.send(line);
        }
    });
    (url, taken)
}

/// A client that may send so much, and a dispatch in it that hears of a dataport of its own: both RIDs.
fn sender(server: &Server, limits: &Value, dispatch: &Value) -> [String; 3] {
    let mut all = json!({"dataport": 1, "dispatch": 1});
    all.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    let client = create(server, "client", &json!({ "limits": all }));
    let made = |kind: &str, description: &Value| {
        let made = call(server, "create", &json!([client, kind, description]));
        made["result"].as_str().unwrap_or_else(|| panic!("not made: {made}")).to_owned()
    };
    let source = made("dataport", &json!({"format": "string"}));
    let mut dispatch = dispatch.clone();
    dispatch["subscribe"] = json!(source);
    [client.clone(), source, made("dispatch", &dispatch)]
}

/// Writes in a second of its own; what became of the dispatch's message.
fn tell(server: &Server, source: &str, dispatch: &str, value: &str) -> String {
    server.jump(2);
    let before = server.now();
    assert_eq!(call(server, "write", &json!([source, value]))["status"], "ok");
    let outcome = call(server, "wait", &json!([dispatch, {"since": before - 1, "timeout": 15_000}]));
    outcome["result"][1].as_str().unwrap_or_else(|| panic!("no outcome: {outcome}")).to_owned()
}

#[test]
fn mail_goes_through_the_relay_as_often_as_the_limits_allow() {
    let (address, mails) = relay();
    let config = format!(
        "[smtp]\nhost = \"127.0.0.1\"\nport = {}\nfrom = \"cikada@example.org\"\nencryption = \"none\"\n",
        address.port()
    );
    let server = Server::start_with(&config);
    let email = json!({"method": "email", "recipient": "ann@example.com", "subject": "Alarm in the house"});
    let [client, source, dispatch] = sender(&server, &json!({"email": 2, "email_bucket": 3}), &email);
    assert_eq!(tell(&server, &source, &dispatch, "it burns"), "delivered");
    let mail = mails.recv_timeout(Duration::from_secs(10)).unwrap();
    for part in ["RCPT TO:<ann@example.com>", "From: cikada@example.org", "Subject: Alarm in the house", "it burns"] {
        assert!(mail.contains(part), "{part} is not in {mail}");
    }
    assert_eq!(tell(&server, &source, &dispatch, "still"), "delivered");
    assert_eq!(tell(&server, &source, &dispatch, "again"), "undelivered: a limit is used up", "two a day");
    server.jump(86_400);
    assert_eq!(tell(&server, &source, &dispatch, "next day"), "delivered");
    assert_eq!(tell(&server, &source, &dispatch, "and again"), "undelivered: a limit is used up", "three in all");
    let used = call(&server, "usage", &json!([client, "email", 0, server.now()]));
    assert_eq!(used["result"], 3, "{used}");
    assert_eq!(mails.try_iter().count(), 2, "what was not allowed was not sent");
}

#[test]
fn requests_go_out_as_often_as_the_limits_of_every_owner_allow() {
    let (url, requests) = hook();
    let server = Server::start_with("[dispatch]\nallowed_networks = [\"127.0.0.0/8\"]\n");
    for (method, line) in [("http_get", "GET"), ("http_post", "POST"), ("http_put", "PUT")] {
        let dispatch = json!({"method": method, "recipient": url, "message": "m"});
        let [_, source, dispatch] = sender(&server, &json!({"http": 1, "http_bucket": "inherit"}), &dispatch);
        assert_eq!(tell(&server, &source, &dispatch, "one"), "delivered", "{method}");
        assert_eq!(tell(&server, &source, &dispatch, "two"), "undelivered: a limit is used up", "{method}");
        let heard = requests.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(heard.trim_end(), format!("{line} /hook HTTP/1.1"));
    }
    assert_eq!(requests.try_iter().count(), 0);
    for (method, why) in [
        ("sms", "undelivered: this server cannot send short messages"),
        ("xmpp", "undelivered: this server does not speak XMPP"),
        ("email", "undelivered: no mail relay is set up"),
    ] {
        let limits = json!({method: "inherit", format!("{method}_bucket"): "inherit"});
        let [_, source, dispatch] =
            sender(&server, &limits, &json!({"method": method, "recipient": "ann@example.com"}));
        assert_eq!(tell(&server, &source, &dispatch, "hello"), why);
    }
}
