//! The values of the few header fields that a device reads.

use crate::buffer::parse_number;

/// `Retry-After` in seconds. A date needs a calendar that a device may not have: it counts as an hour, which is patient.
pub(crate) fn retry_after_s(value: &[u8]) -> u32 {
    const AN_HOUR: u32 = 3_600;
    parse_number(value).map_or(AN_HOUR, |seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// `Content-Range`: the first byte where there is one, and the length of the whole where it is known.
pub(crate) fn content_range(value: &[u8]) -> Option<(Option<u64>, Option<u64>)> {
    let [b'b', b'y', b't', b'e', b's', b' ', rest @ ..] = value else { return None };
    let slash = rest.iter().position(|&byte| byte == b'/')?;
    let (range, total) = rest.split_at_checked(slash)?;
    let total = match total.get(1..)? {
        b"*" => None,
        digits => Some(parse_number(digits)?),
    };
    if range == b"*" {
        return Some((None, total));
    }
    let dash = range.iter().position(|&byte| byte == b'-')?;
    let first = parse_number(range.get(..dash)?)?;
    let last = parse_number(range.get(dash + 1..)?)?;
    (first <= last && total.is_none_or(|total| last < total)).then_some((Some(first), total))
}

/// `Repr-Digest` (RFC 9530): the SHA-256 among what is there.
pub(crate) fn sha_256(value: &[u8]) -> Option<[u8; 32]> {
    value.split(|&byte| byte == b',').find_map(|item| match item.trim_ascii() {
        [b's', b'h', b'a', b'-', b'2', b'5', b'6', b'=', b':', text @ .., b'=', b':'] => decode_base64(text),
        _ => None,
    })
}

/// 43 characters (and one `=`, left out here) are what 32 bytes become.
fn decode_base64(digits: &[u8]) -> Option<[u8; 32]> {
    if digits.len() != 43 {
        return None;
    }
    let mut bytes = [0; 32];
    let (mut bits, mut held, mut places) = (0u32, 0, bytes.iter_mut());
    for &digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            *places.next()? = (bits >> held) as u8;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_or_refused() {
        assert_eq!(content_range(b"bytes 0-9/100"), Some((Some(0), Some(100))));
        assert_eq!(content_range(b"bytes 5-5/*"), Some((Some(5), None)));
        assert_eq!(content_range(b"bytes */100"), Some((None, Some(100))));
        for wrong in ["", "bytes", "items 0-1/2", "bytes 9-0/100", "bytes 0-100/100", "bytes 0-/1", "bytes a-b/c"] {
            assert_eq!(content_range(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn the_digest_is_found_among_others() {
        let empty = [
            0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
            0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
        ];
        let text = b"sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        assert_eq!(sha_256(text), Some(empty));
        assert_eq!(sha_256(&[b"sha-512=:AA==:, ", &text[..]].concat()), Some(empty));
        for wrong in ["", "sha-256=47DE", "sha-256=::", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF*=:"] {
            assert_eq!(sha_256(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
