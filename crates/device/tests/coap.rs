//! Activation, data and downloads over CoAP, against a server that speaks through the codec of `wire`: what the two
//! sides write is read by the other's code.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod bench;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use bench::{Answer, Bench, Killed};
use cikada_device::activation::{self, Activation, Coap, Origin};
use cikada_device::coap::{Call, Failure, Reply, Request as Ask, code};
use cikada_device::download::{BlockFetch, Download, Image, Sizes, Stop, Target};
use cikada_device::{Because, Cik, Event, Identity, Pace, content};
use sha2::{Digest, Sha256};
use wire::coap::{Block, Code, Draft, Kind, Message, Request, Token, number};

const PACE: Pace = Pace { start_ms: 0, least_ms: 10, first_ms: 1_000, most_ms: 60_000, trust_ms: 86_400_000 };
const KEY: &str = "00112233445566778899aabbccddeeff00112233";

fn cik() -> Cik {
    Cik::parse(KEY.as_bytes()).unwrap()
}

/// How the server sends an answer.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Piggybacked,
    /// An empty acknowledgement first, the answer in a message of its own.
    Separate,
    SeparateNonConfirmable,
}

#[derive(Default)]
struct Options<'a> {
    block: Option<Block>,
    etag: &'a [u8],
    size: Option<u32>,
    max_age: Option<u32>,
    echo: &'a [u8],
    observe: Option<u32>,
}

fn draft(kind: Kind, id: u16, token: Token, code: Code, options: &Options<'_>, payload: &[u8]) -> Vec<u8> {
    let mut draft = Draft::new(kind, code, id, token);
    if let Some(block) = options.block {
        draft.add_block(number::BLOCK2, block);
    }
    if !options.etag.is_empty() {
        draft.add_bytes(number::ETAG, options.etag);
    }
    if !options.echo.is_empty() {
        draft.add_bytes(number::ECHO, options.echo);
    }
    for (number, value) in
        [(number::SIZE2, options.size), (number::MAX_AGE, options.max_age), (number::OBSERVE, options.observe)]
    {
        if let Some(value) = value {
            draft.add_uint(number, value);
        }
    }
    draft.payload = payload;
    let mut datagram = Vec::new();
    draft.encode(&mut datagram).unwrap();
    datagram
}

fn answer(manner: Manner, message: &Message<'_>, code: Code, options: &Options<'_>, payload: &[u8]) -> Answer {
    let separate = |kind| {
        vec![
            Draft::empty(Kind::Acknowledgement, message.id).to_vec(),
            // Somebody else's datagrams in between change nothing.
            b"\x60\x45\xff\xff\xffnot yours".to_vec(),
            b"\x54\x45\x00\x07\x00\x00\x00\x00\xffnot yours".to_vec(),
            b"rubbish".to_vec(),
            draft(kind, 77, message.token, code, options, payload),
        ]
    };
    Answer::Datagrams(match manner {
        Manner::Piggybacked => vec![draft(Kind::Acknowledgement, message.id, message.token, code, options, payload)],
        Manner::Separate => separate(Kind::Confirmable),
        Manner::SeparateNonConfirmable => separate(Kind::NonConfirmable),
    })
}

/// Reads a request as the server does; acknowledgements and Resets are nothing to answer.
fn read(datagram: &[u8]) -> Option<Request<'_>> {
    let message = Message::decode(datagram).expect("a message in form");
    if message.kind == Kind::Acknowledgement {
        assert_eq!((message.code, message.id), (Code::EMPTY, 77));
        return None;
    }
    Some(Request::read(&message).expect("options that are understood"))
}

fn path(request: &Request<'_>) -> Vec<String> {
    request.message.values(number::URI_PATH).map(|segment| String::from_utf8(segment.to_vec()).unwrap()).collect()
}

fn activate(bench: &mut Bench<'_>) -> Result<Option<Result<activation::Ready, activation::Stop>>, Killed> {
    let mut buffer = [0; 512];
    let identity = Identity::new("acme", "lamp", "00:1A 7").unwrap();
    let mut machine = Activation::new(identity, Coap::new(), PACE, &mut buffer);
    bench.run(&mut machine, Event::Begin)
}

