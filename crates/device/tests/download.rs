//! Downloads over HTTP against a server that is a function: cuts, replaced contents, power failures at every point.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod bench;

use std::cell::{Cell, RefCell};

use bench::{Answer, Bench, Killed, base64, http, http_with};
use cikada_device::download::{Download, Image, RangeFetch, Sizes, Stop, Target};
use cikada_device::{Because, Cik, Event, Pace, Record};
use sha2::{Digest, Sha256};

const PACE: Pace = Pace { start_ms: 0, least_ms: 10, first_ms: 1_000, most_ms: 60_000, trust_ms: 86_400_000 };
const SIZES: Sizes = Sizes { capacity: 100_000, piece: 100, block: 16, checkpoint: 64 };
const TARGET: Target<'static> = Target { vendor: "acme", model: "lamp", id: "firmware_v2", place: 1 };

fn cik() -> Cik {
    Cik::parse(b"00112233445566778899aabbccddeeff00112233").unwrap()
}

fn bytes(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed).rotate_left(at as u32 / 256)).collect()
}

fn digest(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

/// One `name: value` line of a request.
fn header<'r>(request: &'r str, name: &str) -> Option<&'r str> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Contract, device.md "Download and list content", for one content.
fn serve(request: &[u8], content: &[u8]) -> Answer {
    let request = std::str::from_utf8(request).unwrap();
    assert!(request.starts_with("GET /provision/download?vendor=acme&model=lamp&id=firmware_v2 HTTP/1.1\r\n"));
    assert_eq!(header(request, "X-Exosite-CIK"), Some(cik().as_str()));
    let sum = base64(&digest(content));
    let etag = format!("\"{}\"", &sum[..20]);
    let mut fields = format!("Accept-Ranges: bytes\r\nETag: {etag}\r\n");
    if header(request, "Want-Repr-Digest") == Some("sha-256=1") {
        fields += &format!("Repr-Digest: sha-256=:{sum}:\r\n");
    }
    if header(request, "If-None-Match") == Some(&etag) {
        return http_with("304 Not Modified", &fields, b"");
    }
    let current = header(request, "If-Range").is_none_or(|mark| mark == etag);
    let Some(range) = header(request, "Range").filter(|_| current) else {
        return http_with("200 OK", &fields, content);
    };
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    assert!(first <= last);
    if first >= content.len() {
        return http_with("416 Range Not Satisfiable", &format!("Content-Range: bytes */{}\r\n", content.len()), b"");
    }
    let last = last.min(content.len() - 1);
    fields += &format!("Content-Range: bytes {first}-{last}/{}\r\n", content.len());
    http_with("206 Partial Content", &fields, &content[first..=last])
}

fn download(bench: &mut Bench<'_>, sizes: Sizes) -> Result<Option<Result<Image, Stop>>, Killed> {
    let mut buffer = [0; 700];
    let fetch = RangeFetch::new("cikada.example").unwrap();
    let mut machine = Download::new(TARGET, cik(), fetch, sizes, PACE, None, &mut buffer);
    bench.run(&mut machine, Event::Begin)
}

#[test]
fn an_image_arrives_in_pieces_and_is_verified() {
    for length in [0, 1, 15, 16, 17, 63, 64, 99, 100, 101, 1000, 1024] {
        let content = bytes(length, 1);
        let mut bench = Bench::new(|request| serve(request, &content));
        let image = download(&mut bench, SIZES).unwrap().unwrap().unwrap();
        assert_eq!(image, Image { length: length as u64, digest: digest(&content) });
        assert!(bench.image == content, "{length}");
        assert!(bench.waits.is_empty());
        assert_eq!(bench.sent.len(), if length == 0 { 2 } else { length.div_ceil(100) });
        // All but the first ask for the version that the first began with.
        let marked = |request: &Vec<u8>| header(std::str::from_utf8(request).unwrap(), "If-Range").is_some();
        assert!(length == 0 || bench.sent[1..].iter().all(marked));
    }
}

