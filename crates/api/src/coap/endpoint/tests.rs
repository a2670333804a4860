use bytes::Bytes;
use wire::coap::{Block, Message, Request as Read, Response};

use super::*;
use crate::coap::Body;

/// A peer and the endpoint it speaks to, on one clock.
struct Bench {
    endpoint: Endpoint,
    now: Instant,
    peer: Peer,
}

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef01234567";

fn bounds() -> Bounds {
    Bounds {
        requests: 100,
        remembered_bytes: 1 << 20,
        remembered_reads_bytes: 1 << 20,
        body_bytes: 4096,
        observers: 100,
        refresh: Duration::from_secs(60),
        demands_echo: false,
    }
}

impl Bench {
    fn new() -> Bench {
        Bench::with(bounds())
    }

    fn with(bounds: Bounds) -> Bench {
        let now = Instant::now();
        let shared = Shared::new(1 << 20, 2, [1; 32], (now, 1_700_000_000_000));
        Bench { endpoint: Endpoint::new(bounds, shared), now, peer: peer(1) }
    }

    fn pass(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
        self.endpoint.tick(self.now);
    }

    fn receive(&mut self, datagram: &[u8]) -> Option<(Ticket, Request)> {
        self.endpoint.receive(self.now, self.peer, datagram)
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) -> Option<ObserverId> {
        self.endpoint.answer(self.now, ticket, answer)
    }

    /// Sends a request that must reach its route, answers it, and gives what comes back.
    fn ask(&mut self, datagram: &[u8], answer: Answer) -> Vec<u8> {
        let (ticket, _) = self.receive(datagram).expect("it reaches its route");
        self.answer(ticket, answer);
        self.one()
    }

    /// What was sent, once.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        let sent = self.endpoint.outbound.iter().map(|(_, datagram)| datagram.to_vec()).collect();
        self.endpoint.outbound.clear();
        sent
    }

    #[track_caller]
    fn one(&mut self) -> Vec<u8> {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:x?}");
        sent.remove(0)
    }

    #[track_caller]
    fn nothing(&mut self) {
        assert_eq!(self.sent(), Vec::<Vec<u8>>::new());
    }

    fn observe(&mut self, token: &[u8]) -> ObserverId {
        let request = datagram(
            Kind::Confirmable,
            Code::GET,
            900,
            token,
            &[(number::OBSERVE, b""), (number::URI_PATH, b"1a")],
            b"",
        );
        let (ticket, request) = self.receive(&request).unwrap();
        assert!(request.observes);
        let id = self.answer(ticket, value("first")).expect("there is a place");
        let datagram = self.one();
        assert!(read(&datagram).observe.is_some());
        id
    }
}

fn peer(port: u16) -> Peer {
    Peer::new(([192, 0, 2, 1], port).into(), None)
}

fn value(text: &'static str) -> Answer {
    Answer { observed_for: Some(7), ..Answer::text(text).max_age(0).authenticated() }
}

