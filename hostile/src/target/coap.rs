//! CoAP messages, options and blocks; what the device library reads is what the server reads.

use wire::coap::{Block, Code, Draft, Kind, Message, Reaction, Request, Response};

use crate::seen::{magnitude, seen};

/// A datagram.
pub fn message(bytes: &[u8]) -> u64 {
    let message = match Message::decode(bytes) {
        Ok(message) => message,
        Err(rejected) => {
            match rejected.reaction {
                Reaction::Silence => {}
                Reaction::Reset(id) => assert_eq!(Some(&id.to_be_bytes()[..]), bytes.get(2..4), "another message's id"),
                Reaction::Answer(code) => panic!("{code} to what is no message"),
            }
            return seen((format!("{:?}", rejected.flaw), rejected.reaction == Reaction::Silence));
        }
    };
    let options: Vec<(u16, &[u8])> = message.options().collect();
    assert!(options.is_sorted_by_key(|(number, _)| *number));
    let mut draft = Draft::new(message.kind, message.code, message.id, message.token).with_payload(message.payload);
    options.iter().for_each(|(number, value)| draft.add_bytes(*number, value));
    let mut written = Vec::new();
    draft.encode(&mut written).expect("what was read can be written");
    assert!(written.len() <= bytes.len(), "the shortest form");
    assert_eq!(Message::decode(&written).map(|again| parts(&again)), Ok(parts(&message)), "another message comes back");
    if let Some((number, value)) = options.first() {
        assert_eq!(message.values(*number).next(), Some(*value));
    }
    let numbers: Vec<u16> = options.iter().map(|(number, _)| *number).take(3).collect();
    seen((message.kind, message.code.class(), magnitude(options.len()), numbers.len(), message.payload.is_empty()))
}

type Parts<'a> = (Kind, Code, u16, Vec<u8>, Vec<(u16, &'a [u8])>, &'a [u8]);

fn parts<'a>(message: &Message<'a>) -> Parts<'a> {
    let token = message.token.as_bytes().to_vec();
    (message.kind, message.code, message.id, token, message.options().collect(), message.payload)
}

/// The options of a request.
pub fn request(bytes: &[u8]) -> u64 {
    let Ok(message) = Message::decode(bytes) else { return 0 };
    if !message.code.is_request() {
        return 1;
    }
    let request = match Request::read(&message) {
        Ok(request) => request,
        Err(refusal) => {
            assert_eq!(refusal.code().class() & 4, 4, "a refusal is an error");
            let reaction = refusal.reaction(message.kind);
            assert!(!matches!(reaction, Reaction::Reset(_)));
            return seen((refusal.code(), reaction == Reaction::Silence));
        }
    };
    for block in [request.block1, request.block2].into_iter().flatten() {
        assert!((16..=1024).contains(&block.bytes()) && block.number < 1 << 20);
    }
    let held: usize = request.path().chain(request.query()).chain(request.etags()).map(<[u8]>::len).sum();
    assert!(held <= bytes.len());
    assert!(request.path().chain(request.query()).all(|part| part.len() <= 255));
    assert!(request.etags().all(|etag| (1..=8).contains(&etag.len())));
    assert!(request.echo.is_none_or(|echo| (1..=40).contains(&echo.len())));
    assert!(request.observe.is_none_or(|observe| observe < 2));
    let has = (request.observe, request.accept.is_some(), request.block1.is_some(), request.block2.is_some());
    seen((has, request.echo.is_some(), magnitude(request.path().count()), magnitude(request.query().count())))
}

/// The options of a response.
pub fn response(bytes: &[u8]) -> u64 {
    let Ok(message) = Message::decode(bytes) else { return 0 };
    match Response::read(&message) {
        Ok(response) => {
            assert!(response.observe.is_none_or(|number| number < 1 << 24));
            assert!(response.etag.is_none_or(|etag| (1..=8).contains(&etag.len())));
            let has = (response.etag.is_some(), response.observe.is_some(), response.block2.is_some());
            seen((message.kind, has, response.max_age_s.is_some(), response.echo.is_some()))
        }
        Err(Reaction::Reset(id)) => {
            assert_eq!((id, message.kind), (message.id, Kind::Confirmable));
            2
        }
        Err(_) => 3,
    }
}

/// Block options.
pub fn block(bytes: &[u8]) -> u64 {
    let mut ways = Vec::new();
    for four in bytes.chunks_exact(4) {
        let value = u32::from_be_bytes(four.try_into().expect("four bytes"));
        let Some(block) = Block::from_uint(value) else {
            assert!(value & 7 == 7 || value >> 24 != 0, "{value} is a block");
            ways.push(0);
            continue;
        };
        assert_eq!(block.to_uint(), value);
        assert_eq!(Block::new(block.number, block.more, block.bytes()), Some(block));
        assert_eq!(block.offset(), u64::from(block.number) * block.bytes() as u64);
        assert!(block.bytes().is_power_of_two() && (16..=1024).contains(&block.bytes()));
        ways.push(block.bytes() | usize::from(block.more));
    }
    seen(ways)
}

/// The device library reads every message that the server's codec reads, and the same in it.
pub fn device(bytes: &[u8]) -> u64 {
    use device::coap::message::Message as Read;
    let Ok(message) = Message::decode(bytes) else {
        // It may be more lenient, not less sound.
        return u64::from(Read::decode(bytes).is_some());
    };
    let read = Read::decode(bytes).expect("the device reads it too");
    assert_eq!((read.id, read.token, read.payload), (message.id, message.token.as_bytes(), message.payload));
    assert_eq!(read.code, message.code.class() << 5 | message.code.detail());
    let mut count = 0;
    for (number, _) in message.options() {
        assert_eq!(read.option(number), message.values(number).next(), "option {number}");
        count += 1;
    }
    seen((magnitude(count), message.kind, read.number(14).is_some()))
}