#[test]
fn sizes_of_every_kind_give_the_same_image() {
    let content = bytes(1500, 2);
    for piece in [1, 7, 64, 1499, 1500, u32::MAX] {
        for block in [1, 3, 16, 256] {
            for (checkpoint, receive) in [(0, 1), (64, 50), (1000, 700), (u32::MAX, 16)] {
                let mut bench = Bench::new(|request| serve(request, &content));
                bench.piece = receive;
                let sizes = Sizes { capacity: 1500, piece, block, checkpoint };
                assert!(download(&mut bench, sizes).unwrap().unwrap().is_ok(), "{sizes:?}");
                assert!(bench.image == content, "{sizes:?}");
            }
        }
    }
}

#[test]
fn each_answer_has_its_own_consequence() {
    let stops = [
        ("400 Bad Request", Stop::Malformed),
        ("401 Unauthorized", Stop::Unauthorized),
        ("403 Forbidden", Stop::Forbidden),
        ("404 Not Found", Stop::Absent),
    ];
    for (status, stop) in stops {
        let mut bench = Bench::new(|_| http(status, "no"));
        assert_eq!(download(&mut bench, SIZES).unwrap().unwrap(), Err(stop), "{status}");
        assert_eq!(bench.sent.len(), 1);
    }
    let content = bytes(300, 3);
    let waits: [(Answer, Because); 8] = [
        (http_with("429 Too Many Requests", "Retry-After: 7\r\n", b""), Because::Throttled),
        (http("503 Service Unavailable", ""), Because::Throttled),
        (http("500 Internal Server Error", ""), Because::ServerFault),
        (http("302 Found", ""), Because::Unexpected),
        (Answer::Bytes(b"nonsense\r\n".to_vec()), Because::Unexpected),
        (http_with("206 Partial Content", "", b"no range"), Because::Unexpected),
        (Answer::Silence, Because::NoAnswer),
        (Answer::Refused, Because::NoAnswer),
    ];
    for (answer, because) in waits {
        let mut answer = Some(answer);
        let mut bench = Bench::new(|request| answer.take().unwrap_or_else(|| serve(request, &content)));
        assert!(download(&mut bench, SIZES).unwrap().unwrap().is_ok());
        assert_eq!(bench.waits[0].0, because);
        assert!(because != Because::Throttled || bench.sent.len() > 1);
        assert!(bench.image == content);
    }
}

#[test]
fn what_is_too_large_or_promises_no_digest_is_not_written() {
    let content = bytes(300, 3);
    let mut bench = Bench::new(|request| serve(request, &content));
    let sizes = Sizes { capacity: 299, ..SIZES };
    assert_eq!(download(&mut bench, sizes).unwrap().unwrap(), Err(Stop::TooLarge));
    assert!(bench.image.is_empty());
    let fields = "ETag: \"x\"\r\n";
    let mut bench = Bench::new(|_| http_with("200 OK", fields, &content));
    assert_eq!(download(&mut bench, SIZES).unwrap().unwrap(), Err(Stop::NoDigest));
    assert!(bench.image.is_empty());
}

#[test]
fn an_image_with_a_wrong_digest_is_never_handed_over() {
    let content = bytes(300, 3);
    let mut bench = Bench::new(|request| match serve(request, &content) {
        Answer::Bytes(mut answer) => {
            // One bit, in the last byte of every piece.
            *answer.last_mut().unwrap() ^= 1;
            Answer::Bytes(answer)
        }
        other => other,
    });
    assert_eq!(download(&mut bench, SIZES).unwrap().unwrap(), Err(Stop::WrongDigest));
    assert_eq!(bench.waits.iter().filter(|wait| wait.0 == Because::WrongDigest).count(), 2);
}

#[test]
fn a_digest_from_elsewhere_is_what_counts() {
    let content = bytes(300, 3);
    for (promised, good) in [(digest(&content), true), ([0; 32], false)] {
        let mut bench = Bench::new(|request| serve(request, &content));
        let mut buffer = [0; 700];
        let fetch = RangeFetch::new("h").unwrap();
        let mut machine = Download::new(TARGET, cik(), fetch, SIZES, PACE, Some(promised), &mut buffer);
        assert_eq!(bench.run(&mut machine, Event::Begin).unwrap().unwrap().is_ok(), good);
    }
}

