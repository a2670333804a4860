//! Slow peers (T18). The sweep looks every quarter of a second, so bounds are wide.

use std::io::Write;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::server::{Server, get, hasty};
use crate::site::CIK;

fn assert_within(took: Duration, ms: RangeInclusive<u64>) {
    assert!(ms.contains(&(took.as_millis() as u64)), "{took:?} is not within {ms:?} ms");
}

#[test]
fn a_peer_that_says_nothing_is_let_go() {
    let server = Server::with(hasty());
    assert_within(server.connect().wait_for_end(), 1000..=3500);
    let mut peer = server.connect();
    peer.send(get("/cik"));
    peer.answer();
    assert_within(peer.wait_for_end(), 1000..=3500);
}

#[test]
fn a_head_that_trickles_in_is_cut_off() {
    let server = Server::with(hasty());
    let (mut peer, began) = (server.connect(), Instant::now());
    peer.send("GET /cik HTTP/1.1\r\n");
    while began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(50));
        if peer.tcp.write_all(b"X: y\r\n").is_err() {
            break;
        }
    }
    assert_within(began.elapsed(), 300..=2500);
}

#[test]
fn a_body_below_its_rate_is_cut_off_and_one_above_it_is_not() {
    let server = Server::with(hasty());
    let (mut peer, began) = (server.connect(), Instant::now());
    peer.send("POST /echo HTTP/1.1\r\nContent-Length: 10000\r\n\r\n");
    while began.elapsed() < Duration::from_secs(5) && peer.tcp.write_all(b"xx").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_within(began.elapsed(), 300..=2500);

    let mut peer = server.connect();
    peer.send("POST /echo HTTP/1.1\r\nContent-Length: 10000\r\n\r\n");
    for _ in 0..40 {
        peer.send("x".repeat(250));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(peer.answer().body.len(), 10_000, "2 seconds at 5 times the least rate");
}

#[test]
fn a_peer_that_takes_nothing_of_its_answer_is_cut_off() {
    let server = Server::with(hasty());
    let mut peer = server.connect();
    peer.send(get("/stream/2000"));
    std::thread::sleep(Duration::from_millis(2000));
    let mut all = Vec::new();
    let _ = std::io::Read::read_to_end(&mut peer.tcp, &mut all);
    assert!(all.len() < 2000 << 16, "{} bytes", all.len());
}

#[test]
fn a_slow_answer_and_a_slow_reader_are_waited_for() {
    let server = Server::with(hasty());
    let mut peer = server.connect();
    peer.send(get("/slow/3000"));
    assert_eq!(peer.answer().text(), "at last");
    peer.send(get("/stream/100"));
    let mut taken = 0;
    let mut buffer = [0; 256 << 10];
    while taken < 100 << 16 {
        taken += std::io::Read::read(&mut peer.tcp, &mut buffer).unwrap();
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn half_of_the_next_head_does_not_harm_an_answer_that_takes_its_time() {
    let server = Server::with(hasty());
    let mut peer = server.connect();
    let (first, second) = (get("/slow/2000"), get("/cik"));
    peer.send(first + &second[..10]);
    assert_eq!(peer.answer().text(), "at last");
    peer.send(&second[10..]);
    assert_eq!(peer.answer().text(), CIK);
}
