//! Rights that have ended (promise I7, goal G13): once the call that ends one is answered, nothing that begins after it succeeds
//! with it, however many ask at that moment, over HTTP, CoAP and the resource API; what is held open ends in two seconds.
//!
//! `CIKADA_REVOCATIONS` sets how many.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cikada_tests::coap::{Message, Peer};
use cikada_tests::{Connection, Heard, Request, Server, Vendor, WebSocket, rpc_request, rpc_status};
use serde_json::json;

/// Who asks all the time while rights come and go.
const WORKERS: usize = 8;

/// What is revoked, and how it is seen whether it still holds.
enum Right {
    Key,
    Token,
    Share,
    Grant,
}

#[test]
fn nothing_succeeds_with_a_right_that_has_ended() {
    let revocations: usize = std::env::var("CIKADA_REVOCATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(500);
    let server = Server::start();
    let vendor = server.vendor();
    vendor.add_model("m", &[]);
    vendor.add("m", &["A1"]);
    vendor.enable("m", "A1");
    let root = &server.cast.root.cik;
    let partner = server.rpc_text(root, "create", json!([{"alias": ""}, "client", {"limits": {}}]));
    let partner = server.rpc(root, "info", json!([partner, {"key": true}]))["key"].as_str().unwrap().to_owned();
    Vendor::with_cik(&server, "partner", &partner).post("/register", &[("vendor", "partner")]).expect(205);
    let mut late = 0;
    for round in 0..revocations {
        let right = match round % 5 {
            0 | 1 => Right::Key,
            2 => Right::Token,
            3 => Right::Share,
            _ => Right::Grant,
        };
        let use_it = give(&server, &right, &partner, round);
        late += end_while_used(&server, &right, &use_it, round);
    }
    assert_eq!(late, 0, "late successes");
    println!("{revocations} revocations");
}

/// A request that succeeds as long as the right holds.
fn give(server: &Server, right: &Right, partner: &str, round: usize) -> Request {
    let vendor = server.vendor();
    match right {
        Right::Key => {
            vendor.re_enable("m", "A1").expect(205);
            let device = server.device("m", "A1");
            let key = device.activate_ok();
            device.download_request(&key, "")
        }
        Right::Token => {
            let token = vendor.post("/admin/auth/", &[("id", &format!("t{round}"))]).expect(200).text().to_owned();
            Vendor::with_token(server, "acme", &token).request("GET", "/manage/model/")
        }
        Right::Share => {
            vendor.post("/manage/share/m/", &[("vendor", "partner")]).expect(205);
            Vendor::with_cik(server, "partner", partner).at("acme").request("GET", "/manage/model/m/")
        }
        Right::Grant => {
            let owner = &server.cast.owner;
            let limits = json!({"limits": {"dataport": 1}});
            let client = server.rpc_text(&owner.cik, "create", json!([{"alias": ""}, "client", limits]));
            let port = server.rpc_text(&owner.cik, "create", json!([client, "dataport", {"format": "integer"}]));
            let lent = json!([client, {(&port): ["read"]}, {"ttl": 10_000}]);
            let token = server.rpc_text(&owner.cik, "grant", lent);
            rpc_request(json!({ "token": token }), "read", json!([port]))
        }
    }
}

fn end(server: &Server, right: &Right, round: usize) {
    let vendor = server.vendor();
    match (right, round % 2) {
        (Right::Key, 0) => drop(vendor.disable("m", "A1").expect(205)),
        (Right::Key, _) => drop(vendor.re_enable("m", "A1").expect(205)),
        (Right::Token, _) => drop(vendor.call("DELETE", &format!("/admin/auth/t{round}")).expect(205)),
        (Right::Share, _) => drop(vendor.call("DELETE", "/manage/share/m/partner").expect(205)),
        // A grant ends with the client as which it calls.
        (Right::Grant, _) => {
            let here = json!([{"alias": ""}, ["client"], {}]);
            for rid in server.rpc(&server.cast.owner.cik, "listing", here)["client"].as_array().unwrap() {
                let info = server.rpc(&server.cast.owner.cik, "info", json!([rid, {"description": true}]));
                if info["description"]["meta"].as_str().is_none_or(str::is_empty) {
                    server.rpc(&server.cast.owner.cik, "drop", json!([rid]));
                }
            }
        }
    }
}

/// Ends a right while everybody uses it; answers how many requests succeeded that began after the end was answered.
fn end_while_used(server: &Server, right: &Right, request: &Request, round: usize) -> u64 {
    let (ended, over, late, good) =
        (AtomicBool::new(false), AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let mut connection = server.connect();
                while !over.load(Ordering::SeqCst) {
                    let began_late = ended.load(Ordering::SeqCst);
                    if succeeds(&mut connection, request) {
                        good.fetch_add(1, Ordering::SeqCst);
                        late.fetch_add(u64::from(began_late), Ordering::SeqCst);
                    }
                }
            });
        }
        // Everybody has used it, so that it is in whatever memory there is.
        let since = Instant::now();
        while good.load(Ordering::SeqCst) < WORKERS as u64 {
            if since.elapsed() > Duration::from_secs(20) {
                over.store(true, Ordering::SeqCst);
                let answer = server.connect().ask(request);
                panic!("the right of round {round} does not hold at all: {answer:?}");
            }
            thread::yield_now();
        }
        end(server, right, round);
        ended.store(true, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(4));
        over.store(true, Ordering::SeqCst);
    });
    late.into_inner()
}

