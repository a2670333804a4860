use proptest::prelude::*;

use super::*;

const ACTIVATE: &str = "POST /provision/activate HTTP/1.1\r\nHost: m2.example\r\nContent-Length: 10\r\n\r\n0123456789";

/// Feeds the bytes at once, and then once more in pieces of every size up to 7; all have to end alike.
fn follow(bytes: &[u8]) -> (Vec<Head>, Place, Result<(), Violation>) {
    let in_pieces = |size: usize| {
        let mut guard = Guard::new(HeadLimits::default());
        let end = bytes.chunks(size).try_for_each(|piece| guard.accept(piece)).map_err(|refused| refused.violation);
        let heads = std::iter::from_fn(|| guard.take_head()).collect::<Vec<_>>();
        // Whether the head of a refused request could be taken before depends on the pieces.
        (if end.is_ok() { heads } else { Vec::new() }, guard.place(), end)
    };
    let at_once = in_pieces(bytes.len().max(1));
    for size in 1..7 {
        assert_eq!(in_pieces(size), at_once, "{:?} in pieces of {size}", String::from_utf8_lossy(bytes));
    }
    at_once
}

fn violation(request: &str) -> Option<Violation> {
    follow(request.as_bytes()).2.err()
}

fn with_field(field: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n")
}

