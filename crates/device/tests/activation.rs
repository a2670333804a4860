//! Activation over HTTP against a server that is a function: every answer, every cut, every power failure.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod bench;

use std::cell::RefCell;

use bench::{Answer, Bench, Killed, body, field, http, http_with};
use cikada_device::activation::{Activation, Http, Origin, Ready, Stop};
use cikada_device::{Action, Because, Event, Identity, Machine, Pace, Record};

const PACE: Pace = Pace { start_ms: 500, least_ms: 100, first_ms: 1_000, most_ms: 60_000, trust_ms: 86_400_000 };
const KEY: &str = "00112233445566778899aabbccddeeff00112233";
const OTHER_KEY: &str = "ffffffffffffffffffffffffffffffffffffffff";

fn machine(buffer: &mut [u8]) -> Activation<'_, Http<'_>> {
    let identity = Identity::new("acme", "lamp", "00:1A 7").unwrap();
    Activation::new(identity, Http::new("cikada.example:8080").unwrap(), PACE, buffer)
}

fn run(bench: &mut Bench<'_>) -> Option<Result<Ready, Stop>> {
    let mut buffer = [0; 512];
    let mut machine = machine(&mut buffer);
    bench.run(&mut machine, Event::Begin).unwrap()
}

/// The server's side of contract, device.md "Activate", for one serial number.
#[derive(Default)]
struct Number {
    enabled: bool,
    nonce: Option<String>,
    activations: usize,
}

impl Number {
    fn activate(&mut self, request: &[u8]) -> Answer {
        let nonce = field(&body(request), "nonce").expect("a nonce");
        if !self.enabled || self.nonce.as_ref().is_some_and(|first| *first != nonce) {
            return http("409 Conflict", "not enabled");
        }
        if self.nonce.replace(nonce).is_none() {
            self.activations += 1;
        }
        http("200 OK", KEY)
    }
}

#[test]
fn a_new_device_stores_a_nonce_calls_once_and_stores_its_key() {
    let mut bench = Bench::new(|_| http("200 OK", KEY));
    let ready = run(&mut bench).unwrap().ok().unwrap();
    assert_eq!((ready.cik.as_str(), ready.origin), (KEY, Origin::Activated));
    assert_eq!((bench.sent.len(), bench.stores), (1, 2));
    let request = String::from_utf8(bench.sent[0].clone()).unwrap();
    let (head, form) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        head,
        format!(
            "POST /provision/activate HTTP/1.1\r\nHost: cikada.example:8080\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}",
            form.len()
        )
    );
    assert!(form.starts_with("vendor=acme&model=lamp&sn=00%3A1A%207&nonce="), "{form}");
    assert_eq!(field(form, "nonce").unwrap().len(), 32);
}

#[test]
fn a_device_that_has_its_key_asks_nobody() {
    let mut bench = Bench::new(|_| http("200 OK", KEY));
    run(&mut bench);
    bench.reboot();
    let ready = run(&mut bench).unwrap().ok().unwrap();
    assert_eq!((ready.cik.as_str(), ready.origin), (KEY, Origin::Stored));
    assert_eq!(bench.sent.len(), 1);
}

#[test]
fn a_device_that_is_not_enabled_waits_longer_each_time_and_says_so() {
    let mut tries = 0;
    let mut bench = Bench::new(|_| {
        tries += 1;
        if tries < 40 { http("409 Conflict", "not enabled") } else { http("200 OK", KEY) }
    });
    assert!(run(&mut bench).unwrap().is_ok());
    let waits = &bench.waits[1..];
    assert_eq!(waits.len(), 39);
    assert!(waits.iter().all(|(because, _)| *because == Because::NotEnabled));
    for (n, (_, ms)) in waits.iter().enumerate() {
        let ceiling = 60_000u64.min(1_000 << n.min(20)).max(100);
        assert!((100..=ceiling).contains(&u64::from(*ms)), "wait {n} was {ms} ms");
    }
    // One nonce for all of them.
    let nonces: Vec<_> = bench.sent.iter().map(|request| field(&body(request), "nonce")).collect();
    assert!(nonces.iter().all(|nonce| nonce == &nonces[0]));
    assert_eq!(bench.stores, 2);
}

