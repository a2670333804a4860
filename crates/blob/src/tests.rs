//! The store as its callers see it, on a real folder, in memory, and in a real object store.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use model::{Error, Field};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{BlobStore, Bounds, Condition, Digest, PIECE_BYTES, Pieces, Stored};

mod damage;
mod faulty;
mod objects;
mod s3;

use s3::S3;

const PIECE: u64 = PIECE_BYTES as u64;
const NEVER: u64 = u64::MAX;

fn folder() -> (TempDir, PathBuf) {
    let temporary = TempDir::new().unwrap();
    let folder = temporary.path().join("blobs");
    (temporary, folder)
}

fn open(folder: &Path) -> BlobStore {
    BlobStore::open_disk(folder, Bounds::default()).unwrap()
}

/// An empty place of an engine's own, which may be opened again and again.
enum Place {
    Folder(TempDir),
    Memory(std::cell::OnceCell<BlobStore>),
    Objects(S3, TempDir),
}

impl Place {
    /// One of each.
    fn all() -> [Place; 3] {
        let objects = Place::Objects(S3::start(), TempDir::new().unwrap());
        [Place::Folder(TempDir::new().unwrap()), Place::Memory(std::cell::OnceCell::new()), objects]
    }

    fn open(&self, bounds: Bounds) -> BlobStore {
        match self {
            Place::Folder(folder) => BlobStore::open_disk(&folder.path().join("blobs"), bounds).unwrap(),
            Place::Memory(store) => store.get_or_init(|| BlobStore::in_memory(bounds)).clone(),
            Place::Objects(server, here) => {
                let access = objects::access(server.address(), here.path());
                BlobStore::open_at(&objects::location(), &access, bounds).unwrap()
            }
        }
    }
}

/// Bytes that differ from place to place, so that a shifted piece is noticed.
fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

async fn put(store: &BlobStore, bytes: &[u8]) -> Stored {
    let mut upload = store.upload(NEVER).unwrap();
    upload.write(Bytes::copy_from_slice(bytes)).await.unwrap();
    upload.finish().await.unwrap()
}

async fn collect(mut pieces: Pieces) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        assert!(piece.len() <= PIECE_BYTES && !piece.is_empty());
        all.extend_from_slice(&piece);
    }
    assert_eq!(pieces.remaining(), 0);
    Ok(all)
}

async fn get(store: &BlobStore, digest: Digest, length: u64) -> Result<Vec<u8>, Error> {
    collect(store.open(digest, length).await?.pieces(0..length)).await
}

fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never came to hold");
}

#[tokio::test]
async fn what_is_uploaded_is_downloaded_on_every_engine_and_after_a_restart() {
    for place in Place::all() {
        for length in [0, 1, 16 << 10, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 17] {
            let (blob, store) = (bytes(length), place.open(Bounds::default()));
            let stored = put(&store, &blob).await;
            assert_eq!((stored.digest, stored.length), (Digest::of(&blob), length as u64));
            assert!(get(&store, stored.digest, stored.length).await.unwrap() == blob);
            assert_eq!(store.verify(stored.digest, stored.length).await, Ok(Condition::Whole));
            let again = place.open(Bounds::default());
            assert!(get(&again, Digest::of(&blob), length as u64).await.unwrap() == blob);
        }
        assert_eq!(place.open(Bounds::default()).list().await.unwrap().len(), 6);
    }
}

#[tokio::test]
async fn the_folder_and_its_files_are_for_the_server_alone() {
    let (_temporary, folder) = folder();
    let stored = put(&open(&folder), b"secret firmware").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join(stored.digest.to_string())), 0o600);
    assert_eq!(files_in(&folder), [stored.digest.to_string(), format!("{}.sum", stored.digest), "unfinished".into()]);
}

#[tokio::test]
async fn an_upload_dropped_at_any_step_leaves_nothing() {
    let (_temporary, folder) = folder();
    let store = open(&folder);
    let old = put(&store, b"old").await;
    for pieces in 0..4 {
        let mut upload = store.upload(NEVER).unwrap();
        for _ in 0..pieces {
            upload.write(bytes(PIECE_BYTES + 5).into()).await.unwrap();
        }
        drop(upload);
        until(|| files_in(&folder.join("unfinished")).is_empty()).await;
        assert_eq!(store.list().await.unwrap(), [(old.digest, 3)], "after {pieces} pieces");
    }
}

