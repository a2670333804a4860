//! What could be read in two ways is refused once, in words, and closes the connection (T17).

use crate::server::{Server, get, post};
use crate::site::CIK;

/// Requests that are refused by their framing, each with a word of the reason.
fn refused() -> Vec<(String, &'static str)> {
    let field = |field: &str| format!("POST /echo HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n");
    let chunked = |body: &str| format!("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let smuggled = get("/cik");
    vec![
        (field("Content-Length: 5\r\nTransfer-Encoding: chunked") + "0\r\n\r\n" + &smuggled, "both"),
        (field("Transfer-Encoding: chunked\r\nContent-Length: 5") + "0\r\n\r\n" + &smuggled, "both"),
        (field("Content-Length: 5\r\nContent-Length: 6") + "hello" + &smuggled, "Content-Length"),
        (field("Content-Length: 5\r\nContent-Length: 5") + "hello" + &smuggled, "Content-Length"),
        (field("Content-Length: 5, 5") + "hello" + &smuggled, "Content-Length"),
        (field("Content-Length: +5") + "hello" + &smuggled, "Content-Length"),
        (field("Content-Length: -5") + "hello" + &smuggled, "Content-Length"),
        (field("Content-Length: 0x5") + "hello" + &smuggled, "Content-Length"),
        (field("Content-Length: ") + "hello" + &smuggled, "Content-Length"),
        (field("Content-Length: 99999999999999999999") + "hello", "Content-Length"),
        (field("Transfer-Encoding: gzip, chunked") + "0\r\n\r\n" + &smuggled, "Transfer-Encoding"),
        (field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked") + "0\r\n\r\n", "Transfer-Encoding"),
        (field("Transfer-Encoding: identity") + &smuggled, "Transfer-Encoding"),
        (field("Transfer-Encoding: xchunked") + "0\r\n\r\n", "Transfer-Encoding"),
        (field("Transfer-Encoding : chunked") + "0\r\n\r\n", "field name"),
        (field("Transfer-Encoding\t: chunked") + "0\r\n\r\n", "field name"),
        (field("Host: y"), "Host"),
        (field("X: a\r\n b"), "second line"),
        (field("X: a\nY: b"), "carriage return"),
        (field("X: a\rY: b"), "carriage return"),
        (field("X: a\0b"), "control"),
        (field("X a"), "field name"),
        (field(": a"), "field name"),
        (field("Content-Length : 5") + "hello", "field name"),
        ("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), "Transfer-Encoding"),
        ("GET /cik HTTP/2.0\r\n\r\n".into(), "version"),
        ("GET /cik HTTP/1.1 \r\n\r\n".into(), "request line"),
        ("GET /cik\r\n\r\n".into(), "request line"),
        ("GET  /cik HTTP/1.1\r\n\r\n".into(), "request line"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), "version"),
        ("\u{16}\u{3}\u{1}\0\u{5}hello hello\n".into(), "carriage return"),
        (field(&format!("X: {}", "x".repeat(17 << 10))), "too large"),
        (field(&"X: y\r\n".repeat(101)), "too many"),
        (chunked("5\nhello\r\n0\r\n\r\n"), "carriage return"),
        (chunked("-5\r\nhello\r\n0\r\n\r\n"), "chunk"),
        (chunked("5\r\nhelloX\r\n0\r\n\r\n"), "chunk"),
        (chunked("ffffffffffffffff0\r\nhello\r\n0\r\n\r\n"), "chunk"),
        (chunked("0\r\nContent-Length: 5\r\n\r\n"), "trailer"),
    ]
}

/// Requests whose framing is good, but which the parser does not read.
fn unreadable() -> Vec<String> {
    vec!["GET /a<b HTTP/1.1\r\n\r\n".into(), "GET ht!tp://x/ HTTP/1.1\r\n\r\n".into()]
}

fn assert_refused(answers: &str, before: usize, reason: &str, request: &str) {
    let request = &request[..request.len().min(120)];
    assert_eq!(answers.matches("HTTP/1.1 ").count(), before + 1, "{request:?}: {answers:?}");
    let refusal = &answers[answers.rfind("HTTP/1.1 ").unwrap()..];
    let (head, body) = refusal.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{request:?}: {answers:?}");
    assert!(head.contains("\r\nContent-Type: text/plain\r\n"), "{answers:?}");
    assert!(head.contains("\r\nConnection: close"), "{answers:?}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{answers:?}");
    assert!(body.contains(reason) && !body.contains('\n') && !body.is_empty(), "{request:?}: {body}");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_once_and_closes() {
    let server = Server::start();
    for (request, reason) in refused() {
        assert_refused(&server.ask(&request), 0, reason, &request);
    }
}

#[test]
fn the_requests_before_a_refused_one_are_answered_first() {
    let server = Server::start();
    for (request, reason) in refused() {
        let answers = server.ask(get("/cik") + &post("/echo", "before") + &get("/slow/20") + &request);
        assert_refused(&answers, 3, reason, &request);
        assert!(answers.starts_with("HTTP/1.1 200 OK\r\n") && answers.matches(CIK).count() == 1, "{answers}");
    }
}

#[test]
fn a_refused_request_in_pieces_is_refused_alike() {
    let server = Server::start();
    for (request, reason) in refused().into_iter().filter(|(request, _)| request.len() < 500) {
        let mut peer = server.connect();
        for piece in request.as_bytes().chunks(5) {
            // The server may have closed by then.
            let _ = std::io::Write::write_all(&mut peer.tcp, piece);
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        let answers = peer.read_to_end();
        // The parser may see that a chunk is bad before its line is whole.
        let reason = if answers.ends_with("malformed body") { "malformed" } else { reason };
        assert_refused(&answers, 0, reason, &request);
    }
}

#[test]
fn what_the_parser_does_not_read_is_refused_in_the_same_way() {
    let server = Server::start();
    for request in unreadable() {
        assert_refused(&server.ask(&request), 0, "malformed request", &request);
        assert_refused(&server.ask(get("/cik") + &request), 1, "malformed request", &request);
    }
}

#[test]
fn a_head_is_as_large_as_it_may_be_and_no_larger() {
    let server = Server::start();
    let head = |bytes: usize| {
        let rest = "GET /cik HTTP/1.1\r\nConnection: close\r\nX: \r\n\r\n".len();
        format!("GET /cik HTTP/1.1\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(bytes - rest))
    };
    assert!(server.ask(head(16 << 10)).ends_with(CIK));
    assert!(server.ask(head((16 << 10) + 1)).starts_with("HTTP/1.1 400 "));
    let fields =
        |count: usize| format!("GET /cik HTTP/1.1\r\nConnection: close\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    assert!(server.ask(fields(100)).ends_with(CIK));
    assert!(server.ask(fields(101)).starts_with("HTTP/1.1 400 "));
}

#[test]
fn nothing_of_a_refused_connection_is_served_later() {
    let server = Server::start();
    let mut peer = server.connect();
    peer.send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello");
    std::thread::sleep(std::time::Duration::from_millis(100));
    peer.send("X\r\n0\r\n\r\n".to_owned() + &get("/cik"));
    let answers = peer.read_to_end();
    assert_refused(&answers, 0, "chunk", "a bad chunk after a good one");
}
