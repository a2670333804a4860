//! From an answer to a datagram: which block of the body goes out, and nothing larger than it may be (RFC 7959, section 2;
//! RFC 9175, section 2.4; threat T22).

use bytes::Bytes;
use model::Result;
use sha2::{Digest as _, Sha256};
use wire::coap::{Block, Code, Draft, Kind, Token, number};

use super::answer::{Answer, Body};
use super::echo::ECHO_BYTES;

/// The largest datagram that is sent: what RFC 7252 (section 4.6) expects every network to carry.
pub(super) const DATAGRAM_BYTES: usize = 1152;

/// What the message is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope {
    pub(super) kind: Kind,
    pub(super) id: u16,
    pub(super) token: Token,
}

/// What the exchange adds to an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Extras {
    /// The block that was asked for.
    pub(super) block2: Option<Block>,
    /// The block of the request that this answers.
    pub(super) block1: Option<Block>,
    /// How large a body may be, where one was too large.
    pub(super) size1: Option<u32>,
    /// Whether the size of the body is asked for.
    pub(super) asks_size: bool,
    /// The entity tags that the peer has.
    pub(super) etags: Vec<Bytes>,
    /// The number of a notification.
    pub(super) observe: Option<u32>,
    /// What the peer has to send back.
    pub(super) echo: Option<[u8; ECHO_BYTES]>,
}

impl Extras {
    /// Whether the peer will have to ask for more of that body.
    pub(super) fn leave_a_rest_of(&self, answer: &Answer) -> bool {
        let wanted = self.block2.map_or(Block::MAX_BYTES, Block::bytes);
        self.block2.is_none_or(|block| block.number == 0) && answer.body.total_bytes > wanted as u64
    }
}

/// As much of an answer as an observer is told of it: its first block, and the tag of the whole.
pub(super) fn first_block(answer: &Answer) -> Answer {
    let is_long = answer.body.total_bytes > Block::MAX_BYTES as u64;
    let etag = answer.etag.or_else(|| is_long.then(|| tag(answer)).flatten());
    let bytes = answer.body.bytes.slice(..answer.body.bytes.len().min(Block::MAX_BYTES));
    // A copy: a slice would keep the whole alive.
    let body = Body { bytes: Bytes::copy_from_slice(&bytes), ..answer.body };
    Answer { body, etag, ..answer.clone() }
}

/// How many bytes an answer may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// When it is what was asked for.
    pub(super) content: usize,
    /// When it is an error.
    pub(super) refusal: usize,
}

impl Room {
    /// As much as a datagram takes.
    pub(super) const AMPLE: Room = Room { content: DATAGRAM_BYTES, refusal: DATAGRAM_BYTES };
}

/// Writes the answer in the room that it has. What does not fit of a body goes out in smaller blocks; what does not fit of
/// an error is left out.
pub(super) fn encode(envelope: Envelope, answer: &Answer, extras: &Extras, room: Room) -> Result<Vec<u8>> {
    match answer.code.class() {
        2 => encode_content(envelope, answer, extras, room),
        _ => encode_refusal(envelope, answer, extras, room.refusal),
    }
}

fn encode_content(envelope: Envelope, answer: &Answer, extras: &Extras, room: Room) -> Result<Vec<u8>> {
    let (place, total) = (extras.block2.map_or(0, Block::offset), answer.body.total_bytes);
    let wanted = extras.block2.map_or(Block::MAX_BYTES, Block::bytes);
    let etag = match answer.etag {
        None if total > wanted as u64 || !extras.etags.is_empty() => tag(answer),
        given => given,
    };
    if let Some(etag) = etag.filter(|etag| place == 0 && extras.etags.iter().any(|known| known == &etag[..])) {
        let valid = Answer { code: Code::VALID, format: None, ..answer.clone() };
        return written(&draft(envelope, &valid, extras, Some(&etag)));
    }
    if extras.block2.is_none() && total <= Block::MAX_BYTES as u64 || total == 0 && place == 0 {
        let plain = draft(envelope, answer, extras, etag.as_ref()).with_payload(&answer.body.bytes);
        let datagram = written(&plain)?;
        if datagram.len() <= room.content {
            return Ok(datagram);
        }
    }
    let etag = etag.or_else(|| tag(answer));
    let mut blank = draft(envelope, answer, extras, etag.as_ref());
    if place == 0 || extras.asks_size {
        u32::try_from(total).into_iter().for_each(|size| blank.add_uint(number::SIZE2, size));
    }
    let sizes = (0..=6).rev().map(|exponent| Block::MIN_BYTES << exponent).filter(|size| *size <= wanted);
    for size in sizes {
        let Some((block, payload)) = block_at(&answer.body, place, size) else { break };
        let mut sized = blank.clone().with_payload(payload);
        sized.add_block(number::BLOCK2, block);
        let datagram = written(&sized)?;
        if datagram.len() <= room.content {
            return Ok(datagram);
        }
    }
    encode_refusal(envelope, &Answer::refusal(Code::BAD_REQUEST, "there is no such block"), extras, room.refusal)
}