fn chunked(body: &str) -> String {
    format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

#[test]
fn ordinary_requests_pass_one_after_another() {
    for (request, place) in [
        ("", Place::Between),
        ("GET / HTTP/1.1\r\n\r\n", Place::Between),
        ("GET / HTTP/1.0\r\n\r\n", Place::Between),
        ("GET /a?b=%20 HTTP/1.1\r\nHost:x\r\nX-Empty:\r\nX-Tab:\ta\tb \r\nX-Text: \u{e9}\r\n\r\n", Place::Between),
        ("GET http://a/ HTTP/1.1\r\n\r\n", Place::Between),
        ("OPTIONS * HTTP/1.1\r\n\r\n", Place::Between),
        ("GET /", Place::InHead),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r", Place::InHead),
        (ACTIVATE, Place::Between),
        (&ACTIVATE[..ACTIVATE.len() - 1], Place::InBody),
        (&ACTIVATE[..ACTIVATE.len() - 10], Place::InBody),
        (&format!("{ACTIVATE}{ACTIVATE}"), Place::Between),
        (&format!("{ACTIVATE}G"), Place::InHead),
        (&with_field("Content-Length: 0"), Place::Between),
        (&with_field("content-length:\t 000 \t"), Place::Between),
        (&with_field("Content-Length: 18446744073709551615"), Place::InBody),
    ] {
        let (_, ended_at, end) = follow(request.as_bytes());
        assert_eq!((ended_at, end), (place, Ok(())), "{request:?}");
    }
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    let request = format!("\r\n{ACTIVATE}\r\n{ACTIVATE}\r\n\r\nGET / HTTP/1.1\r\n\r\n\r\n");
    let (heads, place, end) = follow(request.as_bytes());
    assert_eq!((heads.len(), place, end), (3, Place::Between, Ok(())));
    assert_eq!(violation("\nGET / HTTP/1.1\r\n\r\n"), Some(Violation::BareLineFeed));
    assert_eq!(violation("\rGET / HTTP/1.1\r\n\r\n"), Some(Violation::RequestLine));
    assert_eq!(violation(" \r\nGET / HTTP/1.1\r\n\r\n"), Some(Violation::RequestLine));
    assert_eq!(violation(&"\r\n".repeat(8_193)), Some(Violation::HeadTooLarge), "but not for ever");
}

#[test]
fn a_chunked_body_is_followed_to_the_end_of_its_trailers() {
    for (body, place) in [
        ("0\r\n\r\n", Place::Between),
        ("5\r\nhello\r\n0\r\n\r\n", Place::Between),
        ("5\r\nhel\r\n\r\n0\r\n\r\n", Place::Between),
        ("00A;a=b;c=\"d e\"\r\n0123456789\r\n0;x\r\nX-Sum: 1\r\nY:2\r\n\r\n", Place::Between),
        ("f\r\n0123456789abcde\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", Place::Between),
        ("", Place::InBody),
        ("5", Place::InBody),
        ("5\r\nhello", Place::InBody),
        ("5\r\nhello\r\n", Place::InBody),
        ("0\r\n", Place::InBody),
        ("0\r\nX: 1\r\n", Place::InBody),
        ("ffffffffffffffff\r\nx", Place::InBody),
    ] {
        let (_, ended_at, end) = follow(chunked(body).as_bytes());
        assert_eq!((ended_at, end), (place, Ok(())), "{body:?}");
    }
}

#[test]
fn a_bad_chunk_or_trailer_is_refused() {
    use Violation::*;
    for (body, expected) in [
        ("\r\n", BadChunk),
        ("5\n", BareLineFeed),
        ("g\r\n", BadChunk),
        ("-1\r\n", BadChunk),
        ("+5\r\nhello\r\n", BadChunk),
        ("0x5\r\nhello\r\n", BadChunk),
        (" 5\r\nhello\r\n", BadChunk),
        ("5 \r\nhello\r\n", BadChunk),
        ("5 ;a\r\nhello\r\n", BadChunk),
        ("1_0\r\n", BadChunk),
        ("5,5\r\n", BadChunk),
        (";a\r\n", BadChunk),
        ("5;\0\r\n", BadChunk),
        ("5;\r\r\n", BadChunk),
        ("5\r\r\n", BadChunk),
        ("10000000000000000\r\n", BadChunk),
        ("5\nhello\r\n", BareLineFeed),
        ("5;a\nhello\r\n", BareLineFeed),
        ("5\r\nhello0\r\n", BadChunk),
        ("5\r\nhello\n0\r\n\r\n", BareLineFeed),
        ("5\r\nhello\r0\r\n\r\n", BadChunk),
        ("5\r\nhelloworld\r\n", BadChunk),
        ("0\r\nX: 1\n\r\n", BareLineFeed),
        ("0\r\nX : 1\r\n\r\n", FieldName),
        ("0\r\n X: 1\r\n\r\n", FoldedLine),
        ("0\r\nX\r\n\r\n", FieldName),
        ("0\r\nGET / HTTP/1.1\r\n\r\n", FieldName),
        ("0\r\nContent-Length: 5\r\n\r\n", BadTrailer),
        ("0\r\ntransfer-encoding: chunked\r\n\r\n", BadTrailer),
        ("0\r\nHost: x\r\n\r\n", BadTrailer),
    ] {
        assert_eq!(violation(&chunked(body)), Some(expected), "{body:?}");
    }
    let line = |extension: usize| chunked(&format!("5;{}\r\n", "x".repeat(extension)));
    assert_eq!(violation(&line(252)), None);
    assert_eq!(violation(&line(253)), Some(BadChunk));
}

#[test]
fn two_ways_to_read_a_length_are_refused() {
    use Violation::*;
    for (field, expected) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", BothLengths),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0", BothLengths),
        ("Content-Length: 5\r\nContent-Length: 5", DoubledLength),
        ("Content-Length: 5\r\ncontent-length: 6", DoubledLength),
        ("Content-Length: 5, 5", BadLength),
        ("Content-Length: +5", BadLength),
        ("Content-Length: -5", BadLength),
        ("Content-Length: 0x5", BadLength),
        ("Content-Length: 5 5", BadLength),
        ("Content-Length: 5.0", BadLength),
        ("Content-Length: 1_0", BadLength),
        ("Content-Length: \"5\"", BadLength),
        ("Content-Length: five", BadLength),
        ("Content-Length:", BadLength),
        ("Content-Length: ,", BadLength),
        ("Content-Length: \u{b2}", BadLength),
        ("Content-Length: 18446744073709551616", BadLength),
        ("Content-Length: 5\0", FieldValue),
        ("Content-Length: 5\u{b}", FieldValue),
        ("Content-Length : 5", FieldName),
        ("Content-Length\t: 5", FieldName),
        ("Content-Length\0: 5", FieldName),
        ("Content\r-Length: 5", BareReturn),
        ("Content Length: 5", FieldName),
        (" Content-Length: 5", FoldedLine),
        ("X: a\r\n Content-Length: 5", FoldedLine),
        ("X: a\r\n\tb", FoldedLine),
        ("X: a\r\n \r\nY: b", FoldedLine),
        ("Transfer-Encoding: identity", BadTransferCoding),
        ("Transfer-Encoding: gzip, chunked", BadTransferCoding),
        ("Transfer-Encoding: chunked, chunked", BadTransferCoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", BadTransferCoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", BadTransferCoding),
        ("Transfer-Encoding: xchunked", BadTransferCoding),
        ("Transfer-Encoding: chunked;q=1", BadTransferCoding),
        ("Transfer-Encoding: \"chunked\"", BadTransferCoding),
        ("Transfer-Encoding: ,chunked", BadTransferCoding),
        ("Transfer-Encoding:", BadTransferCoding),
        ("Transfer-Encoding:\u{b}chunked", FieldValue),
        ("Transfer-Encoding : chunked", FieldName),
        ("Transfer-Encoding\r\n : chunked", FieldName),
        ("Transfer-Encoding: chu\rnked", BareReturn),
        ("Transfer-Encoding:\r\n chunked", BadTransferCoding),
        ("Host: y", DoubledHost),
        ("host: x", DoubledHost),
        ("X: a\nContent-Length: 5", BareLineFeed),
        ("X: a\rContent-Length: 5", BareReturn),
        ("X: a\r\r", BareReturn),
        (": a", FieldName),
        ("X", FieldName),
        ("X\u{e9}: a", FieldName),
        ("X(: a", FieldName),
    ] {
        assert_eq!(violation(&with_field(field)), Some(expected), "{field:?}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(violation(old), Some(BadTransferCoding));
}

#[test]
fn a_request_line_is_three_words_and_a_version_that_we_speak() {
    use Violation::*;
    for (line, expected) in [
        ("GET", RequestLine),
        ("GET /", RequestLine),
        ("GET / HTTP/0.9", Version),
        ("GET / HTTP/1.2", Version),
        ("PRI * HTTP/2.0", Version),
        ("GET / http/1.1", Version),
        ("GET / HTTP/1.1x", Version),
        ("GET / HTTP/1.1 ", RequestLine),
        ("GET  / HTTP/1.1", RequestLine),
        ("GET /  HTTP/1.1", RequestLine),
        ("GET /a b HTTP/1.1", RequestLine),
        ("GET /\ta HTTP/1.1", RequestLine),
        ("GET /\t HTTP/1.1", RequestLine),
        ("GET\t/ HTTP/1.1", RequestLine),
        (" GET / HTTP/1.1", RequestLine),
        ("GET HTTP/1.1", RequestLine),
        ("G(T / HTTP/1.1", RequestLine),
        ("GET /\0 HTTP/1.1", RequestLine),
        ("GET /\u{7f} HTTP/1.1", RequestLine),
        ("GET /\r HTTP/1.1", BareReturn),
        ("GET / HTTP/1.1\n", BareLineFeed),
        ("\u{16}\u{3}\u{1}", RequestLine),
    ] {
        assert_eq!(violation(&format!("{line}\r\nHost: x\r\n\r\n")), Some(expected), "{line:?}");
    }
}

#[test]
fn a_head_has_so_many_bytes_and_fields_and_no_more() {
    let head = |bytes: usize| {
        let empty = with_field("X: ").len();
        with_field(&format!("X: {}", "x".repeat(bytes - empty)))
    };
    assert_eq!(head(16_384).len(), 16_384);
    assert_eq!(violation(&head(16_383)), None);
    assert_eq!(violation(&head(16_384)), None);
    assert_eq!(violation(&head(16_385)), Some(Violation::HeadTooLarge));
    assert_eq!(violation(&"x".repeat(16_383)), None);
    assert_eq!(violation(&"x".repeat(16_384)), Some(Violation::HeadTooLarge), "as soon as no end can fit");

    let fields = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(count));
    assert_eq!(violation(&fields(100)), None);
    assert_eq!(violation(&fields(101)), Some(Violation::TooManyFields));
    let trailers = |count: usize| chunked(&format!("0\r\n{}\r\n", "X: 1\r\n".repeat(count)));
    assert_eq!(violation(&trailers(100)), None);
    assert_eq!(violation(&trailers(101)), Some(Violation::TooManyFields));
    let trailer = chunked(&format!("0\r\nX: {}\r\n\r\n", "x".repeat(16_384)));
    assert_eq!(violation(&trailer), Some(Violation::HeadTooLarge));
}