#[test]
fn a_device_activates_however_the_answer_comes() {
    for manner in [Manner::Piggybacked, Manner::Separate, Manner::SeparateNonConfirmable] {
        let mut bench = Bench::new(|datagram| {
            let Some(request) = read(datagram) else { return Answer::Silence };
            assert_eq!((request.message.kind, request.message.code), (Kind::Confirmable, Code::POST));
            assert_eq!(path(&request), ["provision", "activate", "acme", "lamp", "00:1A 7"]);
            assert_eq!(request.message.payload.len(), "nonce=".len() + 32);
            answer(manner, &request.message, Code::CONTENT, &Options::default(), KEY.as_bytes())
        });
        let ready = activate(&mut bench).unwrap().unwrap().ok().unwrap();
        assert_eq!((ready.cik.as_str(), ready.origin), (KEY, Origin::Activated));
        assert_eq!(
            bench.sent.len(),
            if manner == Manner::Separate { 2 } else { 1 },
            "a separate answer is acknowledged"
        );
    }
}

#[test]
fn a_lost_datagram_is_sent_again_as_it_was_four_times_with_growing_waits() {
    for lost in 0..5 {
        let count = Cell::new(0);
        let mut bench = Bench::new(|datagram| {
            count.set(count.get() + 1);
            if count.get() <= lost {
                return Answer::Silence;
            }
            answer(
                Manner::Piggybacked,
                &read(datagram).unwrap().message,
                Code::CONTENT,
                &Options::default(),
                KEY.as_bytes(),
            )
        });
        assert!(activate(&mut bench).unwrap().unwrap().is_ok());
        assert_eq!(bench.sent.len(), lost + 1);
        assert!(bench.sent.iter().all(|datagram| datagram == &bench.sent[0]));
        let least_ms: u64 = (0..lost).map(|n| 2_000 << n).sum();
        let waited = bench.now_ms - 1_000 - bench.waits.iter().map(|wait| u64::from(wait.1)).sum::<u64>();
        assert!((least_ms..=least_ms * 3 / 2).contains(&waited), "{waited} after {lost}");
    }
}

#[test]
fn each_code_has_its_own_consequence() {
    let rows = [
        (Code::NOT_FOUND, Because::NotEnabled),
        (Code::TOO_MANY_REQUESTS, Because::Throttled),
        (Code::SERVICE_UNAVAILABLE, Because::Throttled),
        (Code::INTERNAL_SERVER_ERROR, Because::ServerFault),
        (Code::FORBIDDEN, Because::Unexpected),
        (Code::UNAUTHORIZED, Because::Unexpected),
    ];
    for (code, because) in rows {
        let first = Cell::new(true);
        let mut bench = Bench::new(|datagram| {
            let request = read(datagram).unwrap();
            let options = Options { max_age: Some(100), ..Options::default() };
            let (code, payload) = if first.replace(false) { (code, "no") } else { (Code::CONTENT, KEY) };
            answer(Manner::Piggybacked, &request.message, code, &options, payload.as_bytes())
        });
        assert!(activate(&mut bench).unwrap().unwrap().is_ok());
        assert_eq!(bench.waits[1].0, because);
        assert!(because != Because::Throttled || bench.waits[1].1 >= 100_000);
    }
    let mut bench = Bench::new(|datagram| {
        answer(Manner::Piggybacked, &read(datagram).unwrap().message, Code::BAD_REQUEST, &Options::default(), b"")
    });
    assert_eq!(activate(&mut bench).unwrap().unwrap().err(), Some(activation::Stop::Malformed));
    // A Reset, or nothing at all, is no answer.
    let first = Cell::new(0);
    let mut bench = Bench::new(|datagram| {
        let request = read(datagram).unwrap();
        first.set(first.get() + 1);
        match first.get() {
            1 => Answer::Datagrams(vec![Draft::empty(Kind::Reset, request.message.id).to_vec()]),
            2..=6 => Answer::Silence,
            _ => answer(Manner::Piggybacked, &request.message, Code::CONTENT, &Options::default(), KEY.as_bytes()),
        }
    });
    assert!(activate(&mut bench).unwrap().unwrap().is_ok());
    assert_eq!(bench.waits[1..].iter().map(|wait| wait.0).collect::<Vec<_>>(), [Because::NoAnswer; 2]);
}

#[test]
fn a_server_that_wants_to_see_the_address_gets_its_echo_back() {
    let mut bench = Bench::new(|datagram| {
        let request = read(datagram).unwrap();
        match request.echo {
            None => {
                let options = Options { echo: b"prove it", ..Options::default() };
                answer(Manner::Piggybacked, &request.message, Code::UNAUTHORIZED, &options, b"")
            }
            Some(echo) => {
                assert_eq!(echo, b"prove it");
                answer(Manner::Piggybacked, &request.message, Code::CONTENT, &Options::default(), KEY.as_bytes())
            }
        }
    });
    assert!(activate(&mut bench).unwrap().unwrap().is_ok());
    assert_eq!(bench.sent.len(), 2);
}

