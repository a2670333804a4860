//! The value of `Block1` and `Block2` (RFC 7959, section 2.2): which block of how large ones, and whether more follow.

/// One block of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its place, from 0; below 2^20.
    pub number: u32,
    /// Whether more blocks follow.
    pub more: bool,
    exponent: u8,
}

impl Block {
    /// The smallest block.
    pub const MIN_BYTES: usize = 16;
    /// The largest block.
    pub const MAX_BYTES: usize = 1024;
    /// The first one in the largest size: what is sent to who asks for none.
    pub const FIRST: Block = Block { number: 0, more: false, exponent: 6 };
    const NUMBERS: u32 = 1 << 20;

    /// The block of this place, if there can be one; `bytes` is 16, 32, … 1024.
    pub fn new(number: u32, more: bool, bytes: usize) -> Option<Block> {
        let exponent = (0..=6).find(|exponent| Block::MIN_BYTES << exponent == bytes)?;
        (number < Block::NUMBERS).then_some(Block { number, more, exponent })
    }

    /// Reads the option's number; the reserved size is malformed, and a request with it is answered with 4.00.
    pub fn from_uint(value: u32) -> Option<Block> {
        let exponent = (value & 7) as u8;
        (exponent < 7 && value >> 4 < Block::NUMBERS).then_some(Block {
            number: value >> 4,
            more: value & 8 != 0,
            exponent,
        })
    }

    /// The option's number.
    pub fn to_uint(self) -> u32 {
        self.number << 4 | u32::from(self.more) << 3 | u32::from(self.exponent)
    }

    /// The size of a block; only the last one of a body may be shorter.
    pub fn bytes(self) -> usize {
        Block::MIN_BYTES << self.exponent
    }

    /// Where it begins in the body.
    pub fn offset(self) -> u64 {
        u64::from(self.number) * self.bytes() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_place_a_size_and_whether_more_follow() {
        for (uint, number, more, bytes) in [
            (0, 0, false, 16),
            (0x08, 0, true, 16),
            (0x16, 1, false, 1024),
            (0x3e, 3, true, 1024),
            (0xff_fff6, 0xf_ffff, false, 1024),
        ] {
            let block = Block::from_uint(uint).unwrap();
            assert_eq!((block.number, block.more, block.bytes()), (number, more, bytes));
            assert_eq!(block.to_uint(), uint);
            assert_eq!(Block::new(number, more, bytes), Some(block));
            assert_eq!(block.offset(), u64::from(number) * bytes as u64);
        }
        assert_eq!(Block::new(0, false, Block::MAX_BYTES), Some(Block::FIRST));
    }

    #[test]
    fn the_reserved_size_and_a_place_too_far_are_no_blocks() {
        for uint in [7, 0x0f, 0x1f, 0x0100_0000] {
            assert_eq!(Block::from_uint(uint), None, "{uint:x}");
        }
        for (number, bytes) in [(0, 0), (0, 8), (0, 17), (0, 2048), (1 << 20, 16)] {
            assert_eq!(Block::new(number, false, bytes), None);
        }
    }
}
