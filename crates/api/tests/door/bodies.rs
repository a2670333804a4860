//! Bodies: their limits, their end, and what is asked for before they come (contract, README rules 6 and 7; T19, T20).

use std::time::Duration;

use crate::server::{Peer, Server, get, post};
use crate::site::CIK;

fn assert_open(peer: &mut Peer) {
    peer.send(get("/cik"));
    assert_eq!(peer.answer().text(), CIK, "the connection goes on");
}

#[test]
fn a_body_is_as_large_as_it_may_be_and_no_larger() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(post("/small", &"x".repeat(16)));
    assert_eq!(peer.answer().text(), "x".repeat(16));
    peer.send(post("/small", &"x".repeat(17)));
    assert_eq!(peer.answer().status(), 413);
    assert_open(&mut peer);

    let chunked = "POST /small HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    peer.send(format!("{chunked}8\r\n01234567\r\n8\r\n89abcdef\r\n0\r\n\r\n"));
    assert_eq!(peer.answer().text(), "0123456789abcdef");
    peer.send(format!("{chunked}8\r\n01234567\r\n9\r\n89abcdefg\r\n0\r\n\r\n"));
    assert_eq!(peer.answer().status(), 413);
    assert_open(&mut peer);
}

#[test]
fn a_body_that_is_declared_too_large_is_refused_before_it_comes() {
    let server = Server::start();
    for length in ["10000000000000", "9223372036854775808", "18446744073709551613", "18446744073709551615"] {
        let mut peer = server.connect();
        peer.send(format!("POST /small HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"));
        let answer = peer.answer();
        assert!(answer.status() == 413 && answer.has("Connection: close"), "{}", answer.head);
    }
}

#[test]
fn a_sender_of_endless_chunks_gets_to_read_why_it_was_refused() {
    use std::io::Write;
    let server = Server::start();
    let mut peer = server.connect();
    peer.send("POST /small HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    for _ in 0..400 {
        peer.tcp.write_all(chunk.as_bytes()).expect("what it still sends is read, and thrown away");
    }
    let answer = peer.answer();
    assert!(answer.status() == 413 && answer.has("Connection: close"), "{}", answer.head);
}

#[test]
fn a_body_that_nobody_wants_is_in_nobodys_way() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(post("/ignore", "vendor=a&model=b"));
    assert_eq!(peer.answer().status(), 401);
    // The rest of the body comes later.
    peer.send("POST /ignore HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234");
    std::thread::sleep(Duration::from_millis(50));
    peer.send("56789");
    assert_eq!(peer.answer().status(), 401);
    peer.send("POST /ignore HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    assert_eq!(peer.answer().status(), 401);
    assert_open(&mut peer);
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    let server = Server::start();
    let mut peer = server.connect();
    let ask = |path: &str| format!("POST {path} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    peer.send(ask("/echo"));
    assert_eq!(peer.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("hello");
    assert_eq!(peer.answer().text(), "hello");
    assert_open(&mut peer);

    peer.send(ask("/ignore"));
    let answer = peer.answer();
    assert!(answer.status() == 401 && answer.has("Connection: close"), "nobody asked for its body: {}", answer.head);

    let mut peer = server.connect();
    peer.send("POST /small HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 17\r\n\r\n");
    assert_eq!(peer.answer().status(), 413);
}

#[test]
fn a_coded_body_is_refused() {
    let server = Server::start();
    let mut peer = server.connect();
    for (coding, status) in [
        ("gzip", 415),
        ("identity, br", 415),
        ("identity\r\nContent-Encoding: gzip", 415),
        ("Identity", 200),
        ("", 200),
    ] {
        peer.send(format!("POST /echo HTTP/1.1\r\nContent-Encoding: {coding}\r\nContent-Length: 2\r\n\r\nab"));
        assert_eq!(peer.answer().status(), status, "{coding}");
    }
    peer.send("GET /cik HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\n");
    assert_eq!(peer.answer().status(), 200, "there is no body");
}

#[test]
fn a_body_may_be_large_and_is_never_held_whole() {
    let server = Server::start();
    let mut peer = server.connect();
    let size: usize = 64 << 20;
    peer.send(format!("POST /count HTTP/1.1\r\nContent-Length: {size}\r\n\r\n"));
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        peer.send(&piece);
    }
    assert_eq!(peer.answer().text(), size.to_string());
    assert_open(&mut peer);
}

#[test]
fn a_body_that_breaks_off_is_malformed() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234");
    peer.tcp.shutdown(std::net::Shutdown::Write).unwrap();
    let all = peer.read_to_end();
    assert!(all.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{all}");
}
