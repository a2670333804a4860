//! What a disk does to bytes, and that nobody is ever served the outcome (faults F07, promise I5).

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use model::Error;

use super::{PIECE, bytes, collect, folder, get, open, put};
use crate::{Condition, Digest, PIECE_BYTES, Stored};

#[tokio::test]
async fn a_missing_or_short_or_long_blob_is_a_fault_and_never_wrong_bytes() {
    let (_temporary, folder) = folder();
    for blob in [bytes(100), bytes(2 * PIECE_BYTES)] {
        let (digest, length) = (Digest::of(&blob), blob.len() as u64);
        let path = folder.join(digest.to_string());
        // A store each, so that no memory of the last one helps.
        put(&open(&folder), &blob).await;
        let refused = async |why: &str| {
            let store = open(&folder);
            assert!(matches!(store.open(digest, length).await, Err(Error::Internal(_))), "{why}");
            assert_ne!(store.verify(digest, length).await, Ok(Condition::Whole), "{why}");
        };
        assert!(matches!(open(&folder).open(digest, length + 1).await, Err(Error::Internal(_))));
        fs::File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
        refused("short").await;
        fs::File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        fs::File::options().append(true).open(&path).unwrap().set_len(length + 1).unwrap();
        refused("long").await;
        fs::remove_file(&path).unwrap();
        refused("missing").await;
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert!(matches!(open(&folder).open(digest, length).await, Err(Error::Internal(_))), "a link");
        fs::remove_file(&path).unwrap();
        put(&open(&folder), &blob).await;
        assert!(get(&open(&folder), digest, length).await.unwrap() == blob, "an upload heals it");
    }
}

#[tokio::test]
async fn a_blob_truncated_during_its_download_ends_in_an_error() {
    let (_temporary, folder) = folder();
    let store = open(&folder);
    let Stored { digest, length, .. } = put(&store, &bytes(8 * PIECE_BYTES)).await;
    let mut pieces = store.open(digest, length).await.unwrap().pieces(0..length);
    pieces.next().await.unwrap().unwrap();
    fs::File::options().write(true).open(folder.join(digest.to_string())).unwrap().set_len(PIECE * 3).unwrap();
    assert!(matches!(collect(pieces).await, Err(Error::Internal(_))));
}

#[tokio::test]
async fn lost_sums_are_made_anew_from_a_blob_that_has_its_digest_and_only_from_such() {
    let (_temporary, folder) = folder();
    let (store, blob) = (open(&folder), bytes(3 * PIECE_BYTES + 1));
    let Stored { digest, length, .. } = put(&store, &blob).await;
    let (path, sums) = (folder.join(digest.to_string()), folder.join(format!("{digest}.sum")));
    let before = fs::read(&sums).unwrap();
    fs::remove_file(&sums).unwrap();
    assert_eq!(store.verify(digest, length).await, Ok(Condition::Whole));
    assert!(get(&store, digest, length).await.unwrap() == blob);
    assert_eq!(fs::read(&sums).unwrap(), before);
    fs::remove_file(&sums).unwrap();
    fs::File::options().write(true).open(&path).unwrap().write_all_at(&[blob[5] ^ 1], 5).unwrap();
    assert!(matches!(store.open(digest, length).await, Err(Error::Internal(_))));
    assert!(!sums.exists());
}

/// F07: 500 flips of one bit, in data and in sums: each range is either right or refused, and the one with the flip
/// in its data is never served.
#[tokio::test]
async fn no_flipped_bit_is_ever_served() {
    let (_temporary, folder) = folder();
    let (store, blob) = (open(&folder), bytes(5 * PIECE_BYTES + 777));
    let Stored { digest, length, .. } = put(&store, &blob).await;
    let (data_path, sums_path) = (folder.join(digest.to_string()), folder.join(format!("{digest}.sum")));
    let mut seed = 1_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..500 {
        let in_data = round % 5 != 0;
        let path = if in_data { &data_path } else { &sums_path };
        let at = random(fs::metadata(path).unwrap().len());
        let bit = random(8);
        flip(path, at, bit);
        let (a, b) = if in_data && round % 2 == 0 { (at, at + 1) } else { (random(length), random(length) + 1) };
        let range = a.min(b)..a.max(b);
        let served = match store.open(digest, length).await {
            Ok(reader) => collect(reader.pieces(range.clone())).await,
            Err(error) => Err(error),
        };
        match served {
            Ok(bytes) => {
                assert!(bytes == blob[range.start as usize..range.end as usize], "round {round}: wrong bytes");
                assert!(!(in_data && range.contains(&at)), "round {round}");
            }
            Err(error) => assert!(matches!(error, Error::Internal(_))),
        }
        if round % 50 == 0 {
            let found = if in_data { Condition::Damaged } else { Condition::SumsDamaged };
            assert_eq!(store.verify(digest, length).await, Ok(found));
        }
        flip(path, at, bit);
    }
    assert!(get(&store, digest, length).await.unwrap() == blob);
}

#[tokio::test]
async fn a_flipped_bit_of_a_small_blob_never_gets_into_memory() {
    let (_temporary, folder) = folder();
    let Stored { digest, length, .. } = put(&open(&folder), &bytes(1000)).await;
    for at in [0, 499, 999] {
        flip(&folder.join(digest.to_string()), at, at % 8);
        assert!(matches!(open(&folder).open(digest, length).await, Err(Error::Internal(_))));
        flip(&folder.join(digest.to_string()), at, at % 8);
    }
    assert!(get(&open(&folder), digest, length).await.unwrap() == bytes(1000));
}

fn flip(path: &Path, at: u64, bit: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1 << bit], at).unwrap();
}
