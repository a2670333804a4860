//! A panic in a rule costs that rule; a panic of the writer itself ends the process (promise I9, fault F19).
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cikada_store::{Clock, MasterKey, Options, Store, Tx, params};
use model::Error;

fn open(folder: &std::path::Path, fatal: fn(&str)) -> Store {
    let (options, master) = (Options::new(folder.join("db")), MasterKey::from_bytes([1; 32]));
    Store::create(&options, &master).unwrap();
    Store::open(options, &master, Clock::system(), fatal).unwrap()
}

fn insert(tx: &mut Tx<'_>, name: &str) -> model::Result<()> {
    tx.execute("INSERT INTO setting (name, number) VALUES ($1, 1)", params![name]).map(|_| ())
}

fn count(tx: &mut Tx<'_>) -> model::Result<i64> {
    tx.one("SELECT count(*) FROM setting WHERE number = 1", params![], |row| row.int(0))
}

#[test]
fn a_rule_that_panics_leaves_nothing_and_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), |why| panic!("the process would end: {why}"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let panics = store.write(|tx| -> model::Result<()> {
            insert(tx, "half")?;
            panic!("on purpose");
        });
        let (bad, good) = tokio::join!(panics, store.write(|tx| insert(tx, "whole")));
        assert!(matches!(bad, Err(Error::Internal(_))), "{bad:?}");
        good.unwrap();
        assert_eq!(store.read(count).await.unwrap(), 1);
        let read: model::Result<()> = store.read(|_| panic!("on purpose, while reading")).await;
        assert!(matches!(read, Err(Error::Internal(_))), "{read:?}");
        assert_eq!(store.read(count).await.unwrap(), 1);
        store.write(|tx| insert(tx, "after")).await.unwrap();
        assert!(store.is_healthy());
    });
}

/// It goes off when the writer lets go of the rule that holds it, outside of every rule.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("on purpose, in the writer");
        }
    }
}

#[test]
fn a_writer_that_panics_ends_the_process() {
    static ENDED: AtomicBool = AtomicBool::new(false);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), |_| ENDED.store(true, Ordering::SeqCst));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let bomb = Bomb;
        let _ = store
            .write(move |_| {
                let _held = &bomb;
                Ok(())
            })
            .await;
        let since = Instant::now();
        while !ENDED.load(Ordering::SeqCst) && since.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(ENDED.load(Ordering::SeqCst) && !store.is_healthy());
        assert!(matches!(store.write(count).await, Err(Error::Unavailable)));
    });
}