#[test]
fn a_head_says_whether_the_connection_goes_on() {
    let plain = Head { version_at: "GET / HTTP/1.".len() as u64, ..Head::default() };
    for (version, fields, expected, persists) in [
        ("1.1", "", plain, true),
        ("1.1", "Connection: close\r\n", Head { close: true, ..plain }, false),
        ("1.1", "Connection: a , CLOSE\r\n", Head { close: true, ..plain }, false),
        ("1.1", "connection: Keep-Alive\r\n", Head { keep_alive: true, ..plain }, true),
        ("1.1", "Connection: disclose\r\n", plain, true),
        ("1.0", "", Head { is_http_1_0: true, ..plain }, false),
        ("1.0", "Connection: keep-alive\r\n", Head { is_http_1_0: true, keep_alive: true, ..plain }, true),
        (
            "1.0",
            "Connection: keep-alive\r\nConnection: close\r\n",
            Head { is_http_1_0: true, keep_alive: true, close: true, ..plain },
            false,
        ),
        (
            "1.1",
            "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n",
            Head { keep_alive: true, upgrade_to_websocket: true, ..plain },
            true,
        ),
        ("1.1", "Upgrade: websocket\r\n", plain, true),
        ("1.1", "Upgrade: h2c\r\nConnection: upgrade\r\n", plain, true),
    ] {
        let (heads, _, end) = follow(format!("GET / HTTP/{version}\r\n{fields}\r\n").as_bytes());
        assert_eq!((&heads[..], end), (&[expected][..], Ok(())), "{version} {fields:?}");
        assert_eq!(expected.persists(), persists, "{version} {fields:?}");
    }
}

