//! Strangers who send much: what it costs others, what it costs the server, and what comes back (threat T22, goal G10).

use std::time::{Duration, Instant};

use cikada_tests::coap::number::*;
use cikada_tests::coap::{Message, Peer};
use cikada_tests::flood::{Flood, requests_of_strangers};
use cikada_tests::{Connection, Request, fresh_address};

use crate::stage::Stage;

/// A probe each so long, whatever the answers take.
const PACE: Duration = Duration::from_millis(10);

#[test]
fn five_thousand_datagrams_a_second_hold_up_nobody_and_bring_nobody_much() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let request = Request::get("/onep:v1/stack/alias?text").header("X-Exosite-CIK", &cik);
    let quiet = p99(&stage, &request, Duration::from_secs(3));
    let before = stage.server.resident_bytes();
    let flood = Flood::begin(stage.server.coap(), 5_000, 64, requests_of_strangers());
    let flooded = p99(&stage, &request, Duration::from_secs(10));
    // A device that speaks CoAP itself gets through as well.
    let mut device = stage.peer();
    device.tries = 100;
    device.ask(Message::post(&format!("/1a/count?{cik}"), "7")).expect("2.04");
    let toll = flood.end();
    let grown = stage.server.resident_bytes().saturating_sub(before);
    println!("{toll:?}; p99 {quiet:?} before, {flooded:?} beside it; memory grew by {} KiB", grown >> 10);
    assert!(toll.datagrams > 40_000 && toll.answers > 10_000, "no flood: {toll:?}");
    assert!(toll.worst_ratio <= 3.0 && toll.worst_error_ratio <= 1.0, "{toll:?}");
    // Twice of next to nothing is what a busy machine does by itself: the benchmark `coap-flood` looks more closely.
    assert!(flooded < (2 * quiet).max(Duration::from_millis(250)), "p99 {flooded:?} instead of {quiet:?}");
    // What strangers were answered is remembered, in 8 MiB at most.
    assert!(grown < 32 << 20, "memory grew by {grown} bytes");
}

#[test]
fn bodies_that_are_begun_and_never_ended_take_so_much_memory_and_no_more() {
    let stage = Stage::new();
    let before = stage.server.resident_bytes();
    let begin = |path: u32, peer: &mut Peer| {
        let block = Message::post("/rpc", [0; 1024]).block(BLOCK1, 0, true, 1024).option(URI_PATH, path.to_be_bytes());
        let message = peer.fresh(block);
        peer.send(&message);
    };
    // In step with the answers: what is measured is memory, not the system's buffers.
    let is_taken = |peer: &Peer| {
        let answer = peer.receive(Duration::from_secs(5)).expect("an answer");
        assert!(["2.31", "5.03"].contains(&answer.status().as_str()), "{answer:?}");
    };
    // 140 MiB of them, by many and by one.
    let mut peers: Vec<Peer> = (0..64).map(|_| Peer::from(fresh_address(), stage.server.coap())).collect();
    for round in 0..860 {
        peers.iter_mut().for_each(|peer| begin(round, peer));
        peers.iter().for_each(is_taken);
    }
    for round in 0..860 {
        (0..64).for_each(|number| begin(round * 64 + number, &mut peers[0]));
        (0..64).for_each(|_| is_taken(&peers[0]));
    }
    let grown = stage.server.resident_bytes().saturating_sub(before);
    println!("memory grew by {} MiB", grown >> 20);
    // 64 MiB of bodies, 8 MiB of answers, and what an allocator makes of that.
    assert!(grown < 128 << 20, "memory grew by {grown} bytes");
    stage.peer().ask(Message::get("/ts")).expect("2.05");
}

#[test]
fn who_fails_too_often_is_told_to_wait_and_others_are_not() {
    let stage = Stage::new();
    stage.enabled("A1");
    let mut guesser = Peer::from(fresh_address(), stage.server.coap());
    for guess in 0..100 {
        guesser.ask(Message::post(&stage.activation(&format!("guess-{guess}")), "")).expect("4.04");
    }
    let request = Message::post(&stage.activation("guess-100"), "");
    let refused = guesser.ask(request).expect("4.29");
    let wait_s = refused.find_uint(MAX_AGE).expect("how long to wait");
    assert!((1..=60).contains(&wait_s), "{wait_s} s");
    stage.peer().ask(Message::post(&stage.activation("A1"), "")).expect("2.05");
}

/// The latency that 99 of 100 requests at a steady pace stay within, counted from when each was due.
fn p99(stage: &Stage, request: &Request, time: Duration) -> Duration {
    let mut connection = Connection::open(stage.server.address).unwrap();
    let (begin, mut due, mut times) = (Instant::now(), Duration::ZERO, Vec::new());
    while begin.elapsed() < time {
        let answer = connection.ask(request).unwrap();
        assert!([200, 204].contains(&answer.status), "{answer:?}");
        times.push(begin.elapsed().saturating_sub(due));
        due += PACE;
        std::thread::sleep(due.saturating_sub(begin.elapsed()));
    }
    times.sort_unstable();
    times[times.len() * 99 / 100]
}