#[test]
fn killed_at_any_point_it_ends_with_its_key_and_one_activation() {
    for kill_at in 0.. {
        let nonces = RefCell::new(Vec::new());
        let mut bench = Bench::new(|datagram| {
            let Some(request) = read(datagram) else { return Answer::Silence };
            let nonce = request.message.payload.to_vec();
            if nonces.borrow().is_empty() {
                nonces.borrow_mut().push(nonce.clone());
            }
            let code = if nonces.borrow()[0] == nonce { Code::CONTENT } else { Code::NOT_FOUND };
            answer(Manner::Separate, &request.message, code, &Options::default(), KEY.as_bytes())
        });
        bench.kill_at = Some(kill_at);
        if activate(&mut bench).is_ok() {
            return assert!(kill_at > 150, "{kill_at}");
        }
        bench.reboot();
        bench.seed += 1;
        bench.most_waits = bench.waits.len() + 5;
        let ready = activate(&mut bench).unwrap().expect("it does not wait for an owner").ok().unwrap();
        assert_eq!(ready.cik.as_str(), KEY, "killed at {kill_at}");
    }
}

fn call(bench: &mut Bench<'_>, ask: Ask<'_>, size: usize) -> (Result<Reply, Failure>, Vec<u8>) {
    let mut buffer = vec![0; size];
    let mut machine = Call::new(ask, cik(), &mut buffer);
    let outcome = bench.run(&mut machine, Event::Begin).unwrap().unwrap();
    (outcome, machine.body().to_vec())
}

#[test]
fn values_are_written_and_read() {
    for manner in [Manner::Piggybacked, Manner::Separate] {
        let values = RefCell::new(HashMap::new());
        let mut bench = Bench::new(|datagram| {
            let Some(request) = read(datagram) else { return Answer::Silence };
            assert_eq!(request.message.values(number::URI_QUERY).next(), Some(KEY.as_bytes()));
            let (path, options) = (path(&request), Options::default());
            assert_eq!((path.len(), &path[0][..]), (2, "1a"));
            if request.message.code == Code::POST {
                values.borrow_mut().insert(path[1].clone(), request.message.payload.to_vec());
                return answer(manner, &request.message, Code::CHANGED, &options, b"");
            }
            match values.borrow().get(&path[1]) {
                Some(value) => answer(manner, &request.message, Code::CONTENT, &options, value),
                None => answer(manner, &request.message, Code::FORBIDDEN, &options, b""),
            }
        });
        let (reply, _) = call(&mut bench, Ask::Write { alias: "temp", value: "21.5" }, 128);
        assert_eq!(reply.unwrap().code, code::CHANGED);
        let (reply, body) = call(&mut bench, Ask::Read { alias: "temp" }, 128);
        assert_eq!((reply.unwrap().code, &body[..]), (code::CONTENT, &b"21.5"[..]));
        let (reply, _) = call(&mut bench, Ask::Read { alias: "other" }, 128);
        assert_eq!(reply.unwrap().code, code::FORBIDDEN);
    }
    let mut bench = Bench::new(|_| Answer::Silence);
    assert_eq!(call(&mut bench, Ask::Read { alias: "temp" }, 128).0, Err(Failure::NoAnswer));
    assert_eq!(bench.sent.len(), 5);
    assert_eq!(call(&mut bench, Ask::Read { alias: "temp" }, 40).0, Err(Failure::BufferTooSmall));
}

/// One block of a payload, in the size that was asked for or a smaller one.
fn block_of<'p>(request: &Request<'_>, payload: &'p [u8], largest: usize) -> (Block, &'p [u8]) {
    let asked = request.block2.unwrap_or(Block::new(0, false, largest).unwrap());
    let size = asked.bytes().min(largest);
    let number = asked.offset() as usize / size;
    let rest = &payload[(number * size).min(payload.len())..];
    let block = Block::new(number as u32, rest.len() > size, size).unwrap();
    (block, &rest[..rest.len().min(size)])
}