fn datagram(kind: Kind, code: Code, id: u16, token: &[u8], options: &[(u16, &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut draft = Draft::new(kind, code, id, Token::new(token).unwrap());
    options.iter().for_each(|(number, value)| draft.add_bytes(*number, value));
    let mut datagram = Vec::new();
    draft.with_payload(payload).encode(&mut datagram).unwrap();
    datagram
}

fn post(id: u16, payload: &[u8]) -> Vec<u8> {
    datagram(Kind::Confirmable, Code::POST, id, b"t", &[(number::URI_PATH, b"1a"), (number::URI_QUERY, KEY)], payload)
}

fn get(id: u16) -> Vec<u8> {
    datagram(Kind::Confirmable, Code::GET, id, b"t", &[(number::URI_PATH, b"1a"), (number::URI_QUERY, KEY)], b"")
}

fn block(number: u16, of: u32, more: bool, bytes: usize) -> (u16, Vec<u8>) {
    let uint = Block::new(of, more, bytes).unwrap().to_uint().to_be_bytes();
    (number, uint[1..].to_vec())
}

fn read(datagram: &[u8]) -> Response<'_> {
    Response::read(&Message::decode(datagram).unwrap()).unwrap()
}

fn empty(kind: Kind, of: &[u8]) -> [u8; 4] {
    Draft::empty(kind, Message::decode(of).unwrap().id)
}

#[test]
fn an_answer_rides_on_the_acknowledgement() {
    let mut bench = Bench::new();
    let datagram = bench.ask(&post(5, b"21"), Answer::empty(Code::CHANGED));
    assert_eq!(datagram, b"\x61\x44\0\x05t");
}

#[test]
fn what_is_not_to_be_confirmed_is_answered_alike() {
    let mut bench = Bench::new();
    let request = datagram(Kind::NonConfirmable, Code::GET, 5, b"t", &[(number::URI_PATH, b"ts")], b"");
    let answer = bench.ask(&request, Answer::text("1"));
    let message = Message::decode(&answer).unwrap();
    assert_eq!(
        (message.kind, message.code, message.token.as_bytes()),
        (Kind::NonConfirmable, Code::CONTENT, &b"t"[..])
    );
    assert!(bench.receive(&request).is_none(), "a repetition is not acted on");
    bench.nothing();
}

#[test]
fn a_repeated_message_gets_the_same_bytes_and_is_not_acted_on() {
    let mut bench = Bench::new();
    let first = bench.ask(&post(5, b"21"), Answer::text("the key"));
    for _ in 0..3 {
        bench.pass(60.0);
        assert!(bench.receive(&post(5, b"21")).is_none());
        assert_eq!(bench.one(), first);
    }
    bench.pass(70.0);
    assert!(bench.receive(&post(5, b"21")).is_some(), "after 247 seconds it is another one");
}

#[test]
fn what_takes_long_is_acknowledged_and_answered_by_itself() {
    let mut bench = Bench::new();
    let (ticket, _) = bench.receive(&post(5, b"21")).unwrap();
    bench.endpoint.wait(bench.now, &ticket);
    bench.pass(0.9);
    assert!(bench.receive(&post(5, b"21")).is_none());
    bench.nothing();
    bench.pass(0.2);
    assert_eq!(bench.one(), b"\x60\0\0\x05");
    assert!(bench.receive(&post(5, b"21")).is_none());
    assert_eq!(bench.one(), b"\x60\0\0\x05", "a repetition is acknowledged again");
    bench.answer(ticket, Answer::text("the key").authenticated());
    let answer = bench.one();
    let message = Message::decode(&answer).unwrap();
    assert_eq!((message.kind, message.code, message.token.as_bytes()), (Kind::Confirmable, Code::CONTENT, &b"t"[..]));
    // It is sent again until it is acknowledged.
    bench.pass(3.0);
    assert_eq!(bench.one(), answer);
    assert!(bench.receive(&empty(Kind::Acknowledgement, &answer)).is_none());
    for _ in 0..20 {
        bench.pass(10.0);
    }
    bench.nothing();
}

#[test]
fn an_answer_that_nobody_acknowledges_is_given_up() {
    let mut bench = Bench::new();
    let (ticket, _) = bench.receive(&post(5, b"21")).unwrap();
    bench.endpoint.wait(bench.now, &ticket);
    bench.pass(1.0);
    bench.sent();
    bench.answer(ticket, Answer::text("x").authenticated());
    let mut times = bench.sent().len();
    for _ in 0..200 {
        bench.pass(1.0);
        times += bench.sent().len();
    }
    // It was authenticated, but its address was not shown: what was asked for once is not sent for ever.
    assert!((2..=5).contains(&times), "{times}");
    assert!(bench.endpoint.outbox.find(Exchange { peer: bench.peer, id: 5 }).is_none());
    assert_eq!(bench.endpoint.next_due(), None);
}

#[test]
fn a_ping_and_nonsense_are_reset_and_strays_are_passed_over() {
    let mut bench = Bench::new();
    for (datagram, reaction) in [
        (&b"\x40\0\0\x01"[..], Some(&b"\x70\0\0\x01"[..])),
        (b"\x40\x01\0\x01\xff", Some(b"\x70\0\0\x01")),
        (b"\x40\x45\0\x01", Some(b"\x70\0\0\x01")),
        (b"\x50\x45\0\x01", None),
        (b"\x60\x45\0\x01", None),
        (b"\x60\0\0\x01", None),
        (b"\x70\0\0\x01", None),
        (b"\x80\x01\0\x01", None),
        (b"", None),
    ] {
        assert!(bench.receive(datagram).is_none());
        assert_eq!(bench.sent(), reaction.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), "{datagram:x?}");
    }
}

