//! How many numbers of a model stand where. A small model is counted when it is asked for; a large one beside the pages, a step at a
//! time, and the page shows what was counted last, and when.

use std::sync::Arc;

use domain::caller::NumbersView;
use domain::provision::{Counts, count};
use model::{Result, UnixSeconds};
use quick_cache::sync::Cache;
use store::Tx;

use crate::Portal;

/// Rows that are counted while somebody waits, and in one step beside.
const AT_ONCE: i64 = 3_000;
/// How old a count may be before it is made again, in seconds.
const FRESH_S: i64 = 15;
const REMEMBERED: usize = 4096;

/// Counts of large models.
pub struct Counting {
    known: Cache<i64, (Counts, UnixSeconds)>,
    under_way: Cache<i64, UnixSeconds>,
}

/// What a page knows of a model.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub counts: Counts,
    /// Whether all numbers are in it.
    pub is_whole: bool,
    /// When it was counted.
    pub at: UnixSeconds,
}

impl Counting {
    pub fn new() -> Counting {
        Counting { known: Cache::new(REMEMBERED), under_way: Cache::new(REMEMBERED) }
    }
}

/// Counts the first numbers of a model.
pub fn first(tx: &mut Tx<'_>, numbers: &NumbersView) -> Result<Counted> {
    let mut counts = Counts::default();
    let rest = count(tx, numbers, "", AT_ONCE, &mut counts)?;
    Ok(Counted { counts, is_whole: rest.is_none(), at: tx.now() })
}

/// What is known of a model of which [`first`] saw the beginning; counts the rest beside, where that is due.
pub fn best(portal: &Arc<Portal>, numbers: &NumbersView, seen: Counted) -> Counted {
    if seen.is_whole {
        return seen;
    }
    let id = numbers.model().id;
    let counting = &portal.counting;
    let known = counting.known.get(&id);
    let is_fresh = known.is_some_and(|(_, at)| seen.at < at + FRESH_S);
    let is_under_way = counting.under_way.get(&id).is_some_and(|since| seen.at < since + 600);
    if !is_fresh && !is_under_way {
        counting.under_way.insert(id, seen.at);
        tokio::spawn(count_all(portal.clone(), numbers.clone()));
    }
    known.map_or(seen, |(counts, at)| Counted { counts, is_whole: true, at })
}

async fn count_all(portal: Arc<Portal>, numbers: NumbersView) {
    let (mut counts, mut after) = (Counts::default(), String::new());
    loop {
        let (view, from, so_far) = (numbers.clone(), after.clone(), counts);
        let step = portal.store.read(move |tx| {
            let mut counts = so_far;
            let rest = count(tx, &view, &from, AT_ONCE, &mut counts)?;
            Ok((counts, rest))
        });
        match step.await {
            Ok((counted, Some(last))) => (counts, after) = (counted, last),
            Ok((counted, None)) => {
                portal.counting.known.insert(numbers.model().id, (counted, portal.store.clock().now()));
                break;
            }
            Err(_) => break,
        }
        // Others look things up in between.
        tokio::task::yield_now().await;
    }
    portal.counting.under_way.remove(&numbers.model().id);
}
