//! Recording values of the past.

use domain::data;

use crate::world::{ALIAS, Device, RECORD, World, block_on};

fn points(world: &World, device: &Device, alias: &'static str) -> Vec<(i64, String)> {
    let id = device.id;
    let read = world.app.store.read(move |tx| {
        let series_id = store::table::alias::find(tx, id, alias)?.unwrap();
        let series = data::Series::require(tx, series_id)?;
        let (mut all, mut after) = (Vec::new(), -1);
        while let Some(point) = data::first_after(tx, &series, after)? {
            after = point.at;
            all.push((point.at, point.value.text().into_owned()));
        }
        Ok(all)
    });
    block_on(read).unwrap()
}

#[test]
fn points_of_several_aliases_are_recorded_at_their_seconds() {
    let world = World::new();
    let device = world.furnished();
    let body = "alias=integer&100=1&200=2.0&alias=unknown&100=x&alias=string&300=&alias=integer&50=0";
    assert_eq!(world.ask(device.post(RECORD, body)).status(), 204);
    let expected = [(50, "0".to_owned()), (100, "1".to_owned()), (200, "2".to_owned())];
    assert_eq!(points(&world, &device, "integer"), expected);
    assert_eq!(points(&world, &device, "string"), [(300, String::new())]);
    assert_eq!(world.ask(device.post(&format!("{ALIAS}/float"), "7=1&8=2")).status(), 204);
    assert_eq!(points(&world, &device, "float"), [(7, "1.0".to_owned()), (8, "2.0".to_owned())]);
}

#[test]
fn a_negative_second_counts_back_from_now() {
    let world = World::new();
    let device = world.furnished();
    let before = world.now();
    assert_eq!(world.ask(device.post(&format!("{ALIAS}/integer"), "-10=1&-5=2")).status(), 204);
    let seconds: Vec<i64> = points(&world, &device, "integer").into_iter().map(|(at, _)| at).collect();
    assert!((before - 10..=world.now() - 10).contains(&seconds[0]) && seconds[1] == seconds[0] + 5, "{seconds:?}");
    let ages = format!("-{}=1", world.now() + 1_000);
    assert_eq!(world.ask(device.post(&format!("{ALIAS}/integer"), &ages)).status(), 400);
}

#[test]
fn seconds_that_collide_are_named_and_nothing_is_written() {
    let world = World::new();
    let device = world.furnished();
    let body = "alias=integer&5=1&6=1&5=2&5=3&alias=float&5=1&alias=string&7=a&7=a&alias=unknown&1=1&1=1";
    let refused = world.ask(device.post(RECORD, body));
    assert_eq!((refused.status(), refused.body.as_str()), (409, "integer=5&string=7"));
    for alias in ["integer", "float", "string"] {
        assert_eq!(points(&world, &device, alias), []);
    }
}

#[test]
fn what_does_not_parse_is_refused_whole() {
    let world = World::new();
    let device = world.furnished();
    for body in
        ["", "5=1", "alias=integer&5=x", "alias=integer&5=1&x=1", "alias=integer&5=1&6=1.5", "alias=integer&1.5=1"]
    {
        assert_eq!(world.ask(device.post(RECORD, body)).status(), 400, "{body}");
    }
    assert_eq!(points(&world, &device, "integer"), []);
    assert_eq!(world.ask(device.post(&format!("{ALIAS}/unknown"), "5=1")).status(), 204);
}
