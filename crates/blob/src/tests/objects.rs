//! The object store and what can go wrong on the way to it (fault F22, promise I5): an error, never wrong bytes; an answer by
//! its deadline; nothing named is ever lost.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::Error;
use tempfile::TempDir;

use super::faulty::{Fault, Faulty};
use super::s3::{BUCKET, KEY, S3};
use super::{NEVER, PIECE, bytes, collect, files_in, get, put, until};
use crate::{BlobStore, Bounds, Condition, Digest, Location, ObjectAccess, PIECE_BYTES, Stored};

const DEADLINE: Duration = Duration::from_secs(2);
const PREFIX: &str = "some/where";

pub(super) fn location() -> Location {
    format!("s3://{BUCKET}/{PREFIX}").parse().unwrap()
}

pub(super) fn access(server: SocketAddr, here: &Path) -> ObjectAccess {
    ObjectAccess {
        endpoint: Some(format!("http://{server}")),
        region: Some("us-east-1".into()),
        key: Some((KEY.0.into(), KEY.1.into())),
        deadline: DEADLINE,
        folder: here.join("kept"),
        kept_bytes: 64 << 20,
        ..ObjectAccess::default()
    }
}

/// A store behind a network that fails on demand. Nothing is kept here unless it is said.
struct Scene {
    server: S3,
    network: Faulty,
    here: TempDir,
    kept_bytes: u64,
    deadline: Duration,
}

impl Scene {
    fn new() -> Scene {
        let server = S3::start();
        let network = Faulty::before(server.address());
        Scene { server, network, here: TempDir::new().unwrap(), kept_bytes: 0, deadline: DEADLINE }
    }

    fn open(&self) -> BlobStore {
        let access = access(self.network.address(), self.here.path());
        let access = ObjectAccess { kept_bytes: self.kept_bytes, deadline: self.deadline, ..access };
        BlobStore::open_at(&location(), &access, Bounds::default()).unwrap()
    }

    fn object(&self, name: impl std::fmt::Display) -> std::path::PathBuf {
        self.server.file(&format!("{PREFIX}/{name}"))
    }

    fn names(&self) -> Vec<String> {
        self.server.names(PREFIX)
    }
}

/// An upload that may fail.
async fn try_put(store: &BlobStore, bytes: &[u8]) -> Result<Stored, Error> {
    let mut upload = store.upload(NEVER)?;
    upload.write(Bytes::copy_from_slice(bytes)).await?;
    upload.finish().await
}

#[tokio::test]
async fn a_large_blob_goes_up_in_parts_and_leaves_nothing_but_itself() {
    let scene = Scene::new();
    let (store, blob) = (scene.open(), bytes((20 << 20) + 77));
    let Stored { digest, length, .. } = put(&store, &blob).await;
    until(|| scene.names() == [digest.to_string(), format!("{digest}.sum")]).await;
    assert!(fs::read(scene.object(digest)).unwrap() == blob);
    assert!(get(&scene.open(), digest, length).await.unwrap() == blob);
    let reader = store.open(digest, length).await.unwrap();
    let range = 9 * PIECE - 5..9 * PIECE + 70_000;
    let part = collect(reader.pieces(range.clone())).await.unwrap();
    assert!(part == blob[range.start as usize..range.end as usize]);
}

