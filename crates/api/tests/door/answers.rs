//! Contract, README "Rules for every HTTP answer", 1 to 5, 7 and 8.

use std::io::Read;

use crate::server::{Server, get, post};
use crate::site::CIK;

/// The head without the line that changes every second.
fn without_date(head: &str) -> String {
    let (before, date) = head.split_once("Date: ").unwrap();
    let (date, after) = date.split_once("\r\n").unwrap();
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    format!("{before}{after}")
}

#[test]
fn a_device_finds_its_answer_byte_for_byte() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(get("/cik"));
    let answer = peer.answer();
    assert_eq!(
        without_date(&answer.head),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 40\r\n\r\n"
    );
    assert_eq!(answer.text(), CIK);
    assert!(answer.head.len() <= 158, "{} bytes", answer.head.len());
    peer.send("GET /cik HTTP/1.1\r\nConnection: close\r\n\r\n");
    let last = peer.answer();
    assert!(last.has("Connection: close") && last.head.len() <= 158, "{} bytes", last.head.len());
    peer.wait_for_end();
}

#[test]
fn a_status_without_a_body_has_the_length_that_it_should() {
    let server = Server::start();
    let mut peer = server.connect();
    for (path, expected) in [
        ("/204", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("/205", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"),
        ("/304", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
    ] {
        for method in ["GET", "HEAD"] {
            peer.send(format!("{method} {path} HTTP/1.1\r\n\r\n"));
            let answer = peer.answer();
            assert_eq!(without_date(&answer.head), expected, "{method}");
        }
    }
}

#[test]
fn an_error_says_what_was_wrong_in_one_line() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(get("/nowhere"));
    let answer = peer.answer();
    assert!(answer.has("HTTP/1.1 404 Not Found") && answer.has("Content-Type: text/plain"));
    assert_eq!(answer.text(), "not found");
    peer.send(get("/405"));
    assert!(peer.answer().has("Allow: GET, HEAD"));
    peer.send(get("/416"));
    let answer = peer.answer();
    assert!(answer.has("HTTP/1.1 416 Range Not Satisfiable") && answer.has("Content-Range: bytes */7"));
}

#[test]
fn a_head_request_is_told_the_length_and_gets_no_body() {
    let server = Server::start();
    let mut peer = server.connect();
    for path in ["/cik", "/nowhere", "/stream/3"] {
        peer.send(get(path));
        let full = without_date(&peer.answer().head);
        peer.send(format!("HEAD {path} HTTP/1.1\r\n\r\n"));
        let mut lines: Vec<_> = full.split("\r\n").map(str::to_owned).collect();
        let mut found: Vec<_> = without_date(&peer.head()).split("\r\n").map(str::to_owned).collect();
        lines.sort();
        found.sort();
        assert_eq!(found, lines);
    }
    peer.send(get("/cik"));
    assert_eq!(peer.answer().text(), CIK, "nothing was left in between");
}

#[test]
fn a_small_answer_comes_in_one_piece() {
    let server = Server::start();
    let mut peer = server.connect();
    let mut buffer = [0; 512];
    for _ in 0..500 {
        peer.send(get("/cik"));
        let read = peer.tcp.read(&mut buffer).unwrap();
        assert!(buffer[..read].ends_with(CIK.as_bytes()), "{:?}", String::from_utf8_lossy(&buffer[..read]));
    }
}

#[test]
fn requests_in_one_go_are_answered_in_their_order() {
    let server = Server::start();
    let mut peer = server.connect();
    let requests: String = (0..200).map(|n| post("/echo", &format!("{n}")) + &get("/204")).collect();
    peer.send(requests);
    for n in 0..200 {
        assert_eq!(peer.answer().text(), n.to_string());
        assert_eq!(peer.answer().status(), 204);
    }
}

#[test]
fn a_stray_line_end_between_requests_is_skipped() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(post("/echo", "a") + "\r\n");
    assert_eq!(peer.answer().text(), "a");
    peer.send(post("/echo", "b") + "\r\n" + &get("/cik"));
    assert_eq!(peer.answer().text(), "b");
    assert_eq!(peer.answer().text(), CIK);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = Server::start();
    let mut peer = server.connect();
    for byte in (post("/echo", "slowly") + &get("/said/b%20c/?d=%65")).as_bytes() {
        peer.send([*byte]);
    }
    assert_eq!(peer.answer().text(), "slowly");
    assert_eq!(peer.answer().status(), 404, "an empty last segment is a segment");
}

#[test]
fn an_old_client_is_answered_in_http_1_1() {
    let server = Server::start();
    let answer = server.ask("GET /cik HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert!(answer.ends_with(CIK));

    let mut peer = server.connect();
    let keep = "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab";
    peer.send(keep.repeat(2) + "HEAD /cik HTTP/1.0\r\n\r\n");
    for _ in 0..2 {
        let answer = peer.answer();
        assert!(answer.has("HTTP/1.1 200 OK") && answer.has("Connection: keep-alive"), "{}", answer.head);
        assert_eq!(answer.text(), "ab");
    }
    assert!(peer.head().contains("\r\nConnection: close\r\n"));
    peer.wait_for_end();
}

#[test]
fn an_old_client_in_small_pieces_is_answered_alike() {
    let server = Server::start();
    let request = b"\r\nPOST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab";
    for size in [1, 2, 3, 7, 20] {
        let mut peer = server.connect();
        for piece in request.chunks(size) {
            peer.send(piece);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let answer = peer.answer();
        assert!(answer.has("HTTP/1.1 200 OK") && answer.has("Connection: close"), "{}", answer.head);
        assert_eq!(answer.text(), "ab");
        peer.wait_for_end();
    }
}

#[test]
fn a_peer_that_has_said_all_still_gets_its_answers() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(get("/slow/300") + &get("/cik") + "GET /unfinished");
    peer.tcp.shutdown(std::net::Shutdown::Write).unwrap();
    let all = peer.read_to_end();
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 2, "{all}");
    assert!(all.ends_with(CIK));
}

#[test]
fn a_big_answer_arrives_whole_before_the_connection_closes() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send("GET /stream/200 HTTP/1.1\r\nConnection: close\r\n\r\n");
    // The server has to wait for the client to take it.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let answer = peer.answer();
    assert!(answer.has("Content-Length: 13107200") && answer.has("Content-Type: application/octet-stream"));
    assert_eq!(answer.body.len(), 200 << 16);
    peer.wait_for_end();
}

#[test]
fn a_big_answer_that_breaks_cuts_the_connection() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(get("/broken/5"));
    let mut bytes = Vec::new();
    let _ = peer.tcp.read_to_end(&mut bytes);
    assert!(bytes.len() < 5 << 16, "the length is not reached");
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_panic_costs_its_own_request_only() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send(get("/panic") + &get("/cik"));
    let answer = peer.answer();
    assert_eq!(answer.status(), 500);
    assert!(answer.text().contains(", request "), "{}", answer.text());
    assert_eq!(peer.answer().text(), CIK);
    peer.send(get("/internal"));
    let answer = peer.answer();
    assert!(answer.status() == 500 && !answer.text().contains("secret"), "{}", answer.text());
}

#[test]
fn a_tunnel_is_not_opened() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send("CONNECT /cik HTTP/1.1\r\n\r\n");
    assert_eq!(peer.answer().status(), 405);
    peer.send("CONNECT cik:80 HTTP/1.1\r\n\r\n");
    assert_eq!(peer.answer().status(), 405);
}
