//! Observing an alias.

use std::time::Duration;

use cikada_tests::coap::number::*;
use cikada_tests::coap::{Message, Peer};
use cikada_tests::fresh_address;

use crate::stage::{Stage, until};

const SOON: Duration = Duration::from_secs(5);
const A_WHILE: Duration = Duration::from_millis(400);

/// A peer that observes, and the token under which it does.
struct Observer {
    peer: Peer,
    token: Vec<u8>,
    last: u32,
}

impl Observer {
    fn of(stage: &Stage, target: &str) -> Observer {
        let mut peer = Peer::from(fresh_address(), stage.server.coap());
        let request = peer.fresh(Message::get(target).uint(OBSERVE, 0));
        let answer = peer.ask_as_it_is(&request).unwrap().expect("2.05");
        let last = answer.find_uint(OBSERVE).expect("a place among the observers");
        assert!(answer.find_uint(MAX_AGE).is_some_and(|seconds| seconds >= 60));
        Observer { peer, token: request.token, last }
    }

    /// The next notification, acknowledged.
    #[track_caller]
    fn told(&mut self) -> Message {
        let told = self.peer.receive(SOON).expect("a notification");
        assert_eq!(told.token, self.token);
        if told.kind == CON {
            self.peer.send(&Message::empty(ACK, told.id));
        }
        if let Some(number) = told.find_uint(OBSERVE) {
            let ahead = number.wrapping_sub(self.last) & 0xff_ffff;
            assert!(ahead > 0 && ahead < 1 << 23, "{number} after {}", self.last);
            self.last = number;
        }
        told
    }

    #[track_caller]
    fn hears_nothing(&self) {
        assert_eq!(self.peer.receive(A_WHILE), None);
    }
}

#[test]
fn every_value_is_told_in_order_whoever_writes_it() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let mut observer = Observer::of(&stage, &format!("/1a/count?{cik}"));
    let mut confirmable = 0;
    for n in 0..20 {
        match n % 3 {
            0 => stage.write(&cik, "count", &n.to_string()),
            1 => drop(stage.peer().ask(Message::post(&format!("/1a/count?{cik}"), n.to_string())).expect("2.04")),
            _ => drop(stage.rpc(&cik, serde_json::json!(["write", [{"alias": "count"}, n]]))),
        }
        let told = observer.told().expect("2.05");
        assert_eq!(told.text(), n.to_string());
        confirmable += u32::from(told.kind == CON);
    }
    assert!(confirmable > 0, "a dead observer is never noticed");
    stage.write(&cik, "text", "another alias");
    observer.hears_nothing();
}

#[test]
fn values_in_a_burst_are_all_told_though_the_observer_is_slow() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let mut observer = Observer::of(&stage, &format!("/1a/count?{cik}"));
    for n in 0..50 {
        stage.write(&cik, "count", &n.to_string());
    }
    let told: Vec<String> = (0..50).map(|_| observer.told().text().to_owned()).collect();
    assert_eq!(told, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn an_observation_ends_when_it_is_given_up_reset_or_forbidden() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let target = format!("/1a/count?{cik}");

    let given_up = Observer::of(&stage, &target);
    let farewell = Message { token: given_up.token.clone(), id: 500, ..Message::get(&target).uint(OBSERVE, 1) };
    let answer = given_up.peer.ask_as_it_is(&farewell).unwrap().expect("2.05");
    assert_eq!(answer.find(OBSERVE), None);

    let reset = Observer::of(&stage, &target);
    stage.write(&cik, "count", "1");
    given_up.hears_nothing();
    let told = reset.peer.receive(SOON).unwrap();
    reset.peer.send(&Message::empty(RST, told.id));

    let mut disabled = Observer::of(&stage, &target);
    stage.write(&cik, "count", "2");
    reset.hears_nothing();
    assert_eq!(disabled.told().text(), "2");
    stage.server.vendor().disable(&stage.model, "A1").expect(205);
    let last = disabled.told().expect("4.01");
    assert_eq!(last.find(OBSERVE), None);
    disabled.hears_nothing();
}

#[test]
fn an_observer_learns_of_an_alias_that_goes_or_points_elsewhere() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    stage.write(&cik, "text", "over here");
    let mut observer = Observer::of(&stage, &format!("/1a/count?{cik}"));
    stage.rpc(&cik, serde_json::json!(["unmap", ["alias", "count"]]));
    observer.told().expect("4.03");
    observer.hears_nothing();
    let mut dropped = Observer::of(&stage, &format!("/1a/text?{cik}"));
    stage.rpc(&cik, serde_json::json!(["drop", [{"alias": "text"}]]));
    dropped.told().expect("4.03");
}

#[test]
fn a_client_has_sixty_four_observers_and_the_next_one_reads_once() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let target = format!("/1a/count?{cik}");
    let mut observers: Vec<Observer> = (0..64).map(|_| Observer::of(&stage, &target)).collect();
    let answer = stage.peer().ask(Message::get(&target).uint(OBSERVE, 0)).expect("2.05");
    assert_eq!(answer.find(OBSERVE), None);
    stage.write(&cik, "count", "3");
    for observer in &mut observers {
        assert_eq!(observer.told().text(), "3");
    }
    // A place that gets free is taken by the next.
    let told = {
        stage.write(&cik, "count", "4");
        observers[0].peer.receive(SOON).unwrap()
    };
    observers[0].peer.send(&Message::empty(RST, told.id));
    until("a place gets free", || stage.peer().ask(Message::get(&target).uint(OBSERVE, 0)).find(OBSERVE).is_some());
}

#[test]
fn what_may_not_be_read_may_not_be_observed() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let mut peer = stage.peer();
    for (target, status) in [(format!("/1a/nothing?{cik}"), "4.03"), ("/1a/count?0".to_owned(), "4.01")] {
        let refused = peer.ask(Message::get(&target).uint(OBSERVE, 0)).expect(status);
        assert_eq!(refused.find(OBSERVE), None);
    }
    let time = peer.ask(Message::get("/ts").uint(OBSERVE, 0)).expect("2.05");
    assert_eq!(time.find(OBSERVE), None);
}

#[test]
fn a_server_that_ends_tells_its_observers() {
    let mut stage = Stage::new();
    let cik = stage.device("A1");
    let mut observer = Observer::of(&stage, &format!("/1a/count?{cik}"));
    assert!(stage.server.stop().success());
    let last = observer.told().expect("5.03");
    assert!(last.find_uint(MAX_AGE).is_some());
}