#[test]
fn a_link_that_is_cut_at_any_byte_goes_on_where_it_was() {
    let content = bytes(700, 4);
    let sizes = Sizes { piece: 400, ..SIZES };
    for cut_at in 0..800 {
        let first = Cell::new(true);
        let mut bench = Bench::new(|request| match serve(request, &content) {
            Answer::Bytes(mut answer) if first.replace(false) && cut_at < answer.len() => {
                answer.truncate(cut_at);
                Answer::Cut(answer)
            }
            answer => answer,
        });
        assert!(download(&mut bench, sizes).unwrap().unwrap().is_ok(), "cut at {cut_at}");
        assert!(bench.image == content, "cut at {cut_at}");
        // Nothing that arrived is asked for again: the heads apart, it is the content once.
        assert!(bench.received_bytes < 700 + 4 * 330, "{} at {cut_at}", bench.received_bytes);
    }
}

#[test]
fn a_kept_connection_that_ended_meanwhile_is_no_failure() {
    let content = bytes(300, 5);
    let requests = Cell::new(0);
    let mut bench = Bench::new(|request| {
        requests.set(requests.get() + 1);
        if requests.get() == 2 { Answer::Cut(Vec::new()) } else { serve(request, &content) }
    });
    assert!(download(&mut bench, SIZES).unwrap().unwrap().is_ok());
    assert!(bench.waits.is_empty());
    assert!(bench.image == content);
}

#[test]
fn killed_at_any_point_it_ends_with_the_image_and_loses_little() {
    let content = bytes(420, 6);
    let points = {
        let mut bench = Bench::new(|request| serve(request, &content));
        download(&mut bench, SIZES).unwrap();
        bench.points
    };
    assert!(points > 2_000, "{points}");
    for kill_at in 0..points {
        let mut bench = Bench::new(|request| serve(request, &content));
        bench.kill_at = Some(kill_at);
        assert_eq!(download(&mut bench, SIZES), Err(Killed));
        let (requests, image) = (bench.sent.len(), bench.image.clone());
        bench.reboot();
        let outcome = download(&mut bench, SIZES).unwrap().unwrap();
        assert_eq!(outcome.unwrap().digest, digest(&content), "killed at {kill_at}");
        assert!(bench.image == content, "killed at {kill_at}");
        // It resumed where the last checkpoint was, not at the beginning.
        let written = image.len() / 64 * 64;
        let resumed = String::from_utf8_lossy(&bench.sent[requests]).into_owned();
        if let Some(range) = header(&resumed, "Range") {
            let first: usize = range["bytes=".len()..range.find('-').unwrap()].parse().unwrap();
            assert!(first + 2 * 64 > written, "killed at {kill_at}: {range} after {written}");
        }
    }
}

#[test]
fn killed_twice_at_any_points_while_the_content_is_replaced_it_ends_with_the_new_one() {
    let (old, new) = (bytes(300, 7), bytes(260, 8));
    let content = RefCell::new(&old);
    for first_kill in (0..1_500).step_by(3) {
        content.replace(&old);
        let mut bench = Bench::new(|request| serve(request, *content.borrow()));
        bench.kill_at = Some(first_kill);
        if download(&mut bench, SIZES).is_ok() {
            break;
        }
        let points = bench.points;
        bench.reboot();
        content.replace(&new);
        bench.kill_at = Some(points + (first_kill * 7) % 900);
        if download(&mut bench, SIZES).is_err() {
            bench.reboot();
            assert_eq!(download(&mut bench, SIZES).unwrap().unwrap().unwrap().digest, digest(&new));
        }
        assert!(bench.image[..260] == new, "killed at {first_kill}");
    }
}