#[test]
fn an_option_that_is_critical_and_unknown_is_a_bad_option() {
    let mut bench = Bench::new();
    let options = [(number::URI_PATH, &b"a-path-that-leaves-room-for-a-text"[..]), (65_001, b"")];
    assert!(bench.receive(&datagram(Kind::Confirmable, Code::GET, 1, b"", &options, b"")).is_none());
    let refused = bench.one();
    assert_eq!(read(&refused).message.code, Code::BAD_OPTION);
    assert!(bench.receive(&datagram(Kind::NonConfirmable, Code::GET, 2, b"", &options, b"")).is_none());
    bench.nothing();
}

#[test]
fn nobody_gets_much_for_little() {
    let mut bench = Bench::new();
    let request = get(1);
    let long = Answer::text(vec![b'x'; 1000]);
    let to_a_stranger = bench.ask(&request, long.clone());
    assert!(to_a_stranger.len() <= 3 * request.len());
    assert!(read(&to_a_stranger).block2.is_some_and(|block| block.more));
    let to_a_key = bench.ask(&get(2), long.clone().authenticated());
    assert_eq!(read(&to_a_key).message.payload.len(), 1000);
    let refusal = bench.ask(&get(3), Answer::refusal(Code::NOT_FOUND, vec![b'x'; 1000]).authenticated());
    assert!(refusal.len() <= request.len());
}

#[test]
fn a_separate_answer_to_a_stranger_is_repeated_only_as_far_as_its_request_allows() {
    let mut bench = Bench::new();
    let request = get(1);
    let (ticket, _) = bench.receive(&request).unwrap();
    bench.endpoint.wait(bench.now, &ticket);
    bench.pass(1.0);
    bench.answer(ticket, Answer::text(vec![b'x'; 70]));
    for _ in 0..200 {
        bench.pass(1.0);
    }
    let bytes: usize = bench.sent().iter().map(Vec::len).sum();
    assert!(bytes > request.len() && bytes <= 3 * request.len() + 4, "{bytes}");
}

#[test]
fn where_addresses_must_be_shown_nothing_is_done_before() {
    let mut bench = Bench::with(Bounds { demands_echo: true, ..bounds() });
    assert!(bench.receive(&post(1, b"21")).is_none());
    let refused = bench.one();
    assert!(refused.len() <= post(1, b"21").len());
    let response = read(&refused);
    assert_eq!(response.message.code, Code::UNAUTHORIZED);
    let echo = response.echo.expect("something to send back");
    let with_echo = |id, echo: &[u8]| {
        let options = [(number::URI_PATH, &b"1a"[..]), (number::URI_QUERY, KEY), (number::ECHO, echo)];
        datagram(Kind::Confirmable, Code::POST, id, b"t", &options, b"21")
    };
    assert!(bench.receive(&with_echo(2, b"123456789012")).is_none());
    bench.sent();
    bench.peer = peer(2);
    assert!(bench.receive(&with_echo(3, echo)).is_none(), "another address has to show itself");
    bench.sent();
    bench.peer = peer(1);
    assert!(bench.receive(&with_echo(4, echo)).is_some());
    assert!(bench.receive(&post(5, b"22")).is_some(), "once is enough for a while");
}

#[test]
fn a_body_in_blocks_reaches_its_route_whole() {
    let mut bench = Bench::new();
    let piece = |id, number, more, payload: &[u8]| {
        let (option, uint) = block(number::BLOCK1, number, more, 64);
        datagram(Kind::Confirmable, Code::POST, id, b"t", &[(number::URI_PATH, b"rpc"), (option, &uint)], payload)
    };
    for number in 0..3 {
        assert!(bench.receive(&piece(number as u16, number, true, &[number as u8; 64])).is_none());
        let answer = bench.one();
        assert_eq!(read(&answer).message.code, Code::CONTINUE);
        assert_eq!(read(&answer).block1, Block::new(number, true, 64));
    }
    assert!(bench.receive(&piece(1, 1, true, &[1; 64])).is_none());
    assert_eq!(read(&bench.one()).message.code, Code::CONTINUE, "a repetition changes nothing");
    let (ticket, request) = bench.receive(&piece(9, 3, false, b"end")).unwrap();
    assert_eq!(request.body, [&[0; 64][..], &[1; 64], &[2; 64], b"end"].concat());
    bench.answer(ticket, Answer::empty(Code::CHANGED));
    assert_eq!(read(&bench.one()).block1, Block::new(3, false, 64));
}

