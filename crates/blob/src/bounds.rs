//! How much of the machine the blobs may take (every buffer, cache and disk area has a bound).

/// The bounds of one store. `Default` suits a server with a few hundred MiB of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Uploads that may be unfinished at once; one more is refused as unavailable.
    pub uploads: usize,
    /// Bytes that all unfinished uploads together may hold on disk.
    pub upload_bytes: u64,
    /// Bytes of small blobs kept in memory.
    pub cache_bytes: u64,
    /// The biggest blob that is kept in memory; bigger ones are read from their files, which the system caches.
    pub cached_blob_bytes: u64,
    /// Bytes of pieces on their way to clients. From half of it on, a download goes on in pieces of
    /// 16 KiB without reading ahead, so that many slow readers cost little each.
    pub piece_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            uploads: 64,
            upload_bytes: 16 << 30,
            cache_bytes: 64 << 20,
            cached_blob_bytes: 256 << 10,
            piece_bytes: 64 << 20,
        }
    }
}