#[test]
fn a_content_replaced_between_any_two_pieces_is_never_mixed() {
    let (old, new) = (bytes(500, 9), bytes(480, 10));
    for replaced_at in 0..6 {
        let requests = Cell::new(0);
        let mut bench = Bench::new(|request| {
            requests.set(requests.get() + 1);
            serve(request, if requests.get() <= replaced_at { &old } else { &new })
        });
        let image = download(&mut bench, SIZES).unwrap().unwrap().unwrap();
        let expected = if replaced_at >= 5 { &old } else { &new };
        assert_eq!(image.digest, digest(expected));
        assert!(bench.image[..expected.len()] == expected[..]);
    }
}

#[test]
fn a_complete_download_is_handed_over_again_only_if_it_is_still_current() {
    let (old, new) = (bytes(300, 11), bytes(310, 12));
    let content = RefCell::new(&old);
    let mut bench = Bench::new(|request| serve(request, *content.borrow()));
    assert!(download(&mut bench, SIZES).unwrap().unwrap().is_ok());
    bench.reboot();
    let (requests, received) = (bench.sent.len(), bench.received_bytes);
    assert_eq!(download(&mut bench, SIZES).unwrap().unwrap().unwrap().digest, digest(&old));
    assert_eq!(bench.sent.len(), requests + 1);
    assert!(bench.received_bytes - received < 300);
    // A byte of the flash has turned meanwhile: not handed over as it is.
    bench.image[7] ^= 1;
    bench.reboot();
    assert!(download(&mut bench, SIZES).unwrap().unwrap().is_ok());
    assert!(bench.image == old);
    content.replace(&new);
    bench.reboot();
    assert_eq!(download(&mut bench, SIZES).unwrap().unwrap().unwrap().digest, digest(&new));
    assert!(bench.image == new);
}

#[test]
fn progress_towards_another_place_or_content_does_not_count() {
    let content = bytes(300, 13);
    let mut bench = Bench::new(|request| serve(request, &content));
    assert!(download(&mut bench, SIZES).unwrap().unwrap().is_ok());
    bench.image.clear();
    let mut buffer = [0; 700];
    let (fetch, target) = (RangeFetch::new("h").unwrap(), Target { place: 0, ..TARGET });
    let mut machine = Download::new(target, cik(), fetch, SIZES, PACE, None, &mut buffer);
    assert!(bench.run(&mut machine, Event::Begin).unwrap().unwrap().is_ok());
    assert!(bench.image == content);
}

#[test]
fn memory_that_fails_at_any_access_costs_time_and_nothing_else() {
    let content = bytes(300, 14);
    for fail_in in 0..40 {
        let mut bench = Bench::new(|request| serve(request, &content));
        bench.fail_memory_in = Some(fail_in);
        assert!(download(&mut bench, SIZES).unwrap().unwrap().is_ok(), "access {fail_in}");
        assert!(bench.image == content, "access {fail_in}");
        bench.reboot();
        bench.fail_memory_in = Some(fail_in);
        assert!(download(&mut bench, SIZES).unwrap().unwrap().is_ok(), "access {fail_in} of the second");
        assert!(bench.image == content);
    }
}

#[test]
fn memory_that_always_fails_stops_the_download() {
    let content = bytes(300, 14);
    let mut bench = Bench::new(|request| serve(request, &content));
    let mut buffer = [0; 700];
    let fetch = RangeFetch::new("h").unwrap();
    let mut machine = Download::new(TARGET, cik(), fetch, SIZES, PACE, None, &mut buffer);
    let mut event = Event::Begin;
    for _ in 0..200 {
        let mut env = bench.env();
        env.now_ms = bench.now_ms;
        event = match cikada_device::Machine::next(&mut machine, event, &env) {
            cikada_device::Action::Wait { for_ms, .. } => {
                bench.now_ms += u64::from(for_ms);
                Event::Woken
            }
            cikada_device::Action::Done(outcome) => return assert_eq!(outcome, Err(Stop::Memory)),
            _ => Event::Failed,
        };
    }
    panic!("it never stopped");
}