#[test]
fn a_body_that_is_too_large_or_has_a_hole_is_refused() {
    let mut bench = Bench::new();
    let long = [b'l'; 60];
    let piece = |id, number, size1: &[u8]| {
        let (option, uint) = block(number::BLOCK1, number, true, 1024);
        let options =
            [(number::URI_PATH, &b"rpc"[..]), (number::URI_PATH, &long), (option, &uint), (number::SIZE1, size1)];
        datagram(Kind::Confirmable, Code::POST, id, b"t", &options, &[0; 1024])
    };
    assert!(bench.receive(&piece(1, 0, b"\x10\x01")).is_none());
    let refused = bench.one();
    assert_eq!(
        (read(&refused).message.code, read(&refused).block1),
        (Code::REQUEST_ENTITY_TOO_LARGE, Block::new(0, true, 1024))
    );
    assert!(bench.receive(&piece(2, 0, b"\x10\x00")).is_none());
    assert!(bench.receive(&piece(3, 2, b"\x10\x00")).is_none());
    let codes: Vec<Code> = bench.sent().iter().map(|datagram| Message::decode(datagram).unwrap().code).collect();
    assert_eq!(codes, [Code::CONTINUE, Code::REQUEST_ENTITY_INCOMPLETE]);
}

#[test]
fn the_rest_of_an_answer_is_fetched_without_doing_anything_again() {
    let mut bench = Bench::new();
    let fetch = |id, number| {
        let (option, uint) = block(number::BLOCK2, number, false, 64);
        let options = [(number::URI_PATH, &b"rpc"[..]), (option, &uint)];
        datagram(Kind::Confirmable, Code::POST, id, b"t", &options, if number == 0 { b"body" } else { b"" })
    };
    let body: Vec<u8> = (0..150).collect();
    let first = bench.ask(&fetch(1, 0), Answer::content(60, body.clone()).authenticated());
    let mut fetched = read(&first).message.payload.to_vec();
    for number in 1..3 {
        assert!(bench.receive(&fetch(10 + number as u16, number)).is_none());
        fetched.extend_from_slice(read(&bench.one()).message.payload);
    }
    assert_eq!(fetched, body);
    bench.peer = peer(2);
    assert!(bench.receive(&fetch(20, 1)).is_none());
    assert_eq!(read(&bench.one()).message.code, Code::REQUEST_ENTITY_INCOMPLETE, "somebody else's");
    bench.peer = peer(1);
    bench.pass(61.0);
    assert!(bench.receive(&fetch(21, 1)).is_none());
    assert_eq!(read(&bench.one()).message.code, Code::REQUEST_ENTITY_INCOMPLETE, "too late");
}

#[test]
fn only_so_many_requests_are_worked_on() {
    let mut bench = Bench::with(Bounds { requests: 2, ..bounds() });
    let first = bench.receive(&post(1, b"1")).unwrap();
    let _second = bench.receive(&post(2, b"2")).unwrap();
    assert!(bench.receive(&post(3, b"3")).is_none());
    let refused = bench.one();
    assert_eq!((read(&refused).message.code, read(&refused).max_age_s), (Code::SERVICE_UNAVAILABLE, Some(5)));
    bench.answer(first.0, Answer::empty(Code::CHANGED));
    assert!(bench.receive(&post(4, b"4")).is_some());
}

#[test]
fn an_observer_is_told_of_every_value_in_order() {
    let mut bench = Bench::new();
    let id = bench.observe(b"o");
    let mut last = 0;
    for (n, text) in ["a", "b", "c"].into_iter().enumerate() {
        bench.pass(1.0);
        bench.endpoint.notify(bench.now, id, &value(text));
        let told = bench.one();
        let response = read(&told);
        assert_eq!((response.message.payload, response.message.kind), (text.as_bytes(), Kind::Confirmable));
        assert_eq!((response.message.token.as_bytes(), response.max_age_s), (&b"o"[..], Some(90)));
        let number = response.observe.unwrap();
        assert!(n == 0 || coap::is_newer_notification(number, last, 0));
        last = number;
        bench.receive(&empty(Kind::Acknowledgement, &told));
        bench.nothing();
    }
}

