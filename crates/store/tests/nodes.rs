//! Two stores on one PostgreSQL, as two nodes hold them; and the way from SQLite to it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a broken expectation ends the test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use cikada_store as store;
use model::Error;
use store::table::point;
use store::transfer::{Stage, move_rows};
use store::{Clock, Heard, MasterKey, Options, Place, Store, Subject, Url};

const SERIES: i64 = 7;

fn database() -> Place {
    Place::Postgres(Url::parse(&kit::Postgres::shared().database()).unwrap())
}

fn open(place: &Place, master: &MasterKey) -> Store {
    let options = Options { place: place.clone(), ..Options::new("") };
    Store::open(options, master, Clock::system(), |why| panic!("{why}")).unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn made() -> (Place, MasterKey) {
    let (place, master) = (database(), MasterKey::generate().unwrap());
    Store::create(&Options { place: place.clone(), ..Options::new("") }, &master).unwrap();
    (place, master)
}

#[test]
fn what_one_node_commits_is_known_to_another_that_catches_up() {
    let (place, master) = made();
    let (one, other) = (open(&place, &master), open(&place, &master));
    run(async {
        other.catch_up().await.unwrap();
        let mut listener = other.listen(&[Subject::Series(SERIES)], 4);
        let stamp = other.read(|tx| Ok(tx.stamp())).await.unwrap();
        assert!(other.is_unchanged(Subject::Series(SERIES), stamp));
        one.write(|tx| {
            let now = tx.now();
            tx.signal(SERIES, now, "1");
            point::put(tx, SERIES, now, "1")
        })
        .await
        .unwrap();
        other.catch_up().await.unwrap();
        assert!(!other.is_unchanged(Subject::Series(SERIES), stamp));
        let Some(Heard::Value(heard)) = listener.try_next() else { panic!("the value was not heard") };
        assert_eq!((heard.resource_id, &*heard.value), (SERIES, "1"));
        // Once.
        other.catch_up().await.unwrap();
        assert_eq!(listener.try_next(), None);
    });
}

#[test]
fn a_rule_that_fails_leaves_nothing_and_costs_the_others_nothing() {
    let (place, master) = made();
    let store = open(&place, &master);
    run(async {
        let put = |at: i64, error: Option<Error>| {
            store.write(move |tx| {
                point::put(tx, SERIES, at, "x")?;
                match &error {
                    Some(error) => Err(error.clone()),
                    None => Ok(()),
                }
            })
        };
        // All in one batch.
        let broken = || store.write(|tx| tx.execute("SELECT 1/0", &[]).map(|_| ()));
        let (a, b, c, d, e) =
            tokio::join!(put(1, None), put(2, Some(Error::Unauthorized)), put(3, None), broken(), put(5, None));
        assert_eq!((a, b, c, e), (Ok(()), Err(Error::Unauthorized), Ok(()), Ok(())));
        assert!(matches!(d, Err(Error::Internal(_))));
        let kept = store.read(|tx| point::count_within(tx, SERIES, (0, 9))).await.unwrap();
        assert_eq!(kept, 3);
    });
}

#[test]
fn a_part_that_fails_is_undone_alone() {
    let (place, master) = made();
    let store = open(&place, &master);
    run(async {
        store
            .write(|tx| {
                point::put(tx, SERIES, 1, "x")?;
                let part = tx.attempt(|tx| {
                    point::put(tx, SERIES, 2, "x")?;
                    tx.execute("SELECT 1/0", &[])
                });
                assert!(part.is_err());
                point::put(tx, SERIES, 3, "x")
            })
            .await
            .unwrap();
        let kept = store.read(|tx| point::count_within(tx, SERIES, (0, 9))).await.unwrap();
        assert_eq!(kept, 2);
    });
}

#[test]
fn rules_that_run_beside_others_are_run_alone_where_they_ask_for_it() {
    let (place, master) = made();
    let store = open(&place, &master);
    run(async {
        let beside = store.write_beside(3, |tx| {
            tx.require_alone()?;
            point::put(tx, SERIES, 1, "x")
        });
        beside.await.unwrap();
        let ids = store.write(|tx| (0..600).map(|_| tx.next_id()).collect::<model::Result<Vec<_>>>());
        let more = store.write_beside(1, |tx| (0..600).map(|_| tx.next_id()).collect::<model::Result<Vec<_>>>());
        let (ids, more) = tokio::join!(ids, more);
        let all: std::collections::BTreeSet<_> = ids.unwrap().into_iter().chain(more.unwrap()).collect();
        assert_eq!(all.len(), 1200);
        assert!(all.first().is_some_and(|first| *first > 0));
    });
}

#[test]
fn one_node_does_what_one_does_for_all_and_another_takes_over() {
    let (place, master) = made();
    let (one, other) = (open(&place, &master), open(&place, &master));
    let wait_for = |what: &dyn Fn() -> bool, limit: u64| {
        let since = Instant::now();
        while !what() {
            assert!(since.elapsed() < Duration::from_secs(limit), "not within {limit} s");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for(&|| one.is_keeper() || other.is_keeper(), 5);
    for _ in 0..40 {
        assert!(one.is_keeper() != other.is_keeper(), "none, or both");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (keeper, next) = if one.is_keeper() { (one, other) } else { (other, one) };
    // It gives the lease up when it ends.
    keeper.close();
    wait_for(&|| next.is_keeper(), 5);
}

#[test]
fn a_move_that_was_interrupted_goes_on() {
    const POINTS: i64 = 25_000;
    let (folder, master) = (tempfile::tempdir().unwrap(), MasterKey::generate().unwrap());
    let (from, to) = (Place::File(folder.path().join("db")), database());
    let options = Options { place: from.clone(), ..Options::new("") };
    Store::create(&options, &master).unwrap();
    let store = open(&from, &master);
    let put = |tx: &mut store::Tx<'_>| (0..POINTS).try_for_each(|at| point::put(tx, SERIES, at, "text, \"ü\" \\N \t"));
    run(store.write(put)).unwrap();
    store.close();

    let interrupted = catch_unwind(AssertUnwindSafe(|| {
        move_rows(&from, &to, &master, &mut |progress| {
            assert!(progress.table != "point" || progress.rows < 10_000, "interrupted");
        })
    }));
    assert!(interrupted.is_err());
    let unfinished = Options { place: to.clone(), ..Options::new("") };
    assert!(
        Store::open(unfinished, &master, Clock::system(), |why| panic!("{why}")).is_err(),
        "half a store is served"
    );

    let mut again = Vec::new();
    let moved = move_rows(&from, &to, &master, &mut |progress| {
        if progress.table == "point" && progress.stage == Stage::Copying {
            again.push(progress.rows);
        }
    });
    assert_eq!(again, [10_000, 20_000, 25_000]);
    // The points, the mark of time and the data key.
    assert_eq!(moved.unwrap().rows, POINTS as u64 + 2);
    let there = open(&to, &master);
    let kept = run(there.read(|tx| point::count_within(tx, SERIES, (0, i64::MAX)))).unwrap();
    assert_eq!(kept, POINTS);
}
