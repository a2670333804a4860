//! The bounds of unfinished uploads: how many, and how many bytes together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use model::{Error, Result};

use crate::Bounds;

/// What all unfinished uploads of a store take.
pub(crate) struct Intake {
    bounds: Bounds,
    uploads: AtomicUsize,
    bytes: AtomicU64,
}

/// The part of one upload; given back when neither the request nor its temporary file is left.
pub(crate) struct Share {
    intake: Arc<Intake>,
    bytes: AtomicU64,
}

impl Intake {
    pub(crate) fn new(bounds: Bounds) -> Arc<Intake> {
        Arc::new(Intake { bounds, uploads: AtomicUsize::new(0), bytes: AtomicU64::new(0) })
    }

    pub(crate) fn admit(self: &Arc<Self>) -> Result<Arc<Share>> {
        let share = Arc::new(Share { intake: self.clone(), bytes: AtomicU64::new(0) });
        // Counted before it is compared, and given back by the share's Drop: two at the bound cannot both pass.
        let before = self.uploads.fetch_add(1, Ordering::Relaxed);
        if before < self.bounds.uploads { Ok(share) } else { Err(Error::Unavailable) }
    }
}

impl Share {
    pub(crate) fn grow(&self, bytes: u64) -> Result<()> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let before = self.intake.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.intake.bounds.upload_bytes;
        if fits { Ok(()) } else { Err(Error::Unavailable) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.intake.uploads.fetch_sub(1, Ordering::Relaxed);
        self.intake.bytes.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_refused_at_the_bound_and_admitted_when_one_is_gone() {
        let intake = Intake::new(Bounds { uploads: 2, upload_bytes: 10, ..Bounds::default() });
        let (first, second) = (intake.admit().unwrap(), intake.admit().unwrap());
        assert!(intake.admit().is_err());
        assert!(intake.admit().is_err(), "a refusal takes nothing");
        first.grow(6).unwrap();
        second.grow(4).unwrap();
        assert_eq!(second.grow(1), Err(Error::Unavailable));
        drop((first, second));
        intake.admit().unwrap().grow(10).unwrap();
    }
}