#[test]
fn values_in_quick_succession_do_not_wait_for_acknowledgements() {
    let mut bench = Bench::new();
    let id = bench.observe(b"o");
    for text in ["a", "b", "c"] {
        bench.endpoint.notify(bench.now, id, &value(text));
    }
    let told = bench.sent();
    let kinds: Vec<Kind> = told.iter().map(|datagram| Message::decode(datagram).unwrap().kind).collect();
    assert_eq!(kinds, [Kind::Confirmable, Kind::NonConfirmable, Kind::NonConfirmable]);
    // Nothing came of the first one: the newest takes its place.
    bench.pass(3.0);
    let again = bench.one();
    assert_eq!((read(&again).message.payload, read(&again).message.kind), (&b"c"[..], Kind::Confirmable));
    assert!(coap::is_newer_notification(read(&again).observe.unwrap(), read(&told[2]).observe.unwrap(), 0));
    // Now the observer seems gone: what comes is held back until it acknowledges.
    bench.endpoint.notify(bench.now, id, &value("d"));
    bench.nothing();
    bench.receive(&empty(Kind::Acknowledgement, &again));
    assert_eq!(read(&bench.one()).message.payload, b"d");
}

#[test]
fn an_observer_is_asked_now_and_then_whether_it_is_there() {
    let mut bench = Bench::new();
    bench.observe(b"o");
    bench.pass(59.0);
    bench.nothing();
    bench.pass(1.0);
    let asked = bench.one();
    assert_eq!((read(&asked).message.kind, read(&asked).message.payload), (Kind::Confirmable, &b"first"[..]));
    bench.receive(&empty(Kind::Acknowledgement, &asked));
    bench.pass(60.0);
    assert_eq!(bench.sent().len(), 1);
}

#[test]
fn an_observer_in_a_black_hole_is_given_up_and_left_alone() {
    let mut bench = Bench::new();
    let id = bench.observe(b"o");
    let mut sent = 0;
    for second in 0..400 {
        bench.pass(1.0);
        if second % 10 == 0 {
            bench.endpoint.notify(bench.now, id, &value("x"));
        }
        let now = bench.sent().len();
        assert!(second < 247 || now == 0, "still told after {second} s");
        sent += now;
    }
    assert!(sent <= 6, "{sent}");
    assert_eq!(bench.endpoint.take_ended_observers(), [id]);
    assert_eq!(bench.endpoint.next_due(), None, "nothing is left of it");
}

#[test]
fn an_observation_ends_by_a_reset_a_deregistration_and_a_new_registration() {
    let mut bench = Bench::new();
    let by_reset = bench.observe(b"1");
    bench.endpoint.notify(bench.now, by_reset, &value("a"));
    let told = bench.one();
    bench.receive(&empty(Kind::Reset, &told));
    assert_eq!(bench.endpoint.take_ended_observers(), [by_reset]);
    bench.endpoint.notify(bench.now, by_reset, &value("b"));
    bench.pass(10.0);
    bench.nothing();

    bench.pass(300.0);
    let by_request = bench.observe(b"2");
    let options = [(number::OBSERVE, &b"\x01"[..]), (number::URI_PATH, b"1a")];
    let (ticket, _) = bench.receive(&datagram(Kind::Confirmable, Code::GET, 901, b"2", &options, b"")).unwrap();
    assert_eq!(bench.endpoint.take_ended_observers(), [by_request]);
    assert_eq!(bench.answer(ticket, value("a")), None);
    assert_eq!(read(&bench.one()).observe, None);

    bench.pass(300.0);
    let first = bench.observe(b"3");
    bench.pass(300.0);
    bench.sent();
    let _second = bench.observe(b"3");
    assert_eq!(bench.endpoint.take_ended_observers(), [first]);
}

#[test]
fn a_reset_of_an_unconfirmed_notification_ends_it_too() {
    let mut bench = Bench::new();
    let id = bench.observe(b"o");
    bench.endpoint.notify(bench.now, id, &value("a"));
    bench.endpoint.notify(bench.now, id, &value("b"));
    let told = bench.sent();
    bench.receive(&empty(Kind::Reset, &told[1]));
    assert_eq!(bench.endpoint.take_ended_observers(), [id]);
    for _ in 0..20 {
        bench.pass(10.0);
    }
    bench.nothing();
}

#[test]
fn who_finds_no_place_is_answered_as_if_it_had_not_asked() {
    let mut bench = Bench::new();
    bench.observe(b"1");
    let mut places = 0;
    for port in 10..15 {
        bench.peer = peer(port);
        let options = [(number::OBSERVE, &b""[..]), (number::URI_PATH, b"1a")];
        let (ticket, _) = bench.receive(&datagram(Kind::Confirmable, Code::GET, 1, b"o", &options, b"")).unwrap();
        places += usize::from(bench.answer(ticket, value("a")).is_some());
        let answer = bench.one();
        assert_eq!((read(&answer).message.payload, read(&answer).observe.is_some()), (&b"a"[..], port == 10));
    }
    assert_eq!(places, 1, "of the two that a client has");
}