/// The block of that size which begins at `place`; none where the body has ended, or where blocks of that size do not
/// reach.
fn block_at(body: &Body, place: u64, size: usize) -> Option<(Block, &[u8])> {
    let here = body.bytes.get(usize::try_from(place.checked_sub(body.offset)?).ok()?..)?;
    let payload = &here[..here.len().min(size)];
    let end = place + payload.len() as u64;
    let block = Block::new(u32::try_from(place / size as u64).ok()?, end < body.total_bytes, size)?;
    (!payload.is_empty()).then_some((block, payload))
}

fn draft<'a>(envelope: Envelope, answer: &'a Answer, extras: &Extras, etag: Option<&'a [u8; 8]>) -> Draft<'a> {
    let mut draft = Draft::new(envelope.kind, answer.code, envelope.id, envelope.token);
    etag.into_iter().for_each(|etag| draft.add_bytes(number::ETAG, etag));
    extras.observe.into_iter().for_each(|observe| draft.add_uint(number::OBSERVE, observe));
    answer.format.into_iter().for_each(|format| draft.add_uint(number::CONTENT_FORMAT, u32::from(format)));
    answer.max_age_s.into_iter().for_each(|max_age| draft.add_uint(number::MAX_AGE, max_age));
    extras.block1.into_iter().for_each(|block| draft.add_block(number::BLOCK1, block));
    draft
}

/// Leaves out first the text, then everything that is not the code.
fn encode_refusal(envelope: Envelope, answer: &Answer, extras: &Extras, room: usize) -> Result<Vec<u8>> {
    let mut full = Draft::new(envelope.kind, answer.code, envelope.id, envelope.token);
    answer.max_age_s.into_iter().for_each(|max_age| full.add_uint(number::MAX_AGE, max_age));
    extras.block1.into_iter().for_each(|block| full.add_block(number::BLOCK1, block));
    extras.size1.into_iter().for_each(|size| full.add_uint(number::SIZE1, size));
    extras.echo.iter().for_each(|echo| full.add_bytes(number::ECHO, echo));
    let with_text = full.clone().with_payload(&answer.body.bytes);
    for draft in [&with_text, &full] {
        let datagram = written(draft)?;
        if datagram.len() <= room {
            return Ok(datagram);
        }
    }
    written(&Draft::new(envelope.kind, answer.code, envelope.id, envelope.token))
}

/// The tag of a body that is all here.
fn tag(answer: &Answer) -> Option<[u8; 8]> {
    let hash = answer.body.is_whole().then(|| Sha256::digest(&answer.body.bytes))?;
    hash.first_chunk().copied()
}

fn written(draft: &Draft<'_>) -> Result<Vec<u8>> {
    let mut datagram = Vec::with_capacity(64 + draft.payload.len());
    draft.encode(&mut datagram)?;
    Ok(datagram)
}

#[cfg(test)]
mod tests {
    use wire::coap::{Message, Response, content_format};

    use super::*;

    const AMPLE: usize = 4096;

    fn envelope() -> Envelope {
        Envelope { kind: Kind::Acknowledgement, id: 7, token: Token::new(b"tk").unwrap() }
    }

    fn encoded(answer: &Answer, extras: &Extras, room: usize) -> Vec<u8> {
        encode(envelope(), answer, extras, Room { content: room, refusal: room }).unwrap()
    }

