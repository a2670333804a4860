//! Peers that are slow, huge or crooked: refused or closed, while everybody else is served.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use cikada_tests::{Request, Server, fresh_name};

#[test]
fn a_peer_that_never_ends_its_head_is_sent_away() {
    let server = Server::start();
    let mut silent = server.connect().patience(Duration::from_secs(40));
    let mut dripping = server.connect().patience(Duration::from_millis(500));
    dripping.send(b"GET /timestamp HTTP/1.1\r\n").unwrap();
    let since = Instant::now();
    // One byte now and then doesn't buy more time.
    let closed_after = loop {
        let sent = dripping.send(b"X");
        match dripping.read_some() {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) && sent.is_ok() => {}
            _ => break since.elapsed(),
        }
        assert!(since.elapsed() < Duration::from_secs(30), "a slow head is never closed");
        server.call(&Request::get("/timestamp")).expect(200);
    };
    assert!(closed_after > Duration::from_secs(5), "closed after {closed_after:?} already");
    // Whoever says nothing at all is not kept longer than an idle connection.
    let _ = silent.send(b"G");
    assert!(silent.read_to_end().is_ok() || since.elapsed() < Duration::from_secs(90));
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let server = Server::start();
    for head in [
        format!("GET /timestamp HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(17 << 10)),
        format!("GET /timestamp HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200)),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(17 << 10)),
        format!("GET /timestamp HTTP/1.1\r\n{}", "X".repeat(1 << 20)),
    ] {
        let mut connection = server.connect().patience(Duration::from_secs(5));
        let _ = connection.send(head.as_bytes());
        if let Ok(answer) = connection.read_answer("GET") {
            assert!([400, 414, 431].contains(&answer.status), "{answer:?}");
        }
        assert!(connection.read_to_end().is_ok_and(|rest| rest.is_empty()) || connection.is_closed_by_peer());
    }
    // What fits is served.
    server.call(&Request::get("/timestamp").header("X", &"x".repeat(8 << 10))).expect(200);
}

#[test]
fn crooked_framing_is_refused_and_the_connection_closed() {
    let server = Server::start();
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for head in [
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nX: y\r\n folded: z\r\nContent-Length: 3\r\n\r\nabc",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "POST /provision/activate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "GET /timestamp HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /timestamp HTTP/1.1\nHost: a\n\n",
        "GET /timestamp HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "GET /timestamp HTTP/9.9\r\nHost: a\r\n\r\n",
        "GET /time stamp HTTP/1.1\r\nHost: a\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}hello over TLS\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut connection = server.connect().patience(Duration::from_secs(5));
        let _ = connection.send(format!("{head}{smuggled}").as_bytes());
        let answered = connection.read_to_end().unwrap_or_else(|why| panic!("kept open: {why}: {head:?}"));
        let text = String::from_utf8_lossy(&answered);
        let heads = text.matches("HTTP/1.1 ").count();
        assert!(heads <= 1 && (answered.is_empty() || text.starts_with("HTTP/1.1 4")), "{head:?} was answered {text}");
        server.call(&Request::get("/timestamp")).expect(200);
    }
}

#[test]
fn peers_that_hang_up_anywhere_leave_nothing_behind() {
    let server = Server::start();
    let model = fresh_name("hang");
    server.vendor().add_model(&model, &[]);
    server.vendor().add(&model, &["A1"]);
    server.vendor().enable(&model, "A1");
    let before = server.vendor().snapshot(&model);
    let bytes = server.device(&model, "A1").activation(&[]).to_bytes();
    for cut in 0..bytes.len() {
        server.connect().send(&bytes[..cut]).unwrap();
    }
    let files = open_files(server.process_id());
    assert!(files < 100, "{files} files are open still");
    assert_eq!(server.vendor().snapshot(&model), before);
    server.device(&model, "A1").activate_ok();
}

#[test]
fn hundreds_of_waiting_peers_dont_keep_others_from_being_served() {
    let server = Server::start();
    let mut peers: Vec<_> = (0..800).map(|_| server.connect()).collect();
    for (n, peer) in peers.iter_mut().enumerate() {
        match n % 3 {
            0 => peer.send(b"GET /timestamp HTTP/1.1\r\nHost: ").unwrap(),
            1 => peer
                .send(b"POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nvendor=")
                .unwrap(),
            _ => {}
        }
    }
    let mut times: Vec<Duration> = (0..100)
        .map(|_| {
            let since = Instant::now();
            server.call(&Request::get("/timestamp")).expect(200);
            since.elapsed()
        })
        .collect();
    times.sort();
    assert!(times[98] < Duration::from_millis(500), "p99 is {:?}", times[98]);
}

/// How many files and sockets a process has open; it waits a little for those that are being closed.
fn open_files(process_id: u32) -> usize {
    let count = || std::fs::read_dir(format!("/proc/{process_id}/fd")).map(Iterator::count).unwrap_or(0);
    let since = Instant::now();
    while count() >= 100 && since.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(50));
    }
    count()
}
