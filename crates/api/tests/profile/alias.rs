//! Reading, writing, and both at once.

use crate::world::{ALIAS, World};

#[test]
fn what_is_written_is_read_in_reverse_order_and_in_its_shortest_form() {
    let world = World::new();
    let device = world.furnished();
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?integer&float"), &[])).status(), 204);
    let written = world.ask(device.post(ALIAS, "integer=012.00&float=3.14150&string=a%20b%26c&unknown=1"));
    assert_eq!(written.status(), 204);
    assert!(written.header("Content-Length").is_none() && written.body.is_empty());
    for _ in 0..2 {
        let read = world.ask(device.get(&format!("{ALIAS}?integer&float&unknown&string"), &[]));
        assert_eq!((read.status(), read.body.as_str()), (200, "string=a+b%26c&float=3.1415&integer=12"));
        assert!(read.head.len() <= 158, "{}", read.head);
    }
}

#[test]
fn a_value_that_does_not_parse_leaves_nothing_of_its_call() {
    let world = World::new();
    let device = world.furnished();
    let too_long = format!("string={}", "x".repeat((64 << 10) + 1));
    for bad in ["float=1.5&integer=1.5", "float=NaN&integer=1", "integer=", "integer=1&float=%zz", "", &too_long] {
        assert_eq!(world.ask(device.post(ALIAS, bad)).status(), 400, "{bad:.40}");
    }
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?integer&float&string"), &[])).status(), 204);
    let longest = format!("string={}", "x".repeat(64 << 10));
    assert_eq!(world.ask(device.post(ALIAS, &longest)).status(), 204);
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?string"), &[])).body, longest);
}

#[test]
fn an_empty_string_is_a_value() {
    let world = World::new();
    let device = world.furnished();
    assert_eq!(world.ask(device.post(ALIAS, "string=")).status(), 204);
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?string"), &[])).body, "string=");
}

#[test]
fn a_write_and_a_read_in_one_call_see_the_written() {
    let world = World::new();
    let device = world.furnished();
    let both = world.ask(device.post(&format!("{ALIAS}?integer&float&unknown"), "integer=1&float=2"));
    assert_eq!((both.status(), both.body.as_str()), (200, "float=2.0&integer=1"));
    assert_eq!(world.ask(device.post(&format!("{ALIAS}?string"), "integer=2")).status(), 204);
    assert_eq!(world.ask(device.post(&format!("{ALIAS}?float&integer"), "")).body, "integer=2&float=2.0");
    assert_eq!(world.ask(device.post(&format!("{ALIAS}?integer"), "integer=x")).status(), 400);
}

#[test]
fn a_read_never_answers_an_older_value_than_the_last_that_was_answered() {
    let world = World::new();
    let device = world.furnished();
    let mut peer = world.connect();
    for number in 0..300 {
        peer.send(device.post(ALIAS, &format!("integer={number}")));
        assert_eq!(peer.answer().status(), 204);
        for _ in 0..2 {
            peer.send(device.get(&format!("{ALIAS}?integer"), &[]));
            assert_eq!(peer.answer().body, format!("integer={number}"));
        }
    }
}

#[test]
fn a_read_while_others_write_never_runs_back() {
    let world = World::new();
    let device = world.furnished();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = world.connect();
            for number in 1..=500 {
                peer.send(device.post(ALIAS, &format!("integer={number}")));
                assert_eq!(peer.answer().status(), 204);
            }
        });
        for _ in 0..3 {
            scope.spawn(|| {
                let (mut peer, mut last) = (world.connect(), 0);
                while last < 500 {
                    peer.send(device.get(&format!("{ALIAS}?integer"), &[]));
                    let number = peer.answer().body.trim_start_matches("integer=").parse().unwrap_or(0);
                    assert!(number >= last, "{number} after {last}");
                    last = number;
                }
            });
        }
    });
}

#[test]
fn only_a_living_key_opens_a_profile_and_a_bearer_is_equal_to_it() {
    let world = World::new();
    let (device, other) = (world.furnished(), world.device());
    assert_eq!(world.ask(device.post(ALIAS, "integer=1")).status(), 204);
    let bearer = format!("GET {ALIAS}?integer HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", device.cik);
    assert_eq!(world.ask(bearer).body, "integer=1");
    for none in ["", "X-Exosite-CIK: \r\n", "X-Exosite-CIK: 12\r\n", "Cookie: cik=1\r\n"] {
        assert_eq!(world.ask(format!("GET {ALIAS}?integer HTTP/1.1\r\nHost: x\r\n{none}\r\n")).status(), 401);
    }
    let unknown = crate::world::Device { cik: "a".repeat(40), ..device };
    for request in [unknown.get(ALIAS, &[]), unknown.post(ALIAS, "integer=%zz"), unknown.post(ALIAS, "")] {
        assert_eq!(world.ask(request).status(), 401);
    }
    assert_eq!(world.ask(other.get(&format!("{ALIAS}?integer"), &[])).status(), 204);
}

#[test]
fn other_methods_are_named() {
    let world = World::new();
    let device = world.device();
    let put = world.ask(device.post(ALIAS, "").replace("POST", "PUT"));
    assert_eq!((put.status(), put.header("Allow")), (405, Some("GET, POST")));
    let get = world.ask(device.get("/onep:v1/stack/record", &[]));
    assert_eq!((get.status(), get.header("Allow")), (405, Some("POST")));
}
