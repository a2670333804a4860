//! Many connections (T18, F16).

use std::net::TcpStream;
use std::time::{Duration, Instant};

use cikada_api::http::Options;

use crate::server::{Peer, Server, get, options};
use crate::site::CIK;

#[test]
fn at_the_cap_those_without_a_request_go_first() {
    let server = Server::with(Options { connections: 20, ..options() });
    let mut busy: Vec<Peer> = (0..5).map(|_| server.connect()).collect();
    busy.iter_mut().for_each(|peer| peer.send(get("/slow/1500")));
    let mut silent: Vec<Peer> = (0..15).map(|_| server.connect()).collect();
    silent.iter_mut().take(8).for_each(|peer| peer.send("GET /half"));
    std::thread::sleep(Duration::from_millis(300));
    for _ in 0..40 {
        let mut late = server.connect();
        late.send(get("/cik"));
        assert_eq!(late.answer().text(), CIK);
        silent.push(late);
    }
    for peer in &mut busy {
        assert_eq!(peer.answer().text(), "at last", "a request that is under way is not given up");
    }
    assert!(silent[0].wait_for_end() < Duration::from_secs(1), "the oldest of the silent ones is gone");
}

#[test]
fn where_every_connection_is_busy_a_new_one_waits_for_a_place() {
    let server = Server::with(Options { connections: 3, ..options() });
    let mut busy: Vec<Peer> = (0..3).map(|_| server.connect()).collect();
    busy.iter_mut().for_each(|peer| peer.send("GET /slow/700 HTTP/1.1\r\nConnection: close\r\n\r\n"));
    std::thread::sleep(Duration::from_millis(200));
    let mut late = server.connect();
    late.send(get("/cik"));
    assert_eq!(late.answer().text(), CIK);
    busy.iter_mut().for_each(|peer| assert_eq!(peer.answer().text(), "at last"));
}

#[test]
fn where_they_stay_busy_it_is_told_to_come_again() {
    let server = Server::with(Options { connections: 3, ..options() });
    let mut busy: Vec<Peer> = (0..3).map(|_| server.connect()).collect();
    busy.iter_mut().for_each(|peer| peer.send(get("/slow/2500")));
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    for _ in 0..5 {
        let mut late = server.connect();
        late.send(get("/cik"));
        let answer = late.answer();
        assert!(answer.status() == 503 && answer.has("Retry-After: 5"), "{}", answer.head);
        assert_eq!(answer.text(), "too many connections");
        late.wait_for_end();
    }
    assert!(began.elapsed() < Duration::from_millis(1_800), "only the first one waits: {:?}", began.elapsed());
    busy.iter_mut().for_each(|peer| assert_eq!(peer.answer().text(), "at last"));
    let mut peer = server.connect();
    peer.send(get("/cik"));
    assert_eq!(peer.answer().text(), CIK, "there is room again");
}

#[test]
fn those_who_have_just_come_are_not_parted_with_for_others() {
    let server = Server::with(Options { connections: 16, ..options() });
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let mut peer = server.connect();
                    peer.send("GET /cik HTTP/1.1\r\nConnection: close\r\n\r\n");
                    assert_eq!(peer.answer().text(), CIK);
                }
            });
        }
    });
}

#[test]
fn what_a_busy_worker_has_no_time_for_waits_and_is_not_dropped() {
    let server = Server::with(Options { workers: Some(1), ..options() });
    let mut blocking = server.connect();
    blocking.send(get("/block/1000"));
    std::thread::sleep(Duration::from_millis(100));
    // More than its queue holds.
    let mut peers: Vec<Peer> = (0..400).map(|_| server.connect()).collect();
    peers.iter_mut().for_each(|peer| peer.send(get("/cik")));
    peers.iter_mut().for_each(|peer| assert_eq!(peer.answer().text(), CIK));
}

#[test]
fn a_busy_worker_holds_up_few_but_its_own() {
    let server = Server::with(Options { workers: Some(2), ..options() });
    let mut blocking = server.connect();
    blocking.send(get("/block/3000"));
    std::thread::sleep(Duration::from_millis(100));
    let mut answered = 0;
    let mut peers = Vec::new();
    for _ in 0..100 {
        let mut peer = server.connect();
        peer.send(get("/cik"));
        std::thread::sleep(Duration::from_millis(5));
        peer.tcp.set_nonblocking(true).unwrap();
        answered += usize::from(peer.tcp.peek(&mut [0]).is_ok());
        peer.tcp.set_nonblocking(false).unwrap();
        peers.push(peer);
    }
    assert!(answered > 80, "{answered} of 100 were answered while one worker was busy");
    assert_eq!(blocking.answer().text(), "at last");
    peers.iter_mut().for_each(|peer| assert_eq!(peer.answer().text(), CIK));
}

#[test]
fn one_address_gets_its_share_and_no_more() {
    let server = Server::with(Options { connections_per_peer: Some(4), ..options() });
    let mut peers: Vec<Peer> = (0..4).map(|_| server.connect()).collect();
    std::thread::sleep(Duration::from_millis(100));
    server.connect().wait_for_end();
    drop(peers.pop());
    std::thread::sleep(Duration::from_millis(100));
    let mut peer = server.connect();
    peer.send(get("/cik"));
    assert_eq!(peer.answer().text(), CIK);
}

#[test]
fn connections_are_spread_over_the_workers() {
    let server = Server::with(Options { workers: Some(3), ..options() });
    let mut peers: Vec<Peer> = (0..30).map(|_| server.connect()).collect();
    peers.iter_mut().for_each(|peer| peer.send(get("/cik")));
    peers.iter_mut().for_each(|peer| assert_eq!(peer.answer().text(), CIK));
}

#[test]
fn hundreds_of_waiting_connections_are_no_burden() {
    let server = Server::start();
    let waiting: Vec<TcpStream> = (0..400).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let mut peer = server.connect();
    for _ in 0..100 {
        peer.send(get("/cik"));
        assert_eq!(peer.answer().text(), CIK);
    }
    drop(waiting);
}
