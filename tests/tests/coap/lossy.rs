//! Links that lose, double and reorder: what is promised holds all the same.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use cikada_tests::coap::number::*;
use cikada_tests::coap::{Message, Peer};
use cikada_tests::{Relay, Weather, is_hex40};

use crate::stage::Stage;

fn weather(seed: u64) -> Weather {
    Weather { loss: 25, double: 15, late: 15, seed }
}

#[test]
fn devices_activate_once_each_whatever_the_link_does() {
    let stage = Stage::new();
    let mut keys = BTreeSet::new();
    let mut lost = 0;
    for seed in 1..=20 {
        let sn = format!("A{seed}");
        stage.enabled(&sn);
        let relay = Relay::before(stage.server.coap(), weather(seed));
        let mut peer = Peer::new(relay.address);
        let key = peer.ask(Message::post(&stage.activation(&sn), "")).expect("2.05").text().to_owned();
        assert!(is_hex40(&key) && keys.insert(key));
        lost += relay.lost();
        let log = stage.server.vendor().log(&stage.model, &sn);
        let given = log.iter().filter(|(_, address, _)| address == "127.0.0.1").count();
        assert_eq!(given, 1, "one try, however often it came: {log:?}");
    }
    assert!(lost > 5, "the link was too good");
}

#[test]
fn writes_happen_once_each_and_in_order() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let relay = Relay::before(stage.server.coap(), weather(7));
    let mut peer = Peer::new(relay.address);
    let mut observer = stage.peer();
    observer.ask(Message::get(&format!("/1a/count?{cik}")).uint(OBSERVE, 0)).expect("2.05");
    let told = thread::spawn(move || {
        let mut told = Vec::new();
        while told.len() < 30 {
            let Some(notification) = observer.receive(Duration::from_secs(20)) else { break };
            if notification.kind == CON {
                observer.send(&Message::empty(ACK, notification.id));
            }
            told.push(notification.text().to_owned());
        }
        told
    });
    for n in 0..30 {
        peer.ask(Message::post(&format!("/1a/count?{cik}"), n.to_string())).expect("2.04");
    }
    assert_eq!(told.join().unwrap(), (0..30).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_download_comes_whole_and_goes_on_after_a_lost_block() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let image: Vec<u8> = (0..20_000_u32).map(|n| ((n * n) >> 3) as u8).collect();
    stage.server.vendor().upload(&stage.model, "fw", "application/octet-stream", image.clone());
    let relay = Relay::before(stage.server.coap(), weather(11));
    let request = Message::get(&format!("{}/fw?{cik}", stage.download()));
    assert_eq!(Peer::new(relay.address).fetch(&request, 512).1, image);
    assert!(relay.lost() > 5);
}

#[test]
fn a_body_in_blocks_arrives_once() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let relay = Relay::before(stage.server.coap(), weather(13));
    let mut peer = Peer::new(relay.address);
    let value = "v".repeat(3000);
    let blocks: Vec<&[u8]> = value.as_bytes().chunks(128).collect();
    for (number, block) in blocks.iter().enumerate() {
        let more = number + 1 < blocks.len();
        let answer =
            peer.ask(Message::post(&format!("/1a/text?{cik}"), *block).block(BLOCK1, number as u32, more, 128));
        assert_eq!(answer.status(), if more { "2.31" } else { "2.04" });
    }
    assert_eq!(stage.peer().fetch(&Message::get(&format!("/1a/text?{cik}")), 1024).1, value.as_bytes());
}

#[test]
fn an_observer_has_the_newest_value_in_the_end() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let relay = Relay::before(stage.server.coap(), weather(17));
    let mut peer = Peer::new(relay.address);
    peer.ask(Message::get(&format!("/1a/count?{cik}")).uint(OBSERVE, 0)).expect("2.05");
    for n in 0..10 {
        stage.write(&cik, "count", &n.to_string());
        thread::sleep(Duration::from_millis(100));
    }
    let (since, mut newest) = (Instant::now(), (0, String::new()));
    while newest.1 != "9" {
        // It is repeated until it is acknowledged, at the latest when the observer is asked the next time.
        assert!(since.elapsed() < Duration::from_secs(80), "{newest:?}");
        let Some(told) = peer.receive(Duration::from_secs(1)) else { continue };
        if told.kind == CON {
            peer.send(&Message::empty(ACK, told.id));
        }
        if let Some(number) = told.find_uint(OBSERVE).filter(|number| *number > newest.0) {
            newest = (number, told.text().to_owned());
        }
    }
}