#[test]
fn each_answer_has_its_own_consequence() {
    let key_and_more = format!("{KEY}0");
    let upper = OTHER_KEY.to_uppercase();
    let stops = [("404 Not Found", Stop::Unknown), ("400 Bad Request", Stop::Malformed)];
    for (status, stop) in stops {
        let mut bench = Bench::new(|_| http(status, "no"));
        assert_eq!(run(&mut bench).unwrap().err().unwrap(), stop, "{status}");
        assert_eq!(bench.sent.len(), 1);
    }
    let waits: [(Answer, Because); 12] = [
        (http("429 Too Many Requests", ""), Because::Throttled),
        (http("503 Service Unavailable", ""), Because::Throttled),
        (http("500 Internal Server Error", ""), Because::ServerFault),
        (http("502 Bad Gateway", ""), Because::ServerFault),
        (http("302 Found", ""), Because::Unexpected),
        (http("200 OK", "<html>Welcome to the hotel</html>"), Because::Unexpected),
        (http("200 OK", &key_and_more), Because::Unexpected),
        (http("200 OK", &upper), Because::Unexpected),
        (Answer::Bytes(b"SSH-2.0-OpenSSH\r\n".to_vec()), Because::Unexpected),
        (Answer::Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n0011".to_vec()), Because::NoAnswer),
        (Answer::Silence, Because::NoAnswer),
        (Answer::Refused, Because::NoAnswer),
    ];
    for (answer, because) in waits {
        let mut answer = Some(answer);
        let mut bench = Bench::new(|_| answer.take().unwrap_or_else(|| http("200 OK", KEY)));
        assert_eq!(run(&mut bench).unwrap().ok().unwrap().cik.as_str(), KEY);
        assert_eq!(bench.waits[1].0, because);
        assert_eq!(bench.sent.len(), 2);
    }
}

#[test]
fn a_retry_after_is_obeyed() {
    for (value, least_s) in [("120", 120), ("Wed, 21 Oct 2026 07:28:00 GMT", 3_600)] {
        let mut first = true;
        let fields = format!("Retry-After: {value}\r\n");
        let mut bench = Bench::new(|_| match std::mem::take(&mut first) {
            true => http_with("429 Too Many Requests", &fields, b"later"),
            false => http("200 OK", KEY),
        });
        assert!(run(&mut bench).unwrap().is_ok());
        assert!(bench.waits[1].1 >= least_s * 1_000, "{:?}", bench.waits);
    }
}

#[test]
fn waking_too_early_sends_nothing() {
    let mut buffer = [0; 512];
    let mut machine = machine(&mut buffer);
    let mut bench = Bench::new(|_| http("409 Conflict", ""));
    bench.most_waits = 1;
    assert!(bench.run(&mut machine, Event::Begin).unwrap().is_none());
    for _ in 0..100 {
        let env = bench.env();
        assert!(matches!(machine.next(Event::Woken, &env), Action::Wait { for_ms: 1.., .. }));
    }
    assert_eq!(bench.sent.len(), 1);
}

#[test]
fn a_refused_key_is_replaced_and_kept_until_the_new_one_is_stored() {
    let enabled = RefCell::new(true);
    let answered = RefCell::new(KEY);
    let mut bench = Bench::new(|_| match *enabled.borrow() {
        true => http("200 OK", *answered.borrow()),
        false => http("409 Conflict", ""),
    });
    let mut buffer = [0; 512];
    let mut machine = machine(&mut buffer);
    assert!(bench.run(&mut machine, Event::Begin).unwrap().unwrap().is_ok());

    // The owner enabled it anew: the old key is dead, and there is a new one for it.
    answered.replace(OTHER_KEY);
    let ready = bench.run(&mut machine, Event::Rejected).unwrap().unwrap().ok().unwrap();
    assert_eq!((ready.cik.as_str(), ready.origin), (OTHER_KEY, Origin::Activated));
    assert_ne!(field(&body(&bench.sent[0]), "nonce"), field(&body(&bench.sent[1]), "nonce"));

    // Refused, and not enabled: it carries on with the key it has, slower and slower, without wearing out the memory.
    enabled.replace(false);
    let stores = bench.stores;
    for round in 0..6 {
        let ready = bench.run(&mut machine, Event::Rejected).unwrap().unwrap().ok().unwrap();
        assert_eq!((ready.cik.as_str(), ready.origin), (OTHER_KEY, Origin::Kept), "round {round}");
    }
    assert_eq!(bench.stores, stores + 1);
    let refused: Vec<_> = bench.waits.iter().filter(|wait| wait.0 == Because::KeyRefused).collect();
    assert_eq!(refused.len(), 5);

    // The refusal was somebody else's (a proxy's): the key works, and is in doubt no more, after a reboot too.
    let ready = bench.run(&mut machine, Event::Accepted).unwrap().unwrap().ok().unwrap();
    assert_eq!(ready.origin, Origin::Stored);
    bench.reboot();
    let sent = bench.sent.len();
    let ready = run(&mut bench).unwrap().ok().unwrap();
    assert_eq!((ready.cik.as_str(), ready.origin), (OTHER_KEY, Origin::Stored));
    assert_eq!(bench.sent.len(), sent);
}

#[test]
fn a_number_that_is_no_longer_known_stops_the_device() {
    let mut bench = Bench::new(|_| http("404 Not Found", ""));
    assert_eq!(run(&mut bench).unwrap().err(), Some(Stop::Unknown));
    bench.reboot();
    assert_eq!(run(&mut bench).unwrap().err(), Some(Stop::Unknown));
    assert_eq!(bench.sent.len(), 2);
}

#[test]
fn killed_at_any_point_it_ends_with_its_key_and_one_activation() {
    let points = {
        let mut number = Number { enabled: true, ..Number::default() };
        let mut bench = Bench::new(|request| number.activate(request));
        run(&mut bench);
        bench.points
    };
    assert!(points > 250, "{points}");
    for kill_at in 0..points {
        for second in [None, Some(kill_at / 2), Some(points / 3)] {
            let number = RefCell::new(Number { enabled: true, ..Number::default() });
            let mut bench = Bench::new(|request| number.borrow_mut().activate(request));
            let mut kills = [Some(kill_at), second].into_iter().flatten();
            let ready = loop {
                let (mut buffer, points) = ([0; 512], bench.points);
                bench.kill_at = kills.next().map(|kill| points + kill);
                match bench.run(&mut machine(&mut buffer), Event::Begin) {
                    Ok(outcome) => break outcome.unwrap().ok().unwrap(),
                    Err(Killed) => bench.reboot(),
                }
                bench.seed += 1;
            };
            assert_eq!(ready.cik.as_str(), KEY, "killed at {kill_at} and {second:?}");
            drop(bench);
            assert_eq!(number.borrow().activations, 1, "killed at {kill_at} and {second:?}");
        }
    }
}

#[test]
fn killed_at_any_point_of_replacing_a_refused_key_it_ends_with_the_new_one() {
    for kill_at in 0.. {
        let number = RefCell::new(Number { enabled: true, ..Number::default() });
        let mut bench = Bench::new(|request| number.borrow_mut().activate(request));
        let mut buffer = [0; 512];
        let mut first = machine(&mut buffer);
        assert!(bench.run(&mut first, Event::Begin).unwrap().unwrap().is_ok());
        number.borrow_mut().nonce = None;
        bench.kill_at = Some(bench.points + kill_at);
        if bench.run(&mut first, Event::Rejected).is_ok() {
            return assert!(kill_at > 250);
        }
        bench.reboot();
        let mut buffer = [0; 512];
        let mut second = machine(&mut buffer);
        let ready = bench.run(&mut second, Event::Begin).unwrap().unwrap().ok().unwrap();
        // Killed before the doubt was stored, it finds the old key and hears again that it is refused.
        if ready.origin == Origin::Stored {
            let event = if number.borrow().activations == 2 { Event::Accepted } else { Event::Rejected };
            assert!(bench.run(&mut second, event).unwrap().unwrap().is_ok());
        }
        drop(bench);
        assert_eq!(number.borrow().activations, 2, "killed at {kill_at}");
    }
}

#[test]
fn memory_that_fails_once_anywhere_costs_time_and_nothing_else() {
    for fail_in in 0..5 {
        let number = RefCell::new(Number { enabled: true, ..Number::default() });
        let mut bench = Bench::new(|request| number.borrow_mut().activate(request));
        bench.fail_memory_in = Some(fail_in);
        assert_eq!(run(&mut bench).unwrap().ok().unwrap().cik.as_str(), KEY);
        let waited = bench.waits.iter().any(|wait| wait.0 == Because::Memory);
        assert_eq!(waited, fail_in < 4, "access {fail_in}");
        bench.reboot();
        assert_eq!(run(&mut bench).unwrap().ok().unwrap().origin, Origin::Stored);
        drop(bench);
        assert_eq!(number.borrow().activations, 1);
    }
}

#[test]
fn answers_may_come_in_any_pieces_and_through_a_proxy() {
    let chunked = format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nServer: proxy\r\nX-Long: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
         14\r\n{}\r\n14\r\n{}\r\n0\r\n\r\n",
        "x".repeat(1_000),
        &KEY[..20],
        &KEY[20..]
    );
    let unframed = format!("HTTP/1.0 200 OK\r\n\r\n{KEY}");
    for piece in 1..200 {
        for text in [&chunked, &unframed] {
            let mut bench = Bench::new(|_| Answer::Cut(text.clone().into_bytes()));
            bench.piece = piece;
            assert_eq!(run(&mut bench).unwrap().ok().unwrap().cik.as_str(), KEY);
            assert_eq!(bench.sent.len(), 1);
        }
    }
}

