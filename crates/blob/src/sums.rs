//! The sums of a blob's chunks, kept beside it, so that any range can be checked as it is read.
//!
//! `<digest>.sum`: 8 bytes of magic, the blob's length (u64, little-endian), then the XXH3-64 of each 16 KiB (u64,
//! little-endian). They find what a disk did to the bytes, at some 20 GB/s; against a forger the digest stands.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::xxh3_64;

use crate::Digest;

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

/// In an object store the sums say, too, whose they are: names there are only as good as the store.
const OBJECT_MAGIC: [u8; 8] = *b"cikdsum2";
const OBJECT_HEADER_BYTES: usize = 48;

/// The first bytes of the sums of a blob in an object store.
pub(crate) fn object_header(digest: &Digest, length: u64) -> Vec<u8> {
    [&OBJECT_MAGIC[..], &length.to_le_bytes(), digest.as_bytes()].concat()
}

/// How long the object of sums of a blob is.
pub(crate) fn object_length(blob_length: u64) -> u64 {
    OBJECT_HEADER_BYTES as u64 + blob_length.div_ceil(CHUNK_BYTES as u64) * SUM_BYTES as u64
}

/// Whether these are the sums of that blob, as far as their header says.
pub(crate) fn object_fits(sums: &[u8], digest: &Digest, blob_length: u64) -> bool {
    sums.len() as u64 == object_length(blob_length) && sums.starts_with(&object_header(digest, blob_length))
}

/// Whether bytes of the blob at `offset`, a chunk's begin, are those that were uploaded.
pub(crate) fn object_agrees(sums: &[u8], offset: u64, bytes: &[u8]) -> bool {
    let first = OBJECT_HEADER_BYTES + (offset / CHUNK_BYTES as u64) as usize * SUM_BYTES;
    let Some(sums) = sums.get(first..first + bytes.len().div_ceil(CHUNK_BYTES) * SUM_BYTES) else { return false };
    let (sums, _) = sums.as_chunks::<SUM_BYTES>();
    bytes.chunks(CHUNK_BYTES).zip(sums).all(|(chunk, sum)| xxh3_64(chunk) == u64::from_le_bytes(*sum))
}

/// The object of sums out of the file of sums that was written beside an upload.
pub(crate) fn object_of_file(file: &File, digest: &Digest, length: u64) -> io::Result<Vec<u8>> {
    let mut sums = object_header(digest, length);
    sums.resize(object_length(length) as usize, 0);
    file.read_exact_at(&mut sums[OBJECT_HEADER_BYTES..], HEADER_BYTES as u64)?;
    Ok(sums)
}
