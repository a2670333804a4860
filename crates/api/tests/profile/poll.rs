//! Long polling: nothing is lost, nothing comes twice, nobody waits for nothing.

use std::time::{Duration, Instant};

use store::Subject;

use crate::world::{ALIAS, RECORD, World, block_on, until};

const WAIT: &str = "Request-Timeout: 10000";

#[test]
fn a_poll_waits_for_the_next_value() {
    let world = World::new();
    let device = world.furnished();
    assert_eq!(world.ask(device.post(ALIAS, "integer=1")).status(), 204);
    let mut peer = world.connect();
    peer.send(device.get(&format!("{ALIAS}?integer"), &[WAIT]));
    peer.stays_silent(Duration::from_millis(300));
    assert_eq!(world.ask(device.post(ALIAS, "float=1")).status(), 204);
    peer.stays_silent(Duration::from_millis(200));
    assert_eq!(world.ask(device.post(ALIAS, "integer=2")).status(), 204);
    let woken = peer.answer();
    assert_eq!((woken.status(), woken.body.as_str()), (200, "integer=2"));
    assert!(woken.head.len() <= 158, "{}", woken.head);
    let modified = woken.header("Last-Modified").unwrap();
    let at = wire::http::time::parse_http_date(modified).unwrap();
    assert!((world.now() - 2..=world.now()).contains(&at), "{modified}");
    peer.send(device.get(&format!("{ALIAS}?integer"), &[]));
    assert_eq!(peer.answer().body, "integer=2");
}

#[test]
fn the_longest_head_of_a_poll_fits_the_buffer_of_a_field_device() {
    let world = World::new();
    let device = world.furnished();
    assert_eq!(world.ask(device.post(ALIAS, &format!("string={}", "x".repeat(60_000)))).status(), 204);
    for more in [&[][..], &["Connection: close"]] {
        let answer =
            world.ask(device.get(&format!("{ALIAS}?string"), &[&[WAIT, "If-Modified-Since: 0"], more].concat()));
        assert!(answer.status() == 200 && answer.head.len() <= 158, "{}", answer.head);
        let read = world.ask(device.get(&format!("{ALIAS}?string"), more));
        assert!(read.status() == 200 && read.head.len() <= 158, "{}", read.head);
        assert_eq!(read.header("Content-Type"), Some("application/x-www-form-urlencoded"));
    }
}

