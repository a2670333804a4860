//! The sums of a blob's chunks, kept beside it, so that any range can be checked as it is read.
//!
//! `<digest>.sum`: 8 bytes of magic, the blob's length (u64, little-endian), then the XXH3-64 of each 16 KiB (u64,
//! little-endian). They find what a disk did to the bytes, at some 20 GB/s; against a forger the digest stands.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::xxh3_64;

/// The bytes under one sum. A range read costs at most two chunks more than it gives.
pub(crate) const CHUNK_BYTES: usize = 16 << 10;

const MAGIC: [u8; 8] = *b"cikdsum1";
pub(crate) const HEADER_BYTES: usize = 16;
const SUM_BYTES: usize = 8;

/// The first bytes of the sums of a blob of that length.
pub(crate) fn header(length: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..].copy_from_slice(&length.to_le_bytes());
    header
}

/// The sums of bytes that begin at a chunk's begin.
pub(crate) fn sums_of(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks(CHUNK_BYTES).flat_map(|chunk| xxh3_64(chunk).to_le_bytes()).collect()
}

/// How long the file of sums of a blob is.
pub(crate) fn file_length(blob_length: u64) -> u64 {
    HEADER_BYTES as u64 + blob_length.div_ceil(CHUNK_BYTES as u64) * SUM_BYTES as u64
}

/// Whether the file is the sums of a blob of that length, as far as its frame says.
pub(crate) fn frame_fits(file: &File, blob_length: u64) -> io::Result<bool> {
    if file.metadata()?.len() != file_length(blob_length) {
        return Ok(false);
    }
    let mut found = [0; HEADER_BYTES];
    file.read_exact_at(&mut found, 0)?;
    Ok(found == header(blob_length))
}

/// Whether bytes read from the blob at `offset`, a chunk's begin, are the bytes that were uploaded.
pub(crate) fn agree(file: &File, offset: u64, bytes: &[u8]) -> io::Result<bool> {
    let first_chunk = offset / CHUNK_BYTES as u64;
    let mut sums = vec![0; bytes.len().div_ceil(CHUNK_BYTES) * SUM_BYTES];
    file.read_exact_at(&mut sums, HEADER_BYTES as u64 + first_chunk * SUM_BYTES as u64)?;
    let (sums, _) = sums.as_chunks::<SUM_BYTES>();
    Ok(bytes.chunks(CHUNK_BYTES).zip(sums).all(|(chunk, sum)| xxh3_64(chunk) == u64::from_le_bytes(*sum)))
}
