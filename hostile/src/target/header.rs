//! The values of headers, and the framing of requests.

use wire::http::byte_range::{self, Wanted};
use wire::http::framing::{Guard, HeadLimits, Place, Refused};
use wire::http::media_type::MediaType;
use wire::http::{conditional, digest as digests, time as times};

use crate::seen::{magnitude, seen, variant};

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// `Content-Type`.
pub fn media_type(bytes: &[u8]) -> u64 {
    let Some(value) = text(bytes) else { return 0 };
    let Ok(media_type) = MediaType::parse(value) else { return 1 };
    let kept = media_type.as_str();
    assert!(kept.len() <= 128 && kept.bytes().all(|c| c == b' ' || c.is_ascii_graphic()), "{kept:?}");
    assert_eq!(MediaType::parse(kept), Ok(media_type), "another type comes back");
    let essence = kept.split([';', ' ']).next().unwrap_or_default();
    assert!(media_type.is(essence) && media_type.is(&essence.to_ascii_uppercase()));
    seen((magnitude(kept.len()), kept.contains(';'), kept.contains('"'), kept.contains('\\')))
}

/// `Range`: the first eight bytes are the length of the content.
pub fn byte_range(bytes: &[u8]) -> u64 {
    let Some((length, value)) = bytes.split_first_chunk::<8>() else { return 0 };
    let (length, Some(value)) = (u64::from_be_bytes(*length), text(value)) else { return 1 };
    let wanted = byte_range::wanted(value, length);
    match wanted {
        Wanted::Whole => assert_eq!(wanted.content_range(length), None),
        Wanted::Part { first, last } => {
            assert!(first <= last && last < length, "{first} to {last} of {length}");
            let again = byte_range::wanted(&format!("bytes={first}-{last}"), length);
            assert_eq!(again, wanted, "the same part, spelled out");
        }
        Wanted::Unsatisfiable => assert_eq!(wanted.content_range(length), Some(format!("bytes */{length}"))),
    }
    seen((variant(&wanted), length == 0, value.contains(',')))
}

/// `If-None-Match` and `If-Range`.
pub fn conditional(bytes: &[u8]) -> u64 {
    let Some(value) = text(bytes) else { return 0 };
    let tag = "\"e\"";
    let (named, holds) = (conditional::none_match_names(value, tag), conditional::if_range_holds(value, tag, None));
    let holds_by_date = conditional::if_range_holds(value, tag, Some(784_111_777));
    assert!(!named || value.contains(tag) || value.contains('*'), "a tag is named that is not there");
    assert!(!holds || value.contains(tag) && !value.contains("W/"), "a part of another content");
    assert!(!holds || named, "what holds is named");
    assert!(!holds || holds_by_date);
    assert!(conditional::none_match_names(&format!("{tag}, {value}"), tag), "the first of a list counts");
    seen((named, holds, holds_by_date, value.contains("W/"), magnitude(value.len())))
}

/// `Content-Digest` and `Want-Repr-Digest`.
pub fn digest(bytes: &[u8]) -> u64 {
    let Some(value) = text(bytes) else { return 0 };
    let wants = digests::wants_sha_256(value);
    let found = digests::sha_256(value);
    if let Ok(Some(sha_256)) = found {
        let written = digests::encode(&sha_256);
        assert_eq!(digests::sha_256(&written), Ok(Some(sha_256)), "another digest comes back");
    }
    seen((wants, found.map(|found| found.is_some()).ok(), magnitude(value.split(',').count())))
}

/// `If-Modified-Since`.
pub fn time(bytes: &[u8]) -> u64 {
    let Some(value) = text(bytes) else { return 0 };
    let Some(at) = times::parse_since(value) else { return 1 };
    let written = times::http_date(at);
    let nearest = at.clamp(0, 253_402_300_799);
    assert_eq!(times::parse_http_date(&written), Some(nearest), "{written}");
    assert_eq!(times::parse_since(&nearest.to_string()), Some(nearest));
    seen((at < 0, at > nearest, value.contains("GMT"), value.contains('-')))
}

/// A connection's bytes: the first one says in what pieces they come as well.
pub fn framing(bytes: &[u8]) -> u64 {
    let Some((piece, stream)) = bytes.split_first() else { return 0 };
    let limits = HeadLimits { bytes: 1024, fields: 20 };
    let (whole, whole_ended) = follow(limits, stream, stream.len());
    let (_, ended) = follow(limits, stream, usize::from(*piece % 32) + 1);
    // What is refused is refused however it comes; how many heads were whole before that is told by the whole.
    assert_eq!(whole_ended.0, ended.0, "the pieces decide");
    if whole_ended.0.is_none() {
        assert_eq!(whole_ended, ended, "the pieces decide");
    }
    seen((whole_ended.0, format!("{:?}", whole_ended.2), whole.min(4)))
}

type Ended = (Option<wire::http::framing::Violation>, usize, Place);

fn follow(limits: HeadLimits, stream: &[u8], piece: usize) -> (usize, Ended) {
    let mut guard = Guard::new(limits);
    let (mut heads, mut refused) = (0, None);
    for part in stream.chunks(piece.max(1)) {
        let accepted = guard.accept(part);
        while let Some(head) = guard.take_head() {
            assert!(head.version_at < stream.len() as u64);
            heads += 1;
        }
        // An empty line or two before the head are let through.
        assert!(guard.unfinished_head_bytes() <= limits.bytes + 4, "{} bytes wait", guard.unfinished_head_bytes());
        if let Err(Refused { violation, whole, .. }) = accepted {
            assert!(whole <= part.len());
            assert!(guard.accept(b"GET / HTTP/1.1\r\n\r\n").is_err(), "after a refusal everything is refused");
            refused = Some(violation);
            break;
        }
    }
    (heads, (refused, heads, guard.place()))
}