#[test]
fn the_requests_before_a_refused_one_are_owed_their_answers() {
    let bad = "GET / HTTP/1.1\nHost: x\r\n\r\n";
    let mut guard = Guard::new(HeadLimits::default());
    let refused = guard.accept(format!("{ACTIVATE}{ACTIVATE}{bad}").as_bytes());
    let expected = Refused { violation: Violation::BareLineFeed, whole: 2 * ACTIVATE.len(), of_earlier_head: false };
    assert_eq!(refused, Err(expected));
    assert!(guard.take_head().is_some() && guard.take_head().is_some() && guard.take_head().is_none());
    let again = guard.accept(ACTIVATE.as_bytes());
    assert_eq!(again.unwrap_err().violation, Violation::BareLineFeed, "nothing is read after it");

    let mut guard = Guard::new(HeadLimits::default());
    let (first, second) = ACTIVATE.split_at(30);
    guard.accept(first.as_bytes()).unwrap();
    let refused = guard.accept(format!("{second}\r\n{bad}").as_bytes()).unwrap_err();
    assert_eq!(refused.whole, second.len() + 2);

    let mut guard = Guard::new(HeadLimits::default());
    guard.accept(chunked("5\r\nhel").as_bytes()).unwrap();
    let refused = guard.accept(b"lo00").unwrap_err();
    assert_eq!((refused.whole, refused.of_earlier_head), (0, true), "its own body is not owed anything");
    assert!(guard.take_head().is_some());

    let mut guard = Guard::new(HeadLimits::default());
    let refused = guard.accept(format!("{ACTIVATE}{}", chunked("5\r\nhello00")).as_bytes()).unwrap_err();
    assert_eq!((refused.whole, refused.of_earlier_head), (ACTIVATE.len(), false));
    assert!(guard.take_head().is_some() && guard.take_head().is_none(), "only the first goes on");
}