#[test]
fn a_buffer_that_is_too_small_is_said_and_not_overrun() {
    for size in 0..400 {
        let mut bench = Bench::new(|_| http("200 OK", KEY));
        let mut buffer = vec![0; size];
        let identity = Identity::new("acme", "lamp", "1").unwrap();
        let mut machine = Activation::new(identity, Http::new("h").unwrap(), PACE, &mut buffer);
        match bench.run(&mut machine, Event::Begin).unwrap().unwrap() {
            Ok(_) => assert!(size >= 160, "{size}"),
            Err(stop) => assert_eq!(stop, Stop::BufferTooSmall),
        }
    }
}

proptest::proptest! {
    /// Whatever the firmware answers, in whatever order: no call without a stored nonce, no key used that is not stored.
    #[test]
    fn no_order_of_events_breaks_the_two_promises(
        events in proptest::collection::vec((0u8..13, 0usize..600), 1..200),
        seed in proptest::num::u64::ANY,
    ) {
        let mut buffer = [0; 512];
        let mut machine = machine(&mut buffer);
        let mut bench = Bench::new(|_| Answer::Silence);
        bench.seed = seed;
        let mut stored: Vec<Vec<u8>> = Vec::new();
        let mut pending: Option<Vec<u8>> = None;
        for (kind, length) in events {
            let event = match kind {
                0 => Event::Begin, 1 => Event::Loaded(0), 2 => Event::Stored, 3 => Event::Sent,
                4 => Event::Received(length), 5 => Event::TimedOut, 6 => Event::Closed, 7 => Event::Woken,
                8 => Event::Read(length), 9 => Event::Written, 10 => Event::Failed, 11 => Event::Accepted,
                _ => Event::Rejected,
            };
            bench.now_ms += 10_000;
            if event == Event::Stored {
                stored.extend(pending.take());
            }
            let env = bench.env();
            let action = machine.next(event, &env);
            pending = None;
            let holds = |text: &[u8]| stored.iter().any(|record| record.windows(text.len()).any(|part| part == text));
            match action {
                Action::Store { record, bytes, .. } => {
                    assert_eq!(record, Record::Key);
                    pending = Some(bytes.to_vec());
                }
                Action::Send { bytes, .. } => {
                    let nonce = field(&body(bytes), "nonce").unwrap();
                    assert!(holds(nonce.as_bytes()));
                }
                Action::Receive { into, .. } => {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{KEY}");
                    into[..answer.len()].copy_from_slice(answer.as_bytes());
                }
                Action::Done(Ok(ready)) => assert!(holds(ready.cik.as_bytes())),
                _ => {}
            }
        }
    }
}
