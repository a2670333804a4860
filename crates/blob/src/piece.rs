//! The memory of pieces on their way to clients: reused, counted, bounded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::PIECE_BYTES;
use crate::sums::CHUNK_BYTES;

/// Whole pieces kept for reuse: fresh ones would cost a page fault for each of their pages.
const SPARE_PIECES: usize = 16;

pub(crate) struct PieceMemory {
    bound: usize,
    taken: AtomicUsize,
    spare: Mutex<Vec<Box<[u8]>>>,
}

/// Some bytes of a blob; its memory goes back when the last reference to them is gone.
pub(crate) struct Piece {
    memory: Arc<PieceMemory>,
    buffer: Box<[u8]>,
    used: usize,
}

impl PieceMemory {
    pub(crate) fn new(bound: usize) -> Arc<PieceMemory> {
        Arc::new(PieceMemory { bound, taken: AtomicUsize::new(0), spare: Mutex::default() })
    }

    /// Whether a download may take big pieces and read ahead.
    pub(crate) fn has_room(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < self.bound / 2
    }

    /// Bytes that are taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Room for `used` bytes, at most [`PIECE_BYTES`].
    pub(crate) fn take(self: &Arc<Self>, used: usize) -> Piece {
        let buffer = if used <= CHUNK_BYTES { vec![0; used].into() } else { self.whole_piece() };
        self.taken.fetch_add(buffer.len(), Ordering::Relaxed);
        Piece { memory: self.clone(), buffer, used }
    }

    fn whole_piece(&self) -> Box<[u8]> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| vec![0; PIECE_BYTES].into())
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.used]
    }
}

impl AsMut<[u8]> for Piece {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.used]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.memory.taken.fetch_sub(self.buffer.len(), Ordering::Relaxed);
        if self.buffer.len() == PIECE_BYTES {
            let mut spare = self.memory.spare.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < SPARE_PIECES {
                spare.push(std::mem::take(&mut self.buffer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_counted_reused_and_given_back() {
        let memory = PieceMemory::new(4 * PIECE_BYTES);
        let first = memory.take(PIECE_BYTES);
        assert!(memory.has_room());
        let second = memory.take(CHUNK_BYTES + 1);
        assert!(!memory.has_room(), "half of it is taken");
        assert_eq!(second.as_ref().len(), CHUNK_BYTES + 1);
        drop((first, second));
        assert!(memory.has_room());
        assert_eq!(memory.spare.lock().unwrap().len(), 2);
        assert_eq!(memory.take(5).as_ref(), [0; 5]);
        assert_eq!(memory.taken.load(Ordering::Relaxed), 0);
    }
}