/// A kill cannot be played inside one process; what it leaves can: every prefix of the steps of an upload.
#[tokio::test]
async fn whatever_a_kill_leaves_the_next_start_serves_the_old_blob_and_takes_the_new_one() {
    let blob = bytes(PIECE_BYTES + 99);
    let name = Digest::of(&blob).to_string();
    for step in 0..4 {
        let (temporary, folder) = folder();
        let old = put(&open(&folder), &bytes(PIECE_BYTES * 2)).await;
        let elsewhere = temporary.path().join("elsewhere");
        put(&open(&elsewhere), &blob).await;
        let copy = |from: &str, to: &str| fs::copy(elsewhere.join(from), folder.join(to)).map(|_| ()).unwrap();
        match step {
            0 => fs::write(folder.join("unfinished/.tmpa"), &blob[..1000]).unwrap(),
            1 => ["unfinished/.tmpa", "unfinished/.tmpb"].iter().for_each(|file| copy(&name, file)),
            2 => copy(&format!("{name}.sum"), &format!("{name}.sum")),
            _ => [format!("{name}.sum"), name.clone()].iter().for_each(|file| copy(file, file)),
        }
        let store = open(&folder);
        assert!(files_in(&folder.join("unfinished")).is_empty(), "step {step}");
        assert!(get(&store, old.digest, old.length).await.unwrap() == bytes(PIECE_BYTES * 2), "step {step}");
        let stored = put(&store, &blob).await;
        assert!(get(&store, stored.digest, stored.length).await.unwrap() == blob, "step {step}");
        drop(stored);
        store.sweep(|_| Ok(false), Duration::ZERO).await.unwrap();
        drop(old);
        store.sweep(|_| Ok(false), Duration::ZERO).await.unwrap();
        assert_eq!(files_in(&folder), ["removal.lock", "unfinished"], "step {step}: the disk is as before");
    }
}

#[tokio::test]
async fn a_starting_process_leaves_the_uploads_of_one_that_still_drains() {
    let (_temporary, folder) = folder();
    let (draining, blob) = (open(&folder), bytes(2 * PIECE_BYTES));
    let mut upload = draining.upload(NEVER).unwrap();
    upload.write(blob.clone().into()).await.unwrap();
    until(|| files_in(&folder.join("unfinished")).len() == 2).await;
    let starting = open(&folder);
    let stored = upload.finish().await.unwrap();
    assert!(get(&starting, stored.digest, stored.length).await.unwrap() == blob);
}

#[tokio::test]
async fn a_blob_may_be_as_big_as_the_limit_and_not_a_byte_bigger() {
    for place in Place::all() {
        let store = place.open(Bounds::default());
        let limit = PIECE + 10;
        let mut upload = store.upload(limit).unwrap();
        upload.write(bytes(PIECE_BYTES + 10).into()).await.unwrap();
        assert_eq!(upload.finish().await.unwrap().length, limit);
        let mut upload = store.upload(limit).unwrap();
        upload.write(bytes(PIECE_BYTES + 10).into()).await.unwrap();
        assert_eq!(upload.write(Bytes::from_static(b"x")).await, Err(Error::TooLarge(Field("body"))));
        assert!(matches!(upload.finish().await, Err(Error::Internal(_))), "it is over");
    }
}

#[tokio::test]
async fn unfinished_uploads_are_bounded_in_number_and_in_bytes() {
    for place in Place::all() {
        let store = place.open(Bounds { uploads: 2, upload_bytes: 100, ..Bounds::default() });
        let (mut first, second) = (store.upload(NEVER).unwrap(), store.upload(NEVER).unwrap());
        assert!(matches!(store.upload(NEVER), Err(Error::Unavailable)));
        first.write(bytes(60).into()).await.unwrap();
        assert_eq!(first.write(bytes(41).into()).await, Err(Error::Unavailable));
        drop((first, second));
        let mut third = store.upload(NEVER).unwrap();
        third.write(bytes(100).into()).await.unwrap();
        third.finish().await.unwrap();
        assert!(store.upload(NEVER).is_ok(), "a finished upload counts no more");
    }
}

#[tokio::test]
async fn another_digest_than_the_sender_said_stores_nothing() {
    let (_temporary, folder) = folder();
    let store = open(&folder);
    for (said, stored) in [(Digest::of(b"abc"), true), (Digest::of(b"abd"), false)] {
        let mut upload = store.upload(NEVER).unwrap();
        upload.expect(said);
        upload.write(Bytes::from_static(b"abc")).await.unwrap();
        assert_eq!(upload.finish().await.map(|stored| stored.digest).ok(), stored.then_some(said));
    }
    assert_eq!(store.list().await.unwrap(), [(Digest::of(b"abc"), 3)]);
    until(|| files_in(&folder.join("unfinished")).is_empty()).await;
}

#[tokio::test]
async fn a_started_download_keeps_its_old_bytes() {
    let (_temporary, folder) = folder();
    let store = open(&folder);
    let blob = bytes(8 * PIECE_BYTES);
    let Stored { digest, length, .. } = put(&store, &blob).await;
    let reader = store.open(digest, length).await.unwrap();
    let mut pieces = reader.pieces(0..length);
    let mut seen = pieces.next().await.unwrap().unwrap().to_vec();
    put(&store, &bytes(8 * PIECE_BYTES + 1)).await;
    put(&store, &blob).await;
    fs::remove_file(folder.join(digest.to_string())).unwrap();
    fs::write(folder.join(digest.to_string()), b"another").unwrap();
    seen.extend(collect(pieces).await.unwrap());
    assert!(seen == blob);
    assert!(collect(reader.pieces(0..length)).await.unwrap() == blob);
}

