//! Many connections (T18, F16).

use std::net::TcpStream;
use std::time::Duration;

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
fn where_every_connection_is_busy_a_new_one_is_turned_away() {
    let server = Server::with(Options { connections: 3, ..options() });
    let mut busy: Vec<Peer> = (0..3).map(|_| server.connect()).collect();
    busy.iter_mut().for_each(|peer| peer.send(get("/slow/1000")));
    std::thread::sleep(Duration::from_millis(300));
    server.connect().wait_for_end();
    busy.iter_mut().for_each(|peer| assert_eq!(peer.answer().text(), "at last"));
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