#[test]
fn a_poll_without_a_value_ends_in_time_with_304() {
    let world = World::new();
    let device = world.furnished();
    let began = Instant::now();
    let ended = world.ask(device.get(&format!("{ALIAS}?integer"), &["Request-Timeout: 400"]));
    assert_eq!((ended.status(), ended.body.as_str()), (304, ""));
    assert!(ended.header("Content-Length").is_none());
    assert!((400..900).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[test]
fn a_poll_since_a_second_answers_the_first_value_after_it_at_once() {
    let world = World::new();
    let device = world.furnished();
    assert_eq!(world.ask(device.post(&format!("{ALIAS}/integer"), "100=1&200=2&300=3")).status(), 204);
    let (mut since, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let line = format!("If-Modified-Since: {since}");
        let answer = world.ask(device.get(&format!("{ALIAS}?integer"), &["Request-Timeout: 100", &line]));
        if answer.status() == 304 {
            break;
        }
        seen.push(answer.body.clone());
        since = answer.header("Last-Modified").unwrap().to_owned();
    }
    assert_eq!(seen, ["integer=1", "integer=2", "integer=3"]);
    let mut peer = world.connect();
    peer.send(device.get(&format!("{ALIAS}?integer"), &[WAIT, "If-Modified-Since: 300"]));
    peer.stays_silent(Duration::from_millis(100));
    assert_eq!(world.ask(device.post(RECORD, "alias=integer&250=0")).status(), 204);
    peer.stays_silent(Duration::from_millis(100));
    assert_eq!(world.ask(device.post(RECORD, "alias=integer&900=9&400=4")).status(), 204);
    assert_eq!(peer.answer().body, "integer=4", "the first after that time, not the first that was sent");
}

#[test]
fn a_record_of_the_past_is_not_news() {
    let world = World::new();
    let device = world.furnished();
    let mut peer = world.connect();
    peer.send(device.get(&format!("{ALIAS}?integer"), &[WAIT]));
    std::thread::sleep(Duration::from_millis(100));
    for body in ["alias=integer&-100=1", "alias=integer&1=1&2=1&3=1&4=1&5=1&6=1"] {
        assert_eq!(world.ask(device.post(RECORD, body)).status(), 204);
    }
    peer.stays_silent(Duration::from_millis(200));
    assert_eq!(world.ask(device.post(ALIAS, "integer=5")).status(), 204);
    assert_eq!(peer.answer().body, "integer=5");
}

#[test]
fn what_is_no_poll_is_refused() {
    let world = World::new();
    let device = world.furnished();
    for (query, lines) in [
        ("?integer&float", &["Request-Timeout: 100"][..]),
        ("", &["Request-Timeout: 100"]),
        ("?integer", &["Request-Timeout: 300001"]),
        ("?integer", &["Request-Timeout: soon"]),
        ("?integer", &["Request-Timeout: 100", "If-Modified-Since: yesterday"]),
    ] {
        assert_eq!(world.ask(device.get(&format!("{ALIAS}{query}"), lines)).status(), 400, "{query} {lines:?}");
    }
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?unknown"), &[WAIT])).status(), 204);
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?integer"), &["If-Modified-Since: 0"])).status(), 204);
}

/// However a write falls on the beginning of a poll: once it is answered after the poll was sent, the poll is answered.
#[test]
fn no_value_is_lost_between_polls_and_none_comes_twice() {
    let world = World::new();
    let device = world.furnished();
    const ROUNDS: i64 = 400;
    std::thread::scope(|scope| {
        let (world, device) = (&world, &device);
        let waiter = scope.spawn(move || {
            let (mut peer, mut since, mut seen) = (world.connect(), 0, Vec::new());
            while seen.len() < ROUNDS as usize {
                let line = format!("If-Modified-Since: {since}");
                peer.send(device.get(&format!("{ALIAS}?integer"), &[WAIT, &line]));
                let answer = peer.answer();
                assert_eq!(answer.status(), 200, "a value was lost after {since}");
                let at = wire::http::time::parse_http_date(answer.header("Last-Modified").unwrap()).unwrap();
                assert_eq!(answer.body, format!("integer={at}"));
                assert!(at > since);
                since = at;
                seen.push(at);
            }
            seen
        });
        let mut peer = world.connect();
        for at in 1..=ROUNDS {
            peer.send(device.post(&format!("{ALIAS}/integer"), &format!("{at}={at}")));
            assert_eq!(peer.answer().status(), 204);
            if at % 3 == 0 {
                std::thread::sleep(Duration::from_micros(137 * (at as u64 % 7)));
            }
        }
        assert_eq!(waiter.join().unwrap(), (1..=ROUNDS).collect::<Vec<_>>());
    });
}

#[test]
fn many_who_wait_are_each_woken_by_their_own_value_once() {
    const CROWD: usize = 200;
    let world = World::new();
    let devices: Vec<_> = (0..CROWD).map(|_| world.furnished()).collect();
    let mut peers: Vec<_> = devices
        .iter()
        .map(|device| {
            let mut peer = world.connect();
            peer.send(device.get(&format!("{ALIAS}?integer"), &[WAIT]));
            peer
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let mut writer = world.connect();
    for (number, device) in devices.iter().enumerate() {
        writer.send(device.post(ALIAS, &format!("integer={number}")));
        assert_eq!(writer.answer().status(), 204);
    }
    for (number, peer) in peers.iter_mut().enumerate() {
        assert_eq!(peer.answer().body, format!("integer={number}"));
    }
}

#[test]
fn a_peer_that_hangs_up_gives_up_its_place_at_once() {
    let world = World::new();
    let device = world.furnished();
    let series = world.dataport(&device, "watched", store::table::resource::Format::Integer);
    let waiting = || world.app.store.listeners(Subject::Series(series));
    let close: [fn(crate::world::Peer); 2] = [drop, |peer| {
        // Unread bytes on both sides make the end a reset.
        let socket = socket2::SockRef::from(&peer.tcp);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }];
    for close in close {
        let mut peer = world.connect();
        peer.send(device.get(&format!("{ALIAS}?watched"), &["Request-Timeout: 300000"]));
        until(|| waiting() == 1);
        close(peer);
        until(|| waiting() == 0);
    }
}

#[test]
fn an_orderly_stop_answers_those_who_wait() {
    let mut world = World::new();
    let device = world.furnished();
    let mut peer = world.connect();
    peer.send(device.get(&format!("{ALIAS}?integer"), &["Request-Timeout: 300000"]));
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    world.begin_stop();
    assert_eq!(peer.answer().status(), 304);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn waiting_holds_no_thread_of_the_store() {
    let world = World::new();
    let device = world.furnished();
    let mut peers: Vec<_> = (0..50).map(|_| world.connect()).collect();
    for peer in &mut peers {
        peer.send(device.get(&format!("{ALIAS}?integer"), &[WAIT]));
    }
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    for _ in 0..20 {
        block_on(world.app.store.read(|_| Ok(()))).unwrap();
        assert_eq!(world.ask(device.post(ALIAS, "float=1")).status(), 204);
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