#[test]
fn a_refused_resource_is_not_observed() {
    let mut bench = Bench::new();
    let options = [(number::OBSERVE, &b""[..]), (number::URI_PATH, b"1a")];
    for (id, answer) in
        [(1, Answer::empty(Code::FORBIDDEN)), (2, Answer::text("1")), (3, Answer { code: Code::CHANGED, ..value("") })]
    {
        let (ticket, _) = bench.receive(&datagram(Kind::Confirmable, Code::GET, id, b"o", &options, b"")).unwrap();
        assert_eq!(bench.answer(ticket, answer), None);
    }
}

#[test]
fn an_observer_learns_why_its_observation_ends() {
    let mut bench = Bench::new();
    let id = bench.observe(b"o");
    bench.endpoint.end_observation(bench.now, id, &Answer::empty(Code::UNAUTHORIZED));
    let told = bench.one();
    assert_eq!((read(&told).message.code, read(&told).message.token.as_bytes()), (Code::UNAUTHORIZED, &b"o"[..]));
    assert_eq!(read(&told).observe, None);
    bench.receive(&empty(Kind::Acknowledgement, &told));

    bench.pass(300.0);
    bench.observe(b"p");
    bench.endpoint.end_all_observations(10);
    let told = bench.one();
    assert_eq!((read(&told).message.code, read(&told).max_age_s), (Code::SERVICE_UNAVAILABLE, Some(10)));
}

#[test]
fn an_observer_of_something_long_gets_its_first_block_and_a_tag() {
    let mut bench = Bench::new();
    let id = bench.observe(b"o");
    let body = Body::whole(vec![b'v'; 3000]);
    bench.endpoint.notify(bench.now, id, &Answer { body, ..value("") });
    let told = bench.one();
    let response = read(&told);
    assert_eq!((response.block2, response.size2), (Block::new(0, true, 1024), Some(3000)));
    assert!(response.etag.is_some());
}

#[test]
fn a_request_says_all_that_its_route_needs() {
    let mut bench = Bench::new();
    let options = [
        (number::URI_PATH, &b"provision"[..]),
        (number::URI_PATH, b"download"),
        (number::URI_QUERY, &[0xff; 20]),
        (number::ACCEPT, b"\x2a"),
    ];
    let sent = datagram(Kind::Confirmable, Code::GET, 1, b"", &options, b"body");
    let message = Message::decode(&sent).unwrap();
    assert!(Read::read(&message).is_ok());
    let (_, request) = bench.receive(&sent).unwrap();
    assert_eq!(request.segments().unwrap(), ["provision", "download"]);
    assert_eq!((&request.query[..], &request.body[..]), (&[Bytes::from_static(&[0xff; 20])][..], &b"body"[..]));
    assert_eq!((request.accept, request.block, request.observes), (Some(42), Block::FIRST, false));
}

mod chance {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever comes from a stranger: no panic, no more than three times as much as came in, and errors no larger.
        #[test]
        fn no_datagram_is_worth_more_than_three_times_its_bytes(
            datagrams in proptest::collection::vec(
                (prop_oneof![Just(0x40_u8), Just(0x50), Just(0x61), Just(0x70), any::<u8>()],
                 prop_oneof![Just(1_u8), Just(2), Just(0), any::<u8>()],
                 0..4_u8,
                 proptest::collection::vec(prop_oneof![Just(0xb2_u8), Just(0x0c), Just(0xff), Just(0xd1), any::<u8>()], 0..60)),
                1..20),
            total in 0..3000_usize,
            steps in proptest::collection::vec(0.0..40.0_f64, 20),
        ) {
            let mut bench = Bench::new();
            let (mut bytes_in, mut bytes_out) = (0, 0);
            for ((first, code, id, rest), step) in datagrams.iter().zip(steps) {
                let datagram = [&[*first, *code, 0, *id][..], rest].concat();
                bytes_in += datagram.len();
                if let Some((ticket, _)) = bench.receive(&datagram) {
                    bench.endpoint.wait(bench.now, &ticket);
                    bench.pass(step);
                    bench.answer(ticket, Answer::text(vec![b'x'; total]));
                }
                bench.pass(step);
                bytes_out += bench.sent().iter().map(Vec::len).sum::<usize>();
                // An acknowledgement of four bytes may come on top of a separate answer.
                prop_assert!(bytes_out <= 3 * bytes_in + 4 * datagrams.len());
            }
        }
    }
}
