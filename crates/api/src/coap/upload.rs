//! The body of a request, put together from its blocks (RFC 7959, section 2; contract, coap.md).

use std::time::Instant;

use wire::coap::Block;

use super::bodies::{Bodies, BodyKey};

/// A body, as far as it has come.
pub(super) struct Upload {
    bytes: Vec<u8>,
    /// Stands for the options that all its requests share.
    variant: u64,
}

/// One block of a request.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    /// Whose body it belongs to.
    pub(super) key: BodyKey,
    /// Stands for the options that all requests of a body share.
    pub(super) variant: u64,
    /// Which block it is.
    pub(super) block: Block,
    /// How large `Size1` says that the body is.
    pub(super) announced_bytes: Option<u32>,
    /// Its bytes.
    pub(super) payload: &'a [u8],
}

/// What a block leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More are to come.
    Continue,
    /// It was the last one: this is the body.
    Whole(Vec<u8>),
    /// A block before it is missing: the peer has to begin again.
    Incomplete,
    /// The body is larger than it may be, or will be.
    TooLarge,
    /// The payload has not the size that the block says.
    Malformed,
    /// There is no room for it now.
    NoRoom,
}

impl Bodies<Upload> {
    /// Takes a block. A first one begins the body anew.
    pub(super) fn receive(&mut self, now: Instant, piece: Piece<'_>, limit_bytes: usize) -> Step {
        let Piece { key, block, payload, .. } = piece;
        if payload.len() > block.bytes() || block.more && payload.len() != block.bytes() {
            return Step::Malformed;
        }
        let bytes = (block.offset() + payload.len() as u64).max(piece.announced_bytes.map_or(0, u64::from));
        if bytes > limit_bytes as u64 {
            self.remove(key);
            return Step::TooLarge;
        }
        if block.number == 0 && !self.put(now, key, Upload { bytes: Vec::new(), variant: piece.variant }, 0) {
            return Step::NoRoom;
        }
        match self.find(now, key).map(|upload| upload.place_of(&piece)) {
            Some(Place::Next) if self.enlarge(key, payload.len()) => {
                self.find(now, key).into_iter().for_each(|upload| upload.bytes.extend_from_slice(payload));
            }
            Some(Place::Next) => return Step::NoRoom,
            Some(Place::Known) => {}
            Some(Place::Elsewhere) | None => {
                self.remove(key);
                return Step::Incomplete;
            }
        }
        match block.more {
            true => Step::Continue,
            false => self.remove(key).map_or(Step::Incomplete, |upload| Step::Whole(upload.bytes)),
        }
    }
}

enum Place {
    Next,
    /// It was taken already, under another message id: the peer did not hear of it.
    Known,
    Elsewhere,
}

