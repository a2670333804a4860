//! What need not be kept goes, step by step, and what must be kept stays.

use domain::data::retention::{Round, look, trim};
use serde_json::json;
use store::table::point;

use crate::world::{ALIAS, Device, World, block_on};

/// One whole round, as a server makes it; answers the steps that removed something, and the next.
fn go_round(world: &World, mut round: Round) -> (usize, Round) {
    let mut steps = 0;
    loop {
        let (found, next) = block_on(world.app.store.read(move |tx| look(tx, round))).unwrap();
        for surplus in found {
            steps += 1;
            while world.write(move |tx| trim(tx, surplus)) {
                steps += 1;
            }
        }
        round = next;
        if round.is_new() {
            return (steps, round);
        }
    }
}

fn count(world: &World, id: i64) -> i64 {
    block_on(world.app.store.read(move |tx| point::count_within(tx, id, (i64::MIN, i64::MAX)))).unwrap()
}

fn record(world: &World, device: &Device, alias: &str, seconds: impl Iterator<Item = i64>) {
    let body: Vec<String> = seconds.map(|at| format!("{at}={at}")).collect();
    assert_eq!(world.ask(device.post(&format!("{ALIAS}/{alias}"), &body.join("&"))).status(), 204);
}

#[test]
fn the_newest_stay_up_to_the_count() {
    let world = World::new();
    let device = world.device();
    let few = world.dataport_of(&device, "few", json!({"format": "integer", "retention": {"count": 3}}));
    let all = world.dataport_of(&device, "all", json!({"format": "integer"}));
    record(&world, &device, "few", 1..=1_503);
    record(&world, &device, "all", 1..=5);
    let (steps, round) = go_round(&world, Round::default());
    assert_eq!((count(&world, few), count(&world, all)), (3, 5));
    assert_eq!(steps, 4, "1,500 points in steps of 500, and one that finds no more");
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?few"), &[])).body, "few=1503");
    let (_, round) = go_round(&world, round);
    assert_eq!(go_round(&world, round).0, 0);
    record(&world, &device, "few", 2_000..=2_000);
    assert_eq!(go_round(&world, round).0, 1);
    assert_eq!(count(&world, few), 3);
}

#[test]
fn what_is_too_old_goes_though_nothing_new_comes() {
    let world = World::new();
    let device = world.device();
    let hours = world.dataport_of(&device, "hours", json!({"format": "integer", "retention": {"duration": 2}}));
    record(&world, &device, "hours", [-7_300, -7_250, -7_000, -1].into_iter());
    go_round(&world, Round::default());
    assert_eq!(count(&world, hours), 2);
}

#[test]
fn a_round_takes_in_every_series_however_many_there_are() {
    let world = World::new();
    let device = world.device();
    let names: Vec<&'static str> = (0..300).map(|number| &*format!("p{number}").leak()).collect();
    let one = json!({"format": "integer", "retention": {"count": 1}});
    let ids: Vec<i64> = names.iter().map(|name| world.dataport_of(&device, name, one.clone())).collect();
    for name in &names {
        record(&world, &device, name, 1..=2);
    }
    go_round(&world, Round::default());
    assert!(ids.iter().all(|id| count(&world, *id) == 1));
}