#[test]
fn a_long_list_comes_in_blocks() {
    let list: String = (0..400).map(|n| format!("firmware_v{n}\n")).collect();
    for (size, largest) in [(8_000, 1024), (8_000, 64), (7_000, 1024)] {
        for manner in [Manner::Piggybacked, Manner::Separate] {
            let mut bench = Bench::new(|datagram| {
                let Some(request) = read(datagram) else { return Answer::Silence };
                assert_eq!(path(&request), ["provision", "download", "acme", "lamp"]);
                let (block, payload) = block_of(&request, list.as_bytes(), largest);
                let options = Options { block: Some(block), etag: b"v1", ..Options::default() };
                answer(manner, &request.message, Code::CONTENT, &options, payload)
            });
            let (reply, mut body) = call(&mut bench, Ask::List { vendor: "acme", model: "lamp" }, size);
            assert_eq!(reply.unwrap().code, code::CONTENT);
            assert_eq!(content::ids(&mut body).count(), 400);
        }
    }
    let mut bench = Bench::new(|datagram| {
        let request = read(datagram).unwrap();
        let (block, payload) = block_of(&request, list.as_bytes(), 1024);
        let etag: &[u8] = if block.offset() < 2_000 { b"v1" } else { b"v2" };
        let options = Options { block: Some(block), etag, ..Options::default() };
        answer(Manner::Piggybacked, &request.message, Code::CONTENT, &options, payload)
    });
    let ask = Ask::List { vendor: "acme", model: "lamp" };
    assert_eq!(call(&mut bench, ask, 8_000).0, Err(Failure::Changed));
    assert_eq!(call(&mut bench, ask, 2_000).0, Err(Failure::TooLarge));
}

#[test]
fn an_observer_hears_of_every_new_value_and_acknowledges() {
    let token = Cell::new(None);
    let registrations = Cell::new(0);
    let mut bench = Bench::new(|datagram| {
        let message = Message::decode(datagram).unwrap();
        if message.kind == Kind::Acknowledgement {
            return Answer::Silence;
        }
        let request = Request::read(&message).unwrap();
        assert_eq!(request.observe, Some(0));
        registrations.set(registrations.get() + 1);
        token.set(Some(message.token));
        let options = Options { observe: Some(10), ..Options::default() };
        answer(Manner::Piggybacked, &message, Code::CONTENT, &options, b"first")
    });
    let mut buffer = [0; 256];
    let mut machine = Call::new(Ask::Observe { alias: "on" }, cik(), &mut buffer);
    assert!(bench.run(&mut machine, Event::Begin).unwrap().unwrap().is_ok());
    assert_eq!(machine.body(), b"first");

    let token = token.get().unwrap();
    let notify = |kind, id, sequence, payload: &[u8]| {
        let options = Options { observe: Some(sequence), ..Options::default() };
        draft(kind, id, token, Code::CONTENT, &options, payload)
    };
    bench.inbox.push_back(notify(Kind::NonConfirmable, 501, 11, b"second"));
    bench.inbox.push_back(notify(Kind::NonConfirmable, 502, 9, b"late"));
    bench.inbox.push_back(b"\x50\x45\x01\x01\xffstranger".to_vec());
    bench.inbox.push_back(notify(Kind::Confirmable, 503, 12, b"third"));
    for expected in [&b"second"[..], b"third"] {
        assert!(bench.run(&mut machine, Event::Begin).unwrap().unwrap().is_ok());
        assert_eq!(machine.body(), expected);
    }
    assert_eq!(bench.sent.last().unwrap()[..], Draft::empty(Kind::Acknowledgement, 503));
    // Silence for minutes: registered anew, which brings the current value.
    assert!(bench.run(&mut machine, Event::Begin).unwrap().unwrap().is_ok());
    assert_eq!(machine.body(), b"first");
    assert_eq!(registrations.get(), 2);
}

const TARGET: Target<'static> = Target { vendor: "acme", model: "lamp", id: "firmware_v2", place: 0 };

fn bytes(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed).rotate_left(at as u32 / 256)).collect()
}