impl Upload {
    fn place_of(&self, piece: &Piece<'_>) -> Place {
        let offset = piece.block.offset();
        let taken = self.bytes.len() as u64;
        if self.variant != piece.variant {
            Place::Elsewhere
        } else if taken == offset {
            Place::Next
        } else if taken == offset + piece.payload.len() as u64 && self.bytes.ends_with(piece.payload) {
            Place::Known
        } else {
            Place::Elsewhere
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::coap::bodies::Room;
    use crate::coap::peer::Peer;

    const LIMIT: usize = 100;

    fn piece(block: Block, payload: &[u8]) -> Piece<'_> {
        let key = (Peer::new(([192, 0, 2, 1], 5).into(), None), 1);
        Piece { key, variant: 1, block, announced_bytes: None, payload }
    }

    fn block(number: u32, more: bool) -> Block {
        Block::new(number, more, 16).unwrap()
    }

    #[test]
    fn a_body_comes_together_in_order() {
        let (room, now) = (Room::new(10_000), Instant::now());
        let mut bodies = Bodies::new(&room);
        assert_eq!(bodies.receive(now, piece(block(0, true), &[1; 16]), LIMIT), Step::Continue);
        assert_eq!(bodies.receive(now, piece(block(1, true), &[2; 16]), LIMIT), Step::Continue);
        assert_eq!(bodies.receive(now, piece(block(1, true), &[2; 16]), LIMIT), Step::Continue, "once more");
        // The peer may go on in other sizes, as long as nothing is left out.
        let last = Block::new(1, false, 32).unwrap();
        let whole = [[1; 16], [2; 16], [3; 16]].concat();
        assert_eq!(bodies.receive(now, piece(last, &[3; 16]), LIMIT), Step::Whole(whole));
        assert_eq!(room.taken(), 0);
    }

    #[test]
    fn a_single_block_is_a_whole_body() {
        let mut bodies = Bodies::new(&Room::new(10_000));
        assert_eq!(bodies.receive(Instant::now(), piece(block(0, false), b"x"), LIMIT), Step::Whole(b"x".to_vec()));
        assert_eq!(bodies.receive(Instant::now(), piece(block(0, false), b""), LIMIT), Step::Whole(vec![]));
    }

    #[test]
    fn what_does_not_follow_ends_the_body() {
        let now = Instant::now();
        let other = |variant, number, payload| Piece { variant, ..piece(block(number, true), payload) };
        for (why, next, after) in [
            ("one is missing", other(1, 2, &[2; 16]), 0),
            ("it is another body's", other(2, 1, &[2; 16]), 0),
            ("it came too late", other(1, 1, &[2; 16]), 60),
        ] {
            let room = Room::new(10_000);
            let mut bodies = Bodies::new(&room);
            assert_eq!(bodies.receive(now, other(1, 0, &[1; 16]), LIMIT), Step::Continue);
            assert_eq!(bodies.receive(now + Duration::from_secs(after), next, LIMIT), Step::Incomplete, "{why}");
            assert_eq!(room.taken(), 0, "{why}");
        }
        let mut bodies = Bodies::new(&Room::new(10_000));
        assert_eq!(bodies.receive(now, other(1, 1, &[2; 16]), LIMIT), Step::Incomplete, "nothing began");
    }

    #[test]
    fn a_body_is_refused_as_soon_as_it_is_known_to_be_too_large() {
        let now = Instant::now();
        let mut bodies = Bodies::new(&Room::new(10_000));
        let announced = |bytes| Piece { announced_bytes: Some(bytes), ..piece(block(0, true), &[1; 16]) };
        assert_eq!(bodies.receive(now, announced(101), LIMIT), Step::TooLarge);
        assert_eq!(bodies.receive(now, announced(100), LIMIT), Step::Continue);
        for number in 1..6 {
            assert_eq!(bodies.receive(now, piece(block(number, true), &[1; 16]), LIMIT), Step::Continue);
        }
        assert_eq!(bodies.receive(now, piece(block(6, false), &[1; 5]), LIMIT), Step::TooLarge);
        assert_eq!(bodies.receive(now, piece(block(0xf_ffff, false), &[1; 5]), LIMIT), Step::TooLarge);
    }

    #[test]
    fn a_block_has_its_size() {
        let mut bodies = Bodies::new(&Room::new(10_000));
        for (block, payload) in
            [(block(0, true), &[1; 15][..]), (block(0, true), &[1; 17]), (block(0, false), &[1; 17])]
        {
            assert_eq!(bodies.receive(Instant::now(), piece(block, payload), LIMIT), Step::Malformed);
        }
    }

    #[test]
    fn there_is_only_so_much_room() {
        let now = Instant::now();
        let mut bodies = Bodies::new(&Room::new(330));
        assert_eq!(bodies.receive(now, piece(block(0, true), &[1; 16]), LIMIT), Step::NoRoom);
        let mut bodies = Bodies::new(&Room::new(300));
        assert_eq!(bodies.receive(now, piece(block(0, true), &[1; 16]), LIMIT), Step::NoRoom);
    }
}