#[tokio::test]
async fn a_store_that_says_nothing_costs_its_deadline_and_no_more() {
    let scene = Scene { deadline: Duration::from_secs(1), ..Scene::new() };
    let (large, small) = (bytes(5 * PIECE_BYTES), bytes(100));
    let (stored, few) = (put(&scene.open(), &large).await, put(&scene.open(), &small).await);
    for fault in [Fault::Freeze, Fault::Refuse, Fault::CutAfter(10), Fault::Answer(503)] {
        scene.network.set(Fault::None);
        let (store, opened) = (scene.open(), scene.open().open(stored.digest, stored.length).await.unwrap());
        scene.network.set(fault);
        let timed = async |what: &str, unavailable: bool, began: Instant| {
            assert!(unavailable, "{fault:?} {what}");
            assert!(began.elapsed() < scene.deadline * 2, "{fault:?} {what}: {:?}", began.elapsed());
        };
        let began = Instant::now();
        timed("open", matches!(store.open(stored.digest, stored.length).await, Err(Error::Unavailable)), began).await;
        let began = Instant::now();
        timed("small", matches!(store.open(few.digest, few.length).await, Err(Error::Unavailable)), began).await;
        let began = Instant::now();
        timed("begin", opened.pieces(0..NEVER).begin().await == Err(Error::Unavailable), began).await;
        let began = Instant::now();
        timed("put", matches!(try_put(&store, &bytes(1000)).await, Err(Error::Unavailable)), began).await;
        assert!(!store.is_ready().await, "{fault:?}");
    }
    scene.network.set(Fault::None);
    let store = scene.open();
    assert!(store.is_ready().await);
    scene.network.set(Fault::Refuse);
    assert!(store.is_ready().await, "asked a moment ago");
    scene.network.set(Fault::None);
    assert!(get(&store, stored.digest, stored.length).await.unwrap() == large, "service again");
}

