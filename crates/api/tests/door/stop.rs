//! The orderly stop (F17).

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cikada_api::http::Options;

use crate::server::{Peer, Server, get, options};
use crate::site::CIK;

#[test]
fn a_request_that_is_under_way_is_answered_before_the_end() {
    let mut server = Server::start();
    let mut peer = server.connect();
    peer.send(get("/slow/1500"));
    std::thread::sleep(Duration::from_millis(100));
    server.begin_stop();
    std::thread::sleep(Duration::from_millis(200));
    assert!(TcpStream::connect(server.address).is_err(), "nobody is let in any more");
    let answer = peer.answer();
    assert!(answer.text() == "at last" && answer.has("Connection: close"), "{}", answer.head);
    peer.wait_for_end();
    assert!(server.wait() < Duration::from_secs(1));
}

#[test]
fn idle_connections_do_not_hold_up_the_stop() {
    let mut server = Server::start();
    let mut peers: Vec<Peer> = (0..10).map(|_| server.connect()).collect();
    for peer in peers.iter_mut().take(5) {
        peer.send(get("/cik"));
        assert_eq!(peer.answer().text(), CIK);
    }
    server.begin_stop();
    assert!(server.wait() < Duration::from_secs(2));
    peers.iter_mut().for_each(|peer| assert!(peer.wait_for_end() < Duration::from_secs(1)));
}

#[test]
fn a_request_that_does_not_end_is_cut_off() {
    let mut server = Server::with(Options { drain: Duration::from_secs(1), ..options() });
    let mut peer = server.connect();
    peer.send(get("/slow/60000"));
    std::thread::sleep(Duration::from_millis(100));
    server.begin_stop();
    let took = server.wait();
    assert!(took > Duration::from_millis(800) && took < Duration::from_secs(3), "{took:?}");
    peer.wait_for_end();
}

#[test]
fn under_load_no_request_goes_without_its_answer() {
    let mut server = Server::with(Options { workers: Some(2), ..options() });
    let (stopping, address) = (AtomicBool::new(false), server.address);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut answered = 0;
                    // A refused connection is no request.
                    while let Ok(tcp) = TcpStream::connect(address) {
                        let mut peer = Peer::over(tcp);
                        loop {
                            peer.send(get("/slow/2"));
                            let answer = peer.answer();
                            assert_eq!(answer.text(), "at last");
                            answered += 1;
                            if answer.has("Connection: close") {
                                assert!(stopping.load(Ordering::SeqCst));
                                break;
                            }
                        }
                    }
                    answered
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        stopping.store(true, Ordering::SeqCst);
        server.begin_stop();
        for client in clients {
            assert!(client.join().unwrap() > 10);
        }
    });
    assert!(server.wait() < Duration::from_secs(2));
}
