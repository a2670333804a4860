//! Blobs in memory, for tests of what stands above.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Digest;

#[derive(Default)]
pub(crate) struct Memory(Mutex<HashMap<Digest, (Bytes, Instant)>>);

impl Memory {
    pub(crate) fn place(&self, bytes: Vec<u8>, digest: Digest) {
        self.blobs().insert(digest, (bytes.into(), Instant::now()));
    }

    pub(crate) fn bytes(&self, digest: &Digest) -> Option<Bytes> {
        self.blobs().get(digest).map(|(bytes, _)| bytes.clone())
    }

    pub(crate) fn list(&self) -> Vec<(Digest, u64)> {
        self.blobs().iter().map(|(digest, (bytes, _))| (*digest, bytes.len() as u64)).collect()
    }

    pub(crate) fn older_than(&self, age: Duration) -> Vec<Digest> {
        let blobs = self.blobs();
        blobs.iter().filter(|(_, (_, since))| since.elapsed() >= age).map(|(digest, _)| *digest).collect()
    }

    pub(crate) fn remove(&self, digest: &Digest) -> u64 {
        self.blobs().remove(digest).map_or(0, |(bytes, _)| bytes.len() as u64)
    }

    fn blobs(&self) -> MutexGuard<'_, HashMap<Digest, (Bytes, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
