//! Records that survive a power cut in the middle of a write.
//!
//! A record lives in two slots that are written in turn. Each copy carries a number that grows and a checksum; the valid
//! copy with the higher number counts. A write that is cut short spoils only the slot that did not count anyway, so a
//! record changes as a whole or not at all, and the memory below needs no atomic write. The two slots must not share an
//! erase sector.
//!
//! Layout: `C` `K`, kind, version, number (4, little-endian), length (2), payload, CRC-32 of all before (4).

use crate::buffer::Writer;
use crate::dialogue::Record;

const HEAD: usize = 10;
const TAIL: usize = 4;
const VERSION: u8 = 1;

/// How many bytes a copy with this much payload takes.
pub(crate) const fn size(payload: usize) -> usize {
    HEAD + payload + TAIL
}

/// Where the next copy of a record goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    number: u32,
    slot: u8,
    found: bool,
}

impl Cursor {
    /// Looks at what was loaded from a slot; gives the payload if it is the best copy so far.
    pub(crate) fn offer<'b>(&mut self, record: Record, slot: u8, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let (number, payload) = decode(record, bytes)?;
        // The numbers may wrap: what counts is which one is ahead.
        if self.found && (number.wrapping_sub(self.number) as i32) <= 0 {
            return None;
        }
        *self = Cursor { number, slot, found: true };
        Some(payload)
    }

    /// The slot that the next copy is written to.
    pub(crate) fn next_slot(&self) -> u8 {
        if self.found { 1 - (self.slot & 1) } else { 0 }
    }

    /// Writes the next copy into the buffer; its length, if it fits.
    pub(crate) fn encode(&self, record: Record, payload: &[u8], buffer: &mut [u8]) -> Option<usize> {
        let length = u16::try_from(payload.len()).ok()?;
        let number = if self.found { self.number.wrapping_add(1) } else { 1 };
        let mut writer = Writer::new(buffer);
        writer.bytes(&[b'C', b'K', record as u8, VERSION]);
        writer.bytes(&number.to_le_bytes()).bytes(&length.to_le_bytes()).bytes(payload);
        let sum = crc32(writer.written());
        writer.bytes(&sum.to_le_bytes()).finish()
    }

    /// The copy has been stored: the one after it goes to the other slot.
    pub(crate) fn advance(&mut self) {
        *self = Cursor {
            number: if self.found { self.number.wrapping_add(1) } else { 1 },
            slot: self.next_slot(),
            found: true,
        };
    }
}

/// A copy may be followed by anything: a flash page is loaded whole.
fn decode(record: Record, bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let [b'C', b'K', kind, VERSION, n0, n1, n2, n3, l0, l1] = *head else { return None };
    if kind != record as u8 {
        return None;
    }
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let payload = rest.get(..length)?;
    let sum = rest.get(length..)?.first_chunk::<TAIL>()?;
    let expected = crc32(bytes.get(..HEAD + length)?);
    (u32::from_le_bytes(*sum) == expected).then_some((u32::from_le_bytes([n0, n1, n2, n3]), payload))
}

/// CRC-32 (IEEE 802.3), bit by bit: a table would cost more flash than the records themselves.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for &byte in bytes {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(slots: &[Vec<u8>; 2]) -> (Cursor, Option<Vec<u8>>) {
        let mut cursor = Cursor::default();
        let mut best = None;
        for (slot, bytes) in slots.iter().enumerate() {
            if let Some(payload) = cursor.offer(Record::Key, slot as u8, bytes) {
                best = Some(payload.to_vec());
            }
        }
        (cursor, best)
    }

    fn write(slots: &mut [Vec<u8>; 2], payload: &[u8], cut_at: Option<usize>) {
        let (cursor, _) = find(slots);
        let mut buffer = [0; 64];
        let length = cursor.encode(Record::Key, payload, &mut buffer).unwrap();
        let slot = &mut slots[usize::from(cursor.next_slot())];
        // Erased first, then programmed byte by byte: the order of a flash page.
        *slot = vec![0xFF; 64];
        let written = cut_at.unwrap_or(length).min(length);
        slot[..written].copy_from_slice(&buffer[..written]);
    }

    #[test]
    fn the_checksum_is_the_well_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_write_cut_at_any_byte_leaves_the_old_record_or_the_new_one() {
        for earlier in 0..5u8 {
            for cut_at in 0..=size(8) {
                let mut slots = [Vec::new(), Vec::new()];
                for n in 0..earlier {
                    write(&mut slots, &[n; 8], None);
                }
                let old = find(&slots).1;
                write(&mut slots, b"new copy", Some(cut_at));
                let now = find(&slots).1;
                match cut_at == size(8) {
                    true => assert_eq!(now.as_deref(), Some(&b"new copy"[..])),
                    false => assert_eq!(now, old, "after {earlier} writes, cut at {cut_at}"),
                }
            }
        }
    }

    #[test]
    fn the_numbers_may_wrap_around() {
        let mut slots = [Vec::new(), Vec::new()];
        let cursor = Cursor { number: u32::MAX - 1, slot: 1, found: true };
        let mut buffer = [0; 64];
        let length = cursor.encode(Record::Key, b"last", &mut buffer).unwrap();
        slots[0] = buffer[..length].to_vec();
        write(&mut slots, b"first again", None);
        assert_eq!(find(&slots).1.unwrap(), b"first again");
        write(&mut slots, b"second", None);
        assert_eq!(find(&slots).1.unwrap(), b"second");
    }

    #[test]
    fn a_record_of_another_kind_or_with_one_bit_flipped_does_not_count() {
        let mut buffer = [0; 64];
        let length = Cursor::default().encode(Record::Key, b"payload", &mut buffer).unwrap();
        assert!(decode(Record::Progress, &buffer[..length]).is_none());
        for bit in 0..length * 8 {
            let mut flipped = buffer;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(Record::Key, &flipped[..length]).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn advancing_the_cursor_agrees_with_loading_again() {
        let mut slots = [Vec::new(), Vec::new()];
        let mut cursor = Cursor::default();
        for n in 0..5 {
            write(&mut slots, &[n], None);
            cursor.advance();
            assert_eq!(find(&slots).0, cursor);
        }
    }
}
