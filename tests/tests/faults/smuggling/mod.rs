//! Hidden requests (threat T17): alone and behind haproxy and nginx, nobody gets more answers than requests that whoever stands
//! before the server has seen, and no hidden request is served.

mod payloads;
mod proxy;

use std::time::{Duration, Instant};

use cikada_tests::tap::{Tap, count};
use cikada_tests::{Connection, Request, Server, fresh_name};

use payloads::{Payload, all};
use proxy::Proxy;

/// What only the hidden requests ask for.
const CANARY: &str = "canary-of-the-hidden-request";

struct Hidden {
    server: Server,
    request: Vec<u8>,
}

/// A server, and the request for the canary.
fn hidden() -> Hidden {
    let server = Server::start();
    let model = fresh_name("hidden");
    let vendor = server.vendor();
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["A1"]);
    vendor.enable(&model, "A1");
    let key = server.device(&model, "A1").activate_ok();
    let upload = Request::new("POST", &format!("/provision/manage/content/{model}/canary"))
        .header("X-Exosite-CIK", &server.cast.vendor.cik)
        .header("Content-Type", "text/plain")
        .body(CANARY);
    server.call(&upload).expect(205);
    let path = format!("/provision/download?vendor={}&model={model}&id=canary", server.cast.vendor_name);
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Exosite-CIK: {key}\r\n\r\n").into_bytes();
    Hidden { server, request }
}

/// Whatever comes, until the other end closes or has been silent for a while.
fn answers(connection: &mut Connection) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    loop {
        match connection.read_some() {
            Ok(some) => all.extend(some),
            Err(end) => {
                let is_closed = !matches!(end.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
                return (all, is_closed);
            }
        }
    }
}

#[test]
fn what_hides_a_request_is_refused_and_the_connection_closed() {
    let Hidden { server, request } = hidden();
    let payloads = all();
    assert!(payloads.len() >= 80, "{}", payloads.len());
    let control = server.connect().ask(&Request::get("/ip")).unwrap();
    assert_eq!(control.status, 200);
    for Payload { what, bytes } in &payloads {
        let mut connection = server.connect().patience(Duration::from_secs(10));
        let _ = connection.send(&[&bytes[..], &request].concat());
        let (came, is_closed) = answers(&mut connection);
        let text = String::from_utf8_lossy(&came);
        let shown = String::from_utf8_lossy(bytes);
        assert!(is_closed, "{what}: {shown:?} is kept open after {text:?}");
        assert_eq!(count(&came, b"HTTP/1.1 "), 1, "{what}: {shown:?}: {text:?}");
        assert!(text.starts_with("HTTP/1.1 400 "), "{what}: {shown:?}: {text:?}");
    }
}

#[test]
fn behind_haproxy_nobody_is_served_what_it_has_not_seen() {
    behind(Proxy::haproxy);
}

#[test]
fn behind_nginx_nobody_is_served_what_it_has_not_seen() {
    behind(Proxy::nginx);
}

fn behind(start: fn(std::net::SocketAddr) -> Proxy) {
    let Hidden { server, request } = hidden();
    let tap = Tap::before(server.address);
    let proxy = start(tap.address);
    // The canary is there for who asks openly, and then the proxy knows.
    let mut open = Connection::open(proxy.address).unwrap();
    open.send(&request).unwrap();
    assert_eq!(open.read_answer("GET").unwrap().text(), CANARY);
    let mut openly = 1;
    for Payload { what, bytes } in &all() {
        let mut attacker = Connection::open(proxy.address).unwrap().patience(Duration::from_millis(100));
        let _ = attacker.send(&[&bytes[..], &request].concat());
        let (came, _) = answers(&mut attacker);
        let shown = String::from_utf8_lossy(bytes);
        // Whoever comes next, over the same connections to the server, is answered what it asked for.
        let victim = Connection::open(proxy.address).unwrap().ask(&Request::get("/timestamp")).unwrap();
        assert_eq!(victim.status, 200, "{what}: {shown:?}: the next one got {victim:?}");
        assert!(victim.text().trim().parse::<u64>().is_ok(), "{what}: {shown:?}: the next one got {victim:?}");
        openly += count(&came, CANARY.as_bytes());
    }
    let since = Instant::now();
    let carried = loop {
        let carried = tap.carried();
        if proxy.forwarded().len() == carried.answer_count() {
            break carried;
        }
        // A log line may follow its answer.
        assert!(
            since.elapsed() < Duration::from_secs(10),
            "{} counts {} requests, the server {} answers:\n{}",
            proxy.name,
            proxy.forwarded().len(),
            carried.answer_count(),
            proxy.forwarded().join("\n")
        );
        std::thread::sleep(Duration::from_millis(50));
    };
    let seen = proxy.forwarded().iter().filter(|line| line.contains("id=canary")).count();
    let served = count(&carried.answers, CANARY.as_bytes());
    eprintln!("{}: {} answers, {served} times openly", proxy.name, carried.answer_count());
    assert_eq!(served, seen, "a request that {} has not seen was served", proxy.name);
    assert_eq!(served, openly, "an answer went to somebody else");
}