#[tokio::test]
async fn the_sweep_takes_what_no_row_names_and_nobody_holds() {
    for place in Place::all() {
        let store = place.open(Bounds::default());
        let big = |last: usize| bytes(2 * PIECE_BYTES + last);
        let (named, waiting, downloaded, unnamed) = (
            put(&store, &big(1)).await,
            put(&store, &big(2)).await,
            put(&store, &big(3)).await,
            put(&store, &big(4)).await,
        );
        let (keep, gone) = (named.digest, unnamed.digest);
        let reader = store.open(downloaded.digest, downloaded.length).await.unwrap();
        let read = downloaded.digest;
        drop((named, unnamed, downloaded));
        let sweep = async |age| store.sweep(move |digest| Ok(*digest == keep), age).await.unwrap();
        assert_eq!(sweep(Duration::from_secs(3600)).await.blobs, 0, "all are young");
        sweep(Duration::ZERO).await;
        let mut left: Vec<_> = store.list().await.unwrap().into_iter().map(|(digest, _)| digest).collect();
        left.retain(|digest| *digest != read);
        left.sort();
        let mut expected = [keep, waiting.digest];
        expected.sort();
        assert_eq!(left, expected);
        assert!(matches!(store.open(gone, 2 * PIECE + 4).await, Err(Error::Internal(_) | Error::Unavailable)));
        assert!(collect(reader.pieces(0..NEVER)).await.unwrap() == big(3), "the download goes on");
        drop((reader, waiting));
        sweep(Duration::ZERO).await;
        assert_eq!(store.list().await.unwrap(), [(keep, 2 * PIECE + 1)]);
    }
}

#[tokio::test]
async fn a_sweep_that_cannot_ask_removes_nothing() {
    for place in Place::all() {
        let store = place.open(Bounds::default());
        drop(put(&store, b"precious").await);
        assert_eq!(store.sweep(|_| Err(Error::Unavailable), Duration::ZERO).await, Err(Error::Unavailable));
        assert_eq!(store.list().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_small_blob_is_served_from_memory_the_second_time() {
    let (_temporary, folder) = folder();
    let (store, blob) = (open(&folder), bytes(1024));
    let Stored { digest, length, .. } = put(&store, &blob).await;
    assert!(get(&store, digest, length).await.unwrap() == blob);
    fs::remove_file(folder.join(digest.to_string())).unwrap();
    assert_eq!(store.open(digest, length).await.unwrap().bytes().unwrap(), blob);
}

#[tokio::test]
async fn many_slow_readers_hold_little_memory_and_still_get_their_bytes() {
    for place in Place::all() {
        let store = place.open(Bounds { piece_bytes: 8 * PIECE_BYTES, ..Bounds::default() });
        let blob = bytes(4 * PIECE_BYTES);
        let Stored { digest, length, .. } = put(&store, &blob).await;
        let reader = store.open(digest, length).await.unwrap();
        let mut slow = Vec::new();
        for _ in 0..50 {
            let mut pieces = reader.pieces(0..length);
            let first = pieces.next().await.unwrap().unwrap();
            slow.push((first, pieces));
        }
        let held: usize = slow.iter().map(|(first, _)| first.len()).sum();
        let bound = 8 * PIECE_BYTES + 50 * (16 << 10);
        assert!(matches!(place, Place::Memory(_)) || held <= bound, "{held} bytes are held");
        for (first, pieces) in slow {
            assert!([first.to_vec(), collect(pieces).await.unwrap()].concat() == blob);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_range_is_what_the_slice_is(length in 0..5 * PIECE, a in 0..6 * PIECE, b in 0..6 * PIECE, cut in 1..2 * PIECE_BYTES) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_temporary, folder) = folder();
        let blob = bytes(length as usize);
        // No memory for small ones, and so little for pieces that all sizes of them occur.
        let bounds = Bounds { cached_blob_bytes: 0, piece_bytes: 3 * PIECE_BYTES, ..Bounds::default() };
        runtime.block_on(async {
            let store = BlobStore::open_disk(&folder, bounds).unwrap();
            let mut upload = store.upload(length).unwrap();
            for part in blob.chunks(cut) {
                upload.write(Bytes::copy_from_slice(part)).await.unwrap();
            }
            let stored = upload.finish().await.unwrap();
            let reader = store.open(stored.digest, length).await.unwrap();
            let (first, last) = (a.min(b), a.max(b));
            let expected = &blob[first.min(length) as usize..last.min(length) as usize];
            assert!(collect(reader.pieces(first..last)).await.unwrap() == expected);
        });
    }
}
