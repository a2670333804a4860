//! As much of WebSocket's framing as a client needs here (RFC 6455, section 5).

pub const TEXT: u8 = 1;
pub const PING: u8 = 9;
const PONG: u8 = 10;

/// A text as a client sends it: masked, with a mask that changes nothing.
pub fn text(text: &str) -> Vec<u8> {
    let mut frame = vec![0x80 | TEXT];
    match text.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// "I am here."
pub fn pong() -> [u8; 6] {
    [0x80 | PONG, 0x80, 0, 0, 0, 0]
}

/// The kind, the payload and the length of the first frame; None where it is not whole.
pub fn read(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (first, short) = (*bytes.first()?, *bytes.get(1)?);
    let (from, length): (usize, usize) = match short {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        length => (2, usize::from(length)),
    };
    Some((first & 15, bytes.get(from..from.checked_add(length)?)?, from + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_read_when_they_are_whole() {
        for length in [0, 5, 125, 126, 65_535] {
            let payload = vec![b'x'; length];
            let head = match length {
                0..=125 => vec![0x81, length as u8],
                _ => [&[0x81, 126][..], &(length as u16).to_be_bytes()].concat(),
            };
            let bytes = [head, payload.clone()].concat();
            assert_eq!(read(&bytes), Some((TEXT, &payload[..], bytes.len())));
            assert_eq!(read(&bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(text(&"x".repeat(200)).len(), 208);
    }
}