#[test]
fn a_head_can_be_kept_from_the_parser_until_it_is_whole() {
    let mut guard = Guard::new(HeadLimits::default());
    let (first, second) = ACTIVATE.split_at(40);
    for (bytes, unfinished) in [
        ("\r\n", 2),
        (first, 42),
        (second, 0),
        (&ACTIVATE[..ACTIVATE.len() - 1], 0),
        (&format!("9{first}"), 40),
        ("\r", 41),
    ] {
        let _ = guard.accept(bytes.as_bytes());
        assert_eq!(guard.unfinished_head_bytes(), unfinished, "{bytes:?}");
    }
}

#[test]
fn the_version_is_found_in_the_connection() {
    let requests = format!("\r\n{ACTIVATE}\r\n{}", ACTIVATE.replace("1.1", "1.0"));
    let (heads, _, end) = follow(requests.as_bytes());
    assert_eq!(end, Ok(()));
    let found: Vec<_> = heads.iter().map(|head| requests.as_bytes()[head.version_at as usize]).collect();
    assert_eq!((&found[..], heads[1].is_http_1_0), (&b"10"[..], true));
}

#[test]
fn an_upgraded_connection_is_not_looked_at_any_more() {
    let mut guard = Guard::new(HeadLimits::default());
    let request = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    guard.accept(request.as_bytes()).unwrap();
    assert!(guard.take_head().unwrap().upgrade_to_websocket);
    guard.pass_through();
    assert_eq!(guard.accept(b"\x81\x05\n\0\n\n\n"), Ok(()));
    assert_eq!(guard.place(), Place::PassedThrough);
}

proptest! {
    #[test]
    fn however_the_bytes_arrive_the_judgement_is_the_same(
        parts in proptest::collection::vec(prop_oneof![
            Just(ACTIVATE), Just("\r\n"), Just("GET / HTTP/1.1\r\n"), Just("Content-Length: 3\r\n"), Just("abc"),
            Just("Transfer-Encoding: chunked\r\n"), Just("3\r\nabc\r\n"), Just("0\r\n"), Just("\n"), Just("\r"),
            Just("X: y\r\n"), Just("Host: x\r\n"),
        ], 0..12),
        cuts in proptest::collection::vec(0..200_usize, 0..6),
    ) {
        let bytes = parts.concat().into_bytes();
        let judge = |cuts: &[usize]| {
            let mut guard = Guard::new(HeadLimits::default());
            let mut refused_at = None;
            let mut start = 0;
            for &cut in cuts {
                if let Err(refused) = guard.accept(&bytes[start..cut]) {
                    refused_at = Some(refused.violation);
                    break;
                }
                start = cut;
            }
            (refused_at, guard.heads.len(), guard.place())
        };
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([bytes.len()]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(judge(&cuts), judge(&[bytes.len()]));
    }

    #[test]
    fn every_well_formed_sequence_of_requests_passes(
        requests in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40), 1..20_usize, any::<bool>()), 0..6),
    ) {
        let mut bytes = Vec::new();
        for (chunked, body, chunk, stray) in &requests {
            if *chunked {
                bytes.extend_from_slice(b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
                for piece in body.chunks(*chunk) {
                    bytes.extend_from_slice(format!("{:X}\r\n", piece.len()).as_bytes());
                    bytes.extend_from_slice(piece);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            } else {
                bytes.extend_from_slice(format!("PUT /x HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
                bytes.extend_from_slice(body);
            }
            if *stray {
                bytes.extend_from_slice(b"\r\n");
            }
        }
        let (heads, place, end) = follow(&bytes);
        prop_assert_eq!((heads.len(), place, end), (requests.len(), Place::Between, Ok(())));
    }

    #[test]
    fn no_bytes_make_the_guard_panic(reads in proptest::collection::vec(any::<Vec<u8>>(), 0..6)) {
        let mut guard = Guard::new(HeadLimits { bytes: 64, fields: 2 });
        for read in reads {
            let _ = guard.accept(&read);
        }
    }
}