fn succeeds(connection: &mut Connection, request: &Request) -> bool {
    let answer = connection.ask(request).expect("an answer");
    answer.status == 200 && (!request.target().ends_with("/process") || rpc_status(&answer) == "ok")
}

#[test]
fn what_is_held_open_with_a_key_ends_within_two_seconds_of_its_end() {
    const HELD: Duration = Duration::from_secs(2);
    let server = Server::start();
    let vendor = server.vendor();
    vendor.add_model("m", &[]);
    let owner = &server.cast.owner.cik;
    for sn in ["A1", "A2", "A3"] {
        let key = vendor.activated("m", sn);
        let device = vendor.look("m", sn).expect(200).text().split(',').nth(1).unwrap().to_owned();
        let port = server.rpc_text(owner, "create", json!([device, "dataport", {"format": "integer"}]));
        server.rpc(owner, "map", json!([device, "alias", port, "value"]));
        let mut poll = server.connect().patience(Duration::from_secs(20));
        let request = Request::get("/onep:v1/stack/alias?value").header("X-Exosite-CIK", &key);
        poll.send(&request.header("Request-Timeout", "30000").to_bytes()).unwrap();
        let mut wait = server.connect().patience(Duration::from_secs(20));
        let call = rpc_request(json!({ "cik": key }), "wait", json!([{"alias": "value"}, {"timeout": 30_000}]));
        wait.send(&call.to_bytes()).unwrap();
        let mut socket = WebSocket::open_as(&server, &key);
        let said = socket.call(r#"{"id":1,"procedure":"subscribe","arguments":[{"alias":"value"},{"subs_id":7}]}"#);
        assert!(said.contains("ok"), "{said}");
        let mut observer = Peer::new(server.coap());
        let observed =
            observer.ask(Message::get(&format!("/1a/value?{key}")).uint(cikada_tests::coap::number::OBSERVE, 0));
        assert!(observed.find(cikada_tests::coap::number::OBSERVE).is_some(), "{observed:?}");
        thread::sleep(Duration::from_millis(100));

        match sn {
            "A1" => drop(vendor.disable("m", sn).expect(205)),
            "A2" => drop(vendor.re_enable("m", sn).expect(205)),
            _ => drop(server.rpc(owner, "drop", json!([device]))),
        }
        let since = Instant::now();
        assert_eq!(poll.read_answer("GET").unwrap().status, 401, "a long poll of {sn}");
        let answer = wait.read_answer("POST").unwrap();
        assert!(rpc_status(&answer) != "ok" && rpc_status(&answer) != "expire", "a wait of {sn}: {answer:?}");
        let ended = loop {
            match socket.hear() {
                Heard::Text(text) => assert!(!text.contains("result"), "told after the end: {text}"),
                Heard::Close(_) | Heard::End => break since.elapsed(),
            }
        };
        assert!(ended < HELD, "{sn}: {ended:?}");
        let last = observer.receive(HELD);
        assert!(last.as_ref().is_none_or(|last| last.status() != "2.05"), "told after the end: {last:?}");
    }
}
