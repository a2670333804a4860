//! Messages and exchanges: repeated, not to be confirmed, answered later, malformed.

use std::time::Duration;

use cikada_tests::coap::number::*;
use cikada_tests::coap::{Message, Peer};
use cikada_tests::is_hex40;
use serde_json::json;

use crate::stage::Stage;

const SOON: Duration = Duration::from_secs(5);
const A_WHILE: Duration = Duration::from_millis(300);

#[test]
fn a_repeated_activation_gets_the_same_bytes_and_happens_once() {
    let stage = Stage::new();
    stage.enabled("A1");
    let mut peer = stage.peer();
    let activation = peer.fresh(Message::post(&stage.activation("A1"), ""));
    let first = peer.ask_as_it_is(&activation).unwrap().expect("2.05");
    assert!(is_hex40(first.text()));
    for _ in 0..3 {
        assert_eq!(peer.ask_as_it_is(&activation).unwrap(), first);
    }
    // Another message, or the same from another peer, is another try.
    peer.ask(Message::post(&stage.activation("A1"), "")).expect("4.04");
    let other = stage.peer().ask_as_it_is(&activation).unwrap();
    assert_eq!(other.status(), "4.04");
    let log = stage.server.vendor().log(&stage.model, "A1");
    assert_eq!(log.iter().filter(|(_, address, _)| address == "127.0.0.1").count(), 3, "{log:?}");
}

#[test]
fn what_is_not_to_be_confirmed_is_answered_alike_and_done_once() {
    let stage = Stage::new();
    stage.enabled("A1");
    let mut peer = stage.peer();
    let activation = peer.fresh(Message::post(&stage.activation("A1"), "").non());
    let answer = peer.ask_as_it_is(&activation).unwrap();
    assert_eq!((answer.kind, answer.status().as_str(), &answer.token), (NON, "2.05", &activation.token));
    peer.send(&activation);
    assert_eq!(peer.receive(A_WHILE), None);
}

#[test]
fn a_key_may_come_as_its_twenty_bytes() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let raw: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&cik[2 * at..2 * at + 2], 16).unwrap()).collect();
    let mut peer = stage.peer();
    peer.ask(Message::get("/1a/text").option(URI_QUERY, raw.clone())).expect("2.05");
    peer.ask(Message::get(&stage.download()).option(URI_QUERY, raw.clone())).expect("2.05");
    let mut wrong = raw;
    wrong[7] ^= 1;
    peer.ask(Message::get("/1a/text").option(URI_QUERY, wrong)).expect("4.01");
}

#[test]
fn what_takes_long_is_acknowledged_first_and_the_answer_is_repeated_until_it_arrives() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let mut peer = stage.peer();
    let call = json!({"id": 1, "procedure": "wait", "arguments": [{"alias": "count"}, {"timeout": 20_000}]});
    let body = json!({"auth": {"cik": cik}, "calls": [call]}).to_string();
    let wait = peer.fresh(Message::post("/rpc", body).uint(ACCEPT, 50));
    peer.send(&wait);
    assert_eq!(peer.receive(SOON), Some(Message::empty(ACK, wait.id)));
    peer.send(&wait);
    assert_eq!(peer.receive(SOON), Some(Message::empty(ACK, wait.id)), "a repetition is acknowledged, too");
    stage.write(&cik, "count", "5");
    let answer = peer.receive(SOON).unwrap();
    assert_eq!((answer.kind, answer.status().as_str(), &answer.token), (CON, "2.05", &wait.token));
    assert!(answer.text().contains("\"status\":\"ok\""), "{answer:?}");
    assert_eq!(peer.receive(SOON), Some(answer.clone()), "nobody acknowledged it");
    peer.send(&Message::empty(ACK, answer.id));
    assert_eq!(peer.receive(Duration::from_secs(8)), None);
}

#[test]
fn a_ping_gets_a_reset_and_strays_get_nothing() {
    let stage = Stage::new();
    let peer = stage.peer();
    peer.send(&Message::empty(CON, 77));
    assert_eq!(peer.receive(SOON), Some(Message::empty(RST, 77)));
    for stray in [Message::empty(ACK, 1), Message::empty(RST, 1), Message { code: 69, ..Message::empty(NON, 1) }] {
        peer.send(&stray);
    }
    assert_eq!(peer.receive(A_WHILE), None);
}

#[test]
fn peers_at_many_addresses_are_told_apart() {
    let stage = Stage::new();
    for sn in ["A1", "A2", "A3"] {
        stage.enabled(sn);
    }
    let peers: Vec<Peer> = (1..=3).map(|last| Peer::from([127, 0, 9, last].into(), stage.server.coap())).collect();
    let keys: Vec<String> = peers
        .iter()
        .zip(["A1", "A2", "A3"])
        .map(|(peer, sn)| {
            // The same id and token from each.
            let message = Message { id: 9, token: vec![1], ..Message::post(&stage.activation(sn), "") };
            peer.ask_as_it_is(&message).unwrap().expect("2.05").text().to_owned()
        })
        .collect();
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
}

#[test]
fn a_server_that_ends_lets_requests_end() {
    let mut stage = Stage::new();
    let cik = stage.device("A1");
    let mut peer = stage.peer();
    let call = json!({"id": 1, "procedure": "wait", "arguments": [{"alias": "count"}, {"timeout": 200_000}]});
    let body = json!({"auth": {"cik": cik}, "calls": [call]}).to_string();
    let wait = peer.fresh(Message::post("/rpc", body).uint(ACCEPT, 50));
    peer.send(&wait);
    assert_eq!(peer.receive(SOON), Some(Message::empty(ACK, wait.id)));
    assert!(stage.server.stop().success());
    let answer = peer.receive(SOON).expect("an answer before the end");
    assert!(answer.text().contains("expire"), "{answer:?}");
}