#[test]
fn a_server_that_knows_no_ranges_or_no_versions_is_good_enough() {
    let content = bytes(300, 15);
    let sum = base64(&digest(&content));
    for etag in ["ETag: \"x\"\r\n", "ETag: W/\"x\"\r\n", ""] {
        let fields = format!("{etag}Repr-Digest: sha-256=:{sum}:\r\n");
        let cuts = Cell::new(0);
        let mut bench = Bench::new(|_| match http_with("200 OK", &fields, &content) {
            Answer::Bytes(mut answer) if cuts.get() < 3 => {
                cuts.set(cuts.get() + 1);
                answer.truncate(200 + 50 * cuts.get());
                Answer::Cut(answer)
            }
            answer => answer,
        });
        assert!(download(&mut bench, SIZES).unwrap().unwrap().is_ok(), "{etag}");
        assert!(bench.image == content);
    }
}

#[test]
fn a_server_with_ranges_but_without_versions_is_asked_for_the_whole() {
    let content = bytes(300, 15);
    let mut bench = Bench::new(|request| match serve(request, &content) {
        Answer::Bytes(answer) => {
            let at = answer.windows(6).position(|part| part == b"ETag: ").unwrap();
            let mut answer = answer;
            answer[at..at + 4].copy_from_slice(b"Mark");
            Answer::Bytes(answer)
        }
        other => other,
    });
    assert!(download(&mut bench, SIZES).unwrap().unwrap().is_ok());
    assert_eq!(bench.sent.len(), 2);
    assert!(bench.image == content);
}

#[test]
fn a_server_that_leaves_a_gap_is_not_believed() {
    let content = bytes(300, 15);
    let requests = Cell::new(0);
    let mut bench = Bench::new(|request| {
        requests.set(requests.get() + 1);
        let text = String::from_utf8_lossy(request).replace("bytes=100-", "bytes=116-");
        if requests.get() == 2 { serve(text.as_bytes(), &content) } else { serve(request, &content) }
    });
    assert!(download(&mut bench, SIZES).unwrap().unwrap().is_ok());
    assert_eq!(bench.waits[0].0, Because::Unexpected);
    assert!(bench.image == content);
}

#[test]
fn the_record_of_the_key_is_left_alone() {
    let content = bytes(300, 16);
    let mut bench = Bench::new(|request| serve(request, &content));
    bench.slots.insert((Record::Key, 0), b"key".to_vec());
    download(&mut bench, SIZES).unwrap();
    assert_eq!(bench.slots[&(Record::Key, 0)], b"key");
}

proptest::proptest! {
    /// Cuts, kills, failures and replacements at random: what is handed over is always one of the contents, whole.
    #[test]
    fn whatever_happens_only_a_whole_content_is_handed_over(
        kills in proptest::collection::vec(0usize..3_000, 0..6),
        cuts in proptest::collection::vec(0usize..500, 0..6),
        replaced_at in 0usize..12,
        piece in 1u32..300, block in 1u16..40, checkpoint in 1u32..200, receive in 1usize..60,
    ) {
        let (old, new) = (bytes(333, 17), bytes(321, 18));
        let (cuts, requests) = (RefCell::new(cuts), Cell::new(0));
        let mut bench = Bench::new(|request| {
            requests.set(requests.get() + 1);
            let content = if requests.get() <= replaced_at { &old } else { &new };
            match (serve(request, content), cuts.borrow_mut().pop()) {
                (Answer::Bytes(mut answer), Some(cut)) if cut < answer.len() => {
                    answer.truncate(cut);
                    Answer::Cut(answer)
                }
                (answer, _) => answer,
            }
        });
        bench.piece = receive;
        let sizes = Sizes { capacity: 400, piece, block, checkpoint };
        let mut kills = kills.into_iter();
        let image = loop {
            bench.kill_at = kills.next().map(|kill| bench.points + kill);
            match download(&mut bench, sizes) {
                Ok(outcome) => break outcome.unwrap().unwrap(),
                Err(Killed) => bench.reboot(),
            }
        };
        let content = if image.digest == digest(&old) { &old } else { &new };
        assert_eq!(image, Image { length: content.len() as u64, digest: digest(content) });
        assert!(bench.image[..content.len()] == content[..]);
    }
}
