use proptest::prelude::*;

use super::*;
use crate::coap::{Draft, number};

#[test]
fn a_message_is_read_in_place() {
    // A confirmable GET /ts?a with a token, as an example of every part.
    let datagram = b"\x42\x01\x12\x34\xaa\xbb\xb2ts\x41a\xffpay";
    let message = Message::decode(datagram).unwrap();
    assert_eq!((message.kind, message.code, message.id), (Kind::Confirmable, Code::GET, 0x1234));
    assert_eq!(message.token.as_bytes(), b"\xaa\xbb");
    let options: Vec<_> = message.options().collect();
    assert_eq!(options, [(number::URI_PATH, &b"ts"[..]), (number::URI_QUERY, b"a")]);
    assert_eq!(message.values(number::URI_QUERY).collect::<Vec<_>>(), [b"a"]);
    assert_eq!(message.payload, b"pay");
}

#[test]
fn deltas_and_lengths_reach_as_far_as_two_more_bytes() {
    for (bytes, number, length) in [
        (&b"\xc0"[..], 12, 0),
        (b"\xd0\x00", 13, 0),
        (b"\xd0\xff", 268, 0),
        (b"\xe0\x00\x00", 269, 0),
        (b"\xe0\xfe\xf2", 65_535, 0),
        (b"\x0c", 0, 12),
        (b"\x0d\x00", 0, 13),
        (b"\x0d\xff", 0, 268),
        (b"\x0e\x00\x00", 0, 269),
        (b"\xdd\x01\x02", 14, 15),
        (b"\xee\x00\x01\x00\x02", 270, 271),
    ] {
        let datagram = [b"\x50\x01\0\0", bytes, &vec![b'v'; length]].concat();
        let message = Message::decode(&datagram).unwrap();
        assert_eq!(message.options().collect::<Vec<_>>(), [(number, &vec![b'v'; length][..])]);
        assert!(message.payload.is_empty());
    }
}

#[test]
fn empty_messages_acknowledge_reset_and_ping() {
    for (datagram, kind) in
        [(b"\x40\0\0\x01", Kind::Confirmable), (b"\x60\0\0\x01", Kind::Acknowledgement), (b"\x70\0\0\x01", Kind::Reset)]
    {
        let message = Message::decode(datagram).unwrap();
        assert_eq!((message.kind, message.code, message.id), (kind, Code::EMPTY, 1));
    }
}

#[test]
fn what_has_no_header_of_ours_is_met_with_silence() {
    for (datagram, flaw) in [
        (&b""[..], Flaw::TooShort),
        (b"\x40\x01\0", Flaw::TooShort),
        (b"\x00\x01\0\0", Flaw::Version),
        (b"\x80\x01\0\0", Flaw::Version),
        (b"\xc0\x01\0\0", Flaw::Version),
    ] {
        assert_eq!(Message::decode(datagram), Err(Rejected { reaction: Reaction::Silence, flaw }), "{datagram:x?}");
    }
}