#[tokio::test]
async fn a_passing_fault_is_not_noticed() {
    let scene = Scene::new();
    let (store, blob) = (scene.open(), bytes(6 * PIECE_BYTES));
    for fault in [Fault::CutAfter(2000), Fault::CutAfter(5), Fault::Answer(503), Fault::Flip(300)] {
        scene.network.set_for(fault, 1);
        let stored = try_put(&store, &blob).await.map_err(|error| (fault, error));
        // What was read back wrong is not taken for written, so that this one upload fails.
        let stored = if fault == Fault::Flip(300) { try_put(&store, &blob).await.unwrap() } else { stored.unwrap() };
        scene.network.set_for(fault, 1);
        assert!(get(&scene.open(), stored.digest, stored.length).await.unwrap() == blob, "{fault:?}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_the_blobs_are_never_given_out() {
    let scene = Scene::new();
    for length in [100, 3 * PIECE_BYTES + 5] {
        let (blob, other) = (bytes(length), bytes(length + 1));
        let Stored { digest, length, .. } = put(&scene.open(), &blob).await;
        let (object, sums) = (scene.object(digest), scene.object(format!("{digest}.sum")));
        let check = async |why: &str, condition: Condition| {
            let store = scene.open();
            let read = match store.open(digest, length).await {
                Ok(reader) => collect(reader.pieces(0..length)).await,
                Err(error) => Err(error),
            };
            assert_eq!(read, Err(Error::Unavailable), "{why}");
            assert_eq!(store.verify(digest, length).await, Ok(condition), "{why}");
        };
        let write = |bytes: &[u8]| fs::write(&object, bytes).unwrap();
        fs::File::options().write(true).open(&object).unwrap().write_all_at(&[!blob[57]], 57).unwrap();
        check("a flipped byte", Condition::Damaged).await;
        write(&blob[..blob.len() - 1]);
        check("short", Condition::WrongLength { found: length - 1 }).await;
        write(&other);
        check("long", Condition::WrongLength { found: length + 1 }).await;
        write(&other[1..]);
        check("another blob of that length", Condition::Damaged).await;
        if length > PIECE {
            // A store that mixes names up does so with sums, too.
            let wrong = put(&scene.open(), &other[1..]).await;
            fs::copy(scene.object(format!("{}.sum", wrong.digest)), &sums).unwrap();
            check("another blob with its sums", Condition::Damaged).await;
        }
        fs::remove_file(&object).unwrap();
        check("none", Condition::Missing).await;
        drop(put(&scene.open(), &blob).await);
        assert!(get(&scene.open(), digest, length).await.unwrap() == blob, "an upload heals it");
    }
}

#[tokio::test]
async fn what_is_spoiled_on_its_way_is_an_error_or_right() {
    let scene = Scene::new();
    let (store, blob) = (scene.open(), bytes(2 * PIECE_BYTES));
    let Stored { digest, length, .. } = put(&store, &blob).await;
    for behind in [0, 7, 900, 5000] {
        scene.network.set(Fault::Flip(behind));
        for _ in 0..3 {
            if let Ok(reader) = scene.open().open(digest, length).await
                && let Ok(read) = collect(reader.pieces(0..length)).await
            {
                assert!(read == blob, "a bit {behind} bytes behind the head");
            }
        }
        let new = bytes(PIECE_BYTES + 1000 + behind);
        if let Ok(stored) = try_put(&store, &new).await {
            scene.network.set(Fault::None);
            assert!(get(&scene.open(), stored.digest, stored.length).await.unwrap() == new);
        }
    }
}

#[tokio::test]
async fn an_upload_that_fails_leaves_no_blob_and_nothing_unfinished_for_long() {
    let scene = Scene::new();
    let (store, blob) = (scene.open(), bytes(20 << 20));
    // Frozen from somewhere in the middle of it.
    let putting = tokio::spawn({
        let (store, blob) = (store.clone(), blob.clone());
        async move { try_put(&store, &blob).await.map(|_| ()) }
    });
    until(|| scene.names().iter().any(|name| name.starts_with("unfinished/"))).await;
    scene.network.set(Fault::Freeze);
    let done = putting.await.unwrap();
    scene.network.set(Fault::None);
    if done.is_err() {
        assert!(!scene.names().contains(&Digest::of(&blob).to_string()), "no name without all bytes");
    }
    assert!(files_in(&scene.here.path().join("kept/unfinished")).is_empty());
    tokio::time::sleep(Duration::from_millis(1100)).await;
    store.sweep(|_| Ok(false), Duration::from_millis(100)).await.unwrap();
    assert!(!scene.names().iter().any(|name| name.starts_with("unfinished/")), "{:?}", scene.names());
    drop(put(&store, &blob).await);
}

#[tokio::test]
async fn a_lost_answer_to_the_last_call_of_an_upload_is_made_out() {
    let scene = Scene::new();
    let (store, blob) = (scene.open(), bytes(9 << 20));
    let digest = Digest::of(&blob);
    let putting = tokio::spawn({
        let (store, blob) = (store.clone(), blob.clone());
        async move { try_put(&store, &blob).await }
    });
    until(|| scene.names().iter().any(|name| name.starts_with("unfinished/"))).await;
    scene.network.set_for(Fault::CutAfter(3), 3);
    let stored = putting.await.unwrap().unwrap();
    assert!(get(&store, digest, stored.length).await.unwrap() == blob);
}

#[tokio::test]
async fn what_was_put_aside_and_is_named_after_all_comes_back() {
    let scene = Scene::new();
    let blob = bytes(2 * PIECE_BYTES);
    let Stored { digest, length, .. } = put(&scene.open(), &blob).await;
    let aside = || {
        fs::create_dir_all(scene.object("swept")).unwrap();
        fs::rename(scene.object(digest), scene.object(format!("swept/{digest}"))).unwrap();
    };
    // Another node named it just when this one put it aside. A reader finds it,
    aside();
    assert!(get(&scene.open(), digest, length).await.unwrap() == blob);
    // and so does the sweep that would remove it.
    aside();
    fs::remove_file(scene.object(digest)).ok();
    scene.open().sweep(|_| Ok(true), Duration::ZERO).await.unwrap();
    assert_eq!(scene.names(), [digest.to_string(), format!("{digest}.sum")]);
    assert!(get(&scene.open(), digest, length).await.unwrap() == blob);
    // A sweep in two steps: aside now, gone later.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let swept = scene.open().sweep(|_| Ok(false), Duration::from_secs(1)).await.unwrap();
    assert_eq!((swept.blobs, scene.names()), (0, vec![format!("{digest}.sum"), format!("swept/{digest}")]));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let swept = scene.open().sweep(|_| Ok(false), Duration::from_secs(1)).await.unwrap();
    assert_eq!((swept.blobs, scene.names()), (1, vec![]));
}

#[tokio::test]
async fn a_store_that_fails_during_a_sweep_loses_nothing_that_is_named() {
    let scene = Scene::new();
    let (store, blob) = (scene.open(), bytes(2 * PIECE_BYTES));
    let Stored { digest, length, .. } = put(&store, &blob).await;
    for fault in [Fault::Freeze, Fault::CutAfter(100), Fault::Flip(60), Fault::Answer(500)] {
        scene.network.set(fault);
        let _ = store.sweep(move |asked| Ok(*asked == digest), Duration::ZERO).await;
        scene.network.set(Fault::None);
        assert!(get(&scene.open(), digest, length).await.unwrap() == blob, "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_often_asked_for_comes_from_here_and_is_checked_here() {
    let scene = Scene { kept_bytes: 4 << 20, ..Scene::new() };
    let kept = || files_in(&scene.here.path().join("kept"));
    let blob = bytes(5 * PIECE_BYTES);
    let Stored { digest, length, .. } = put(&scene.open(), &blob).await;
    assert!(kept().contains(&digest.to_string()), "what came in is here already");
    fs::remove_dir_all(scene.here.path().join("kept")).unwrap();
    let store = scene.open();
    assert!(get(&store, digest, length).await.unwrap() == blob);
    until(|| kept().contains(&digest.to_string())).await;
    scene.network.set(Fault::Refuse);
    assert!(get(&store, digest, length).await.unwrap() == blob, "the store is not asked");
    // A disk that spoils it costs one download, and the next one has it from the store.
    scene.network.set(Fault::None);
    let file = scene.here.path().join("kept").join(digest.to_string());
    fs::File::options().write(true).open(&file).unwrap().write_all_at(&[!blob[9]], 9).unwrap();
    assert!(get(&store, digest, length).await.is_err());
    assert!(get(&store, digest, length).await.unwrap() == blob);
    // There is room for two more like it.
    let others = [bytes(5 * PIECE_BYTES + 1), bytes(5 * PIECE_BYTES + 2), bytes(5 * PIECE_BYTES + 3)];
    for other in &others {
        drop(put(&store, other).await);
    }
    let names = kept();
    assert!(!names.contains(&digest.to_string()), "the one unused for longest is gone");
    assert!(names.contains(&Digest::of(&others[2]).to_string()));
    assert!(get(&store, digest, length).await.unwrap() == blob);
}

#[tokio::test]
async fn a_wrong_secret_is_said_at_once() {
    let scene = Scene::new();
    let access = access(scene.server.address(), scene.here.path());
    let access = ObjectAccess { key: Some((KEY.0.into(), "wrong".into())), ..access };
    let store = BlobStore::open_at(&location(), &access, Bounds::default()).unwrap();
    let began = Instant::now();
    assert!(matches!(try_put(&store, b"a").await, Err(Error::Unavailable)));
    assert!(began.elapsed() < DEADLINE, "trying again would change nothing");
    assert!(!store.is_ready().await);
}

#[tokio::test]
async fn a_client_that_is_sent_on_finds_the_blob_there() {
    let scene = Scene::new();
    let access =
        ObjectAccess { redirect: Some(Duration::from_secs(60)), ..access(scene.server.address(), scene.here.path()) };
    let store = BlobStore::open_at(&location(), &access, Bounds::default()).unwrap();
    let blob = bytes(2 * PIECE_BYTES);
    let Stored { digest, length, .. } = put(&store, &blob).await;
    let url = store.redirect(digest, length).await.unwrap().unwrap();
    assert!(!url.contains(KEY.1), "the secret signs and is not in it");
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = tokio::task::spawn_blocking({
        let host = host.to_owned();
        move || {
            use std::io::{Read as _, Write as _};
            let mut tcp = std::net::TcpStream::connect(host).unwrap();
            tcp.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            tcp.read_to_end(&mut answer).unwrap();
            answer
        }
    });
    assert!(answer.await.unwrap().ends_with(&blob));
    assert_eq!(store.redirect(digest, 10).await, Ok(None), "a small one comes from memory");
    assert_eq!(scene.open().redirect(digest, length).await, Ok(None), "off unless it is turned on");
}