    fn read(datagram: &[u8]) -> Response<'_> {
        Response::read(&Message::decode(datagram).unwrap()).unwrap()
    }

    fn wanting(number: u32, size: usize) -> Extras {
        Extras { block2: Block::new(number, false, size), ..Extras::default() }
    }

    fn long(bytes: usize) -> Answer {
        Answer::text((0..bytes).map(|n| n as u8).collect::<Vec<u8>>())
    }

    #[test]
    fn a_short_body_goes_out_plain() {
        let datagram = encoded(&Answer::text("1700000000").max_age(0), &Extras::default(), 21);
        assert_eq!(datagram, b"\x62\x45\0\x07tk\xc0\x20\xff1700000000");
    }

    #[test]
    fn a_long_body_goes_out_block_by_block_and_comes_together_again() {
        for (bytes, size) in
            [(1025, None), (5000, Some(1024)), (5000, Some(64)), (64, Some(16)), (65, Some(16)), (20, Some(1024))]
        {
            let answer = long(bytes);
            let (mut body, mut number, mut tags) = (Vec::new(), 0, Vec::new());
            loop {
                let extras = match size {
                    None if number == 0 => Extras::default(),
                    _ => wanting(number, size.unwrap_or(1024)),
                };
                let datagram = encoded(&answer, &extras, AMPLE);
                let response = read(&datagram);
                let block = response.block2.unwrap();
                assert_eq!((response.message.code, block.number), (Code::CONTENT, number));
                assert_eq!(response.size2, (number == 0).then_some(bytes as u32));
                body.extend_from_slice(response.message.payload);
                tags.push(response.etag.map(<[u8]>::to_vec));
                number += 1;
                if !block.more {
                    break;
                }
            }
            assert_eq!(body, answer.body.bytes);
            assert!(tags.windows(2).all(|pair| pair[0].is_some() && pair[0] == pair[1]), "{tags:?}");
        }
    }

    #[test]
    fn a_part_of_a_body_is_enough_for_its_block() {
        let body = Body { bytes: Bytes::from_static(&[9; 64]), offset: 128, total_bytes: 1 << 20 };
        let answer = Answer { body, etag: Some([5; 8]), ..Answer::empty(Code::CONTENT) };
        let datagram = encoded(&answer, &Extras { asks_size: true, ..wanting(2, 64) }, AMPLE);
        let response = read(&datagram);
        assert_eq!((response.block2, response.size2), (Block::new(2, true, 64), Some(1 << 20)));
        assert_eq!((response.message.payload, response.etag), (&[9; 64][..], Some(&[5; 8][..])));
    }

    #[test]
    fn who_asks_beyond_the_end_is_refused() {
        for (bytes, number, size) in [(64, 4, 16), (64, 1, 64), (1000, 0xf_ffff, 1024), (0, 1, 16)] {
            let datagram = encoded(&long(bytes), &wanting(number, size), AMPLE);
            assert_eq!(read(&datagram).message.code, Code::BAD_REQUEST);
        }
        let datagram = encoded(&long(0), &wanting(0, 16), AMPLE);
        assert_eq!((read(&datagram).message.code, read(&datagram).message.payload), (Code::CONTENT, &b""[..]));
    }

    #[test]
    fn a_block_that_is_not_there_gets_the_room_of_an_error() {
        let room = Room { content: 60, refusal: 20 };
        let datagram = encode(envelope(), &long(10), &wanting(1, 16), room).unwrap();
        assert!(datagram.len() <= 20 && read(&datagram).message.code == Code::BAD_REQUEST);
    }

    #[test]
    fn the_body_of_a_known_tag_is_not_sent_again() {
        let answer = long(2000);
        let datagram = encoded(&answer, &Extras::default(), AMPLE);
        let etags = vec![Bytes::from_static(b"other"), Bytes::copy_from_slice(read(&datagram).etag.unwrap())];
        let valid = encoded(&answer, &Extras { etags: etags.clone(), ..Extras::default() }, AMPLE);
        assert_eq!((read(&valid).message.code, read(&valid).etag), (Code::VALID, Some(&etags[1][..])));
        assert!(read(&valid).message.payload.is_empty());
        let second = encoded(&answer, &Extras { etags, ..wanting(1, 1024) }, AMPLE);
        assert_eq!(read(&second).message.code, Code::CONTENT, "the rest of a body that is being fetched");
    }

    #[test]
    fn an_answer_never_takes_more_room_than_it_has() {
        let links = Answer::content(content_format::LINK_FORMAT, vec![b'x'; 700]);
        for room in [44, 63, 100, 200, 800] {
            let datagram = encoded(&links, &wanting(0, 1024), room);
            let response = read(&datagram);
            assert!(datagram.len() <= room && response.message.code == Code::CONTENT);
            // It is as much as the room allows: a block of twice the size would not fit.
            let size = response.block2.unwrap().bytes();
            assert!(datagram.len() + size > room || size == 1024, "{room}");
        }
        for room in 6..60 {
            for answer in [
                Answer::refusal(Code::TOO_MANY_REQUESTS, "a rather long explanation").max_age(60),
                Answer::refusal(Code::NOT_FOUND, "no such thing"),
                links.clone(),
            ] {
                let extras = Extras { echo: Some([1; ECHO_BYTES]), size1: Some(1 << 20), ..Extras::default() };
                assert!(encoded(&answer, &extras, room).len() <= room, "{room}");
            }
        }
    }
}
