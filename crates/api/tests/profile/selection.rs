//! Reading a window of a series, beside a list that is read the plain way.

use domain::data::{Order, Point, Reading, Selection, Series, Value, flush, read, store_points};
use model::{Error, Field, Limits};
use proptest::prelude::*;
use store::table::resource::Format;

use crate::world::{World, block_on};

struct Shelf {
    world: World,
    series: Series,
}

impl Shelf {
    fn new(seconds: &[i64]) -> Shelf {
        let world = World::new();
        let device = world.device();
        let id = world.dataport(&device, "n", Format::Integer);
        let seconds = seconds.to_vec();
        let series = world.write(move |tx| {
            let series = Series::require(tx, id)?;
            let points = seconds.iter().map(|at| Point { at: *at, value: Value::Integer(*at) });
            store_points(tx, &series, &points.collect::<Vec<_>>())?;
            Ok(series)
        });
        Shelf { world, series }
    }

    fn try_read(&self, reading: Reading) -> model::Result<Vec<i64>> {
        let series = self.series.clone();
        let points = self.world.app.store.read(move |tx| read(tx, &series, &reading, &Limits::default()));
        Ok(block_on(points)?.into_iter().map(|point| point.at).collect())
    }

    fn read(&self, window: (i64, i64), order: Order, limit: u64, selection: Selection) -> Vec<i64> {
        self.try_read(Reading { start: window.0, end: window.1, order, limit, selection }).unwrap()
    }
}

/// What the contract says, by looking at everything.
fn plainly(seconds: &[i64], window: (i64, i64), order: Order, limit: u64, selection: Selection) -> Vec<i64> {
    let mut within: Vec<i64> = seconds.iter().copied().filter(|at| (window.0..=window.1).contains(at)).collect();
    within.sort_unstable();
    within.dedup();
    let limit = limit as usize;
    let turned = |mut all: Vec<i64>| {
        if order == Order::Descending {
            all.reverse();
        }
        all
    };
    match selection {
        Selection::All => turned(within).into_iter().take(limit).collect(),
        Selection::GivenWindow => {
            let width = window.1 - window.0 + 1;
            let part = |at: i64| (at - window.0) * limit as i64 / width;
            within.dedup_by_key(|at| part(*at));
            turned(within)
        }
        Selection::AutoWindow if within.len() <= limit => turned(within),
        Selection::AutoWindow if limit == 1 => within.last().copied().into_iter().collect(),
        Selection::AutoWindow => {
            let rank = |number: usize| number * (within.len() - 1) / (limit - 1);
            turned((0..limit).map(|number| within[rank(number)]).collect())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn every_selection_is_what_a_plain_list_gives(
        seconds in prop::collection::vec(0..300_i64, 0..120),
        readings in prop::collection::vec((-20..320_i64, 0..320_i64, 1..40_u64, any::<bool>(), 0..3_usize), 24),
    ) {
        let shelf = Shelf::new(&seconds);
        for (start, length, limit, ascending, selection) in readings {
            let window = (start, start + length);
            let order = if ascending { Order::Ascending } else { Order::Descending };
            let selection = [Selection::All, Selection::GivenWindow, Selection::AutoWindow][selection];
            prop_assert_eq!(
                shelf.read(window, order, limit, selection),
                plainly(&seconds, window, order, limit, selection),
                "{:?} {:?} {} {:?}", window, order, limit, selection
            );
        }
    }
}

#[test]
fn both_ends_of_a_window_belong_to_it_and_an_empty_window_is_no_error() {
    let shelf = Shelf::new(&[10, 20, 30]);
    let all = |window, limit| shelf.read(window, Order::Ascending, limit, Selection::All);
    assert_eq!(all((10, 30), 9), [10, 20, 30]);
    assert_eq!(all((11, 29), 9), [20]);
    assert!(all((30, 10), 9).is_empty());
    assert!(all((10, 30), 0).is_empty());
    assert_eq!(shelf.read((i64::MIN, i64::MAX), Order::Descending, 2, Selection::All), [30, 20]);
    for selection in [Selection::GivenWindow, Selection::AutoWindow] {
        let ends = shelf.read((i64::MIN, i64::MAX), Order::Ascending, 2, selection);
        assert!(!ends.is_empty() && ends.len() <= 2, "{ends:?}");
    }
}

#[test]
fn a_read_asks_for_so_many_points_and_not_more() {
    let shelf = Shelf::new(&[1]);
    let most = Limits::default().points_per_read as u64;
    let reading = |limit| Reading { start: 0, end: 9, order: Order::Ascending, limit, selection: Selection::All };
    assert_eq!(shelf.try_read(reading(most)), Ok(vec![1]));
    assert_eq!(shelf.try_read(reading(most + 1)), Err(Error::TooLarge(Field("limit"))));
}

#[test]
fn a_flush_leaves_both_its_ends() {
    for (newer, older, left) in [
        (None, None, &[][..]),
        (Some(20), None, &[10, 20]),
        (None, Some(20), &[20, 30]),
        (Some(10), Some(30), &[10, 30]),
        (Some(30), Some(10), &[10, 20, 30]),
    ] {
        let shelf = Shelf::new(&[10, 20, 30]);
        let series = shelf.series.clone();
        shelf.world.write(move |tx| flush(tx, &series, newer, older));
        assert_eq!(shelf.read((0, 99), Order::Ascending, 9, Selection::All), left, "{newer:?} {older:?}");
    }
}