#[test]
fn a_malformed_confirmable_message_gets_a_reset_and_any_other_silence() {
    // The first byte's type is put in below.
    for (rest, flaw) in [
        (&b"\x09\x01\x12\x34123456789"[..], Flaw::TokenLength),
        (b"\x0f\x01\x12\x34123456789012345", Flaw::TokenLength),
        (b"\x02\x01\x12\x34a", Flaw::Truncated),
        (b"\x00\x20\x12\x34", Flaw::ReservedClass),
        (b"\x00\x3f\x12\x34", Flaw::ReservedClass),
        (b"\x00\x60\x12\x34", Flaw::ReservedClass),
        (b"\x00\xc0\x12\x34", Flaw::ReservedClass),
        (b"\x00\xe1\x12\x34", Flaw::ReservedClass),
        (b"\x00\x45\x12\x34\xff", Flaw::NoPayload),
        (b"\x00\x45\x12\x34\x00\xff", Flaw::NoPayload),
        (b"\x00\x45\x12\x34\xf0", Flaw::ReservedNibble),
        (b"\x00\x45\x12\x34\xf1a", Flaw::ReservedNibble),
        (b"\x00\x45\x12\x34\x0f", Flaw::ReservedNibble),
        (b"\x00\x45\x12\x34\xd0", Flaw::Truncated),
        (b"\x00\x45\x12\x34\xe0\x00", Flaw::Truncated),
        (b"\x00\x45\x12\x34\x0d", Flaw::Truncated),
        (b"\x00\x45\x12\x34\x0e\x00", Flaw::Truncated),
        (b"\x00\x45\x12\x34\x02a", Flaw::Truncated),
        (b"\x00\x45\x12\x34\xe0\xfe\xf3", Flaw::OptionNumber),
        (b"\x00\x45\x12\x34\xe0\xfe\xf2\x10", Flaw::OptionNumber),
    ] {
        for (kind, reaction) in [
            (Kind::Confirmable, Reaction::Reset(0x1234)),
            (Kind::NonConfirmable, Reaction::Silence),
            (Kind::Acknowledgement, Reaction::Silence),
        ] {
            let mut datagram = rest.to_vec();
            datagram[0] |= 0x40 | kind.bits() << 4;
            if kind == Kind::Acknowledgement && datagram[1] == 1 {
                datagram[1] = 0x45;
            }
            assert_eq!(Message::decode(&datagram), Err(Rejected { reaction, flaw }), "{kind:?} {datagram:x?}");
        }
    }
}

#[test]
fn a_code_that_its_type_does_not_have_is_rejected() {
    for (datagram, reaction, flaw) in [
        (&b"\x50\0\0\x01"[..], Reaction::Silence, Flaw::CodeOfOtherKind),
        (b"\x60\x01\0\x01", Reaction::Silence, Flaw::CodeOfOtherKind),
        (b"\x70\x01\0\x01", Reaction::Silence, Flaw::CodeOfOtherKind),
        (b"\x70\x45\0\x01", Reaction::Silence, Flaw::CodeOfOtherKind),
        (b"\x40\0\0\x01a", Reaction::Reset(1), Flaw::NotEmpty),
        (b"\x41\0\0\x01", Reaction::Reset(1), Flaw::NotEmpty),
        (b"\x41\0\0\x01a", Reaction::Reset(1), Flaw::NotEmpty),
        (b"\x4f\0\0\x01", Reaction::Reset(1), Flaw::NotEmpty),
        (b"\x60\0\0\x01\xff", Reaction::Silence, Flaw::NotEmpty),
        (b"\x70\0\0\x01a", Reaction::Silence, Flaw::NotEmpty),
    ] {
        assert_eq!(Message::decode(datagram), Err(Rejected { reaction, flaw }), "{datagram:x?}");
    }
}

fn again(message: &Message) -> Vec<u8> {
    let mut draft = Draft::new(message.kind, message.code, message.id, message.token);
    for (number, value) in message.options() {
        draft.add_bytes(number, value);
    }
    let mut datagram = Vec::new();
    draft.payload = message.payload;
    draft.encode(&mut datagram).unwrap();
    datagram
}

proptest! {
    #[test]
    fn whatever_is_accepted_is_written_again_as_the_same_bytes(
        header in prop_oneof![Just([0x40_u8, 1]), Just([0x51, 2]), Just([0x68, 0x45]), any::<[u8; 2]>()],
        rest in proptest::collection::vec(prop_oneof![0..8_u8, Just(0xff), Just(0xd1), any::<u8>()], 0..40),
    ) {
        let datagram = [&header[..], &rest].concat();
        if let Ok(message) = Message::decode(&datagram) {
            prop_assert_eq!(again(&message), datagram);
        }
    }

    #[test]
    fn no_bytes_make_decoding_panic(datagram: Vec<u8>) {
        if let Ok(message) = Message::decode(&datagram) {
            let _ = (crate::coap::Request::read(&message), crate::coap::Response::read(&message));
        }
    }

    #[test]
    fn only_a_confirmable_message_is_ever_answered_with_a_reset(datagram in proptest::collection::vec(any::<u8>(), 0..12)) {
        if let Err(Rejected { reaction: Reaction::Reset(id), .. }) = Message::decode(&datagram) {
            prop_assert_eq!(datagram[0] >> 4, 4);
            prop_assert_eq!(id.to_be_bytes(), [datagram[2], datagram[3]]);
        }
    }
}