fn digest(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

fn serve(manner: Manner, datagram: &[u8], content: &[u8], largest: usize) -> Answer {
    let Some(request) = read(datagram) else { return Answer::Silence };
    assert_eq!(path(&request), ["provision", "download", "acme", "lamp", "firmware_v2"]);
    let sum = digest(content);
    if request.message.values(number::ETAG).any(|etag| etag == &sum[..8]) {
        return answer(manner, &request.message, Code::VALID, &Options { etag: &sum[..8], ..Options::default() }, b"");
    }
    let (block, payload) = block_of(&request, content, largest);
    let size = Some(content.len() as u32).filter(|_| block.offset() == 0);
    let options = Options { block: Some(block), etag: &sum[..8], size, ..Options::default() };
    answer(manner, &request.message, Code::CONTENT, &options, payload)
}

fn download(bench: &mut Bench<'_>, piece: u32, promised: [u8; 32]) -> Result<Result<Image, Stop>, Killed> {
    let mut buffer = [0; 1400];
    let sizes = Sizes { capacity: 10_000, piece, block: 32, checkpoint: 128 };
    let mut machine = Download::new(TARGET, cik(), BlockFetch::new(), sizes, PACE, Some(promised), &mut buffer);
    bench.run(&mut machine, Event::Begin).map(Option::unwrap)
}

#[test]
fn an_image_arrives_in_blocks_of_any_size_and_is_verified() {
    for length in [0, 1, 15, 16, 64, 1000, 1024, 3000] {
        for (piece, largest) in [(16, 1024), (1024, 1024), (1024, 64), (100, 1024)] {
            let content = bytes(length, 1);
            let mut bench = Bench::new(|datagram| serve(Manner::Piggybacked, datagram, &content, largest));
            let image = download(&mut bench, piece, digest(&content)).unwrap().unwrap();
            assert_eq!(image.length, length as u64);
            assert!(bench.image == content, "{length} {piece} {largest}");
            assert_eq!(bench.waits, [], "{length} {piece} {largest}");
        }
    }
    let content = bytes(300, 1);
    let mut bench = Bench::new(|datagram| serve(Manner::Separate, datagram, &content, 64));
    assert!(download(&mut bench, 64, digest(&content)).unwrap().is_ok());
    assert_eq!(
        bench.sent.iter().filter(|datagram| datagram.len() == 4).count(),
        4,
        "all but the last are acknowledged"
    );
}

#[test]
fn without_a_digest_from_elsewhere_nothing_is_accepted_over_coap() {
    let content = bytes(300, 1);
    let mut bench = Bench::new(|datagram| serve(Manner::Piggybacked, datagram, &content, 1024));
    let mut buffer = [0; 1400];
    let sizes = Sizes { capacity: 10_000, piece: 64, block: 32, checkpoint: 128 };
    let mut machine = Download::new(TARGET, cik(), BlockFetch::new(), sizes, PACE, None, &mut buffer);
    assert_eq!(bench.run(&mut machine, Event::Begin).unwrap().unwrap(), Err(Stop::NoDigest));
    assert_eq!(download(&mut bench, 64, [0; 32]).unwrap(), Err(Stop::WrongDigest));
}

#[test]
fn refusals_over_coap_stop_or_wait() {
    let rows =
        [(Code::UNAUTHORIZED, Stop::Unauthorized), (Code::FORBIDDEN, Stop::Forbidden), (Code::NOT_FOUND, Stop::Absent)];
    for (code, stop) in rows {
        let mut bench = Bench::new(|datagram| {
            answer(Manner::Piggybacked, &read(datagram).unwrap().message, code, &Options::default(), b"")
        });
        assert_eq!(download(&mut bench, 64, [0; 32]).unwrap(), Err(stop));
    }
}

#[test]
fn killed_at_any_point_of_a_block_wise_download_it_ends_with_the_image() {
    let (old, new) = (bytes(420, 6), bytes(400, 7));
    for kill_at in 0.. {
        for replaced in [false, true] {
            let content = RefCell::new(&old);
            let mut bench = Bench::new(|datagram| serve(Manner::Piggybacked, datagram, *content.borrow(), 1024));
            bench.kill_at = Some(kill_at);
            if download(&mut bench, 64, digest(&old)).is_ok() {
                return assert!(kill_at > 900, "{kill_at}");
            }
            bench.reboot();
            if replaced {
                content.replace(&new);
            }
            let expected = *content.borrow();
            let image = download(&mut bench, 64, digest(expected)).unwrap().unwrap();
            assert_eq!(image.digest, digest(expected), "killed at {kill_at}");
            assert!(bench.image[..expected.len()] == expected[..]);
        }
    }
}

#[test]
fn a_content_replaced_between_any_two_blocks_is_never_mixed() {
    let (old, new) = (bytes(500, 9), bytes(480, 10));
    for replaced_at in 1..8 {
        let requests = Cell::new(0);
        let mut bench = Bench::new(|datagram| {
            requests.set(requests.get() + 1);
            let content = if requests.get() <= replaced_at { &old } else { &new };
            serve(Manner::Piggybacked, datagram, content, 1024)
        });
        let image = download(&mut bench, 64, digest(&new)).unwrap().unwrap();
        assert_eq!(image.digest, digest(&new));
        assert!(bench.image[..480] == new[..]);
    }
}
