//! What ends a wait, and what a key that died may still do: nothing (promise I7).

use std::time::{Duration, Instant};

use store::table::{alias, client, resource};
use store::{Subject, Tx};

use crate::world::{ALIAS, Answered, Device, RECORD, World};

fn kill(world: &World, device: &Device) {
    let id = device.id;
    world.write(move |tx| {
        assert!(client::expire(tx, id)?);
        tx.touch(Subject::Client(id));
        Ok(())
    });
}

/// What a wait is answered when this happens meanwhile, and that it is answered at once.
fn wait_while(rule: impl Fn(&mut Tx<'_>, &Device, i64) -> model::Result<()> + Send + 'static) -> Answered {
    let world = World::new();
    let device = world.furnished();
    let series = world.dataport(&device, "watched", resource::Format::Integer);
    let mut peer = world.connect();
    peer.send(device.get(&format!("{ALIAS}?watched"), &["Request-Timeout: 10000"]));
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    world.write(move |tx| rule(tx, &device, series));
    let answer = peer.answer();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    answer
}

#[test]
fn a_key_that_dies_ends_the_wait() {
    let killed = wait_while(|tx, device, _| {
        client::expire(tx, device.id)?;
        tx.touch(Subject::Client(device.id));
        Ok(())
    });
    assert_eq!(killed.status(), 401);
}

#[test]
fn a_client_that_is_dropped_ends_the_wait() {
    assert_eq!(wait_while(|tx, device, _| device.dropped_by_owner(tx, device.id)).status(), 401);
}

#[test]
fn a_dataport_that_is_dropped_or_unmapped_ends_the_wait() {
    let dropped = wait_while(|tx, device, series| device.dropped_by_owner(tx, series));
    assert_eq!(dropped.status(), 204);
    let unmapped = wait_while(|tx, device, _| alias::delete(tx, device.id, "watched").map(|_| ()));
    assert_eq!(unmapped.status(), 204);
}

#[test]
fn a_value_that_comes_with_the_end_of_its_right_is_not_shown() {
    let both = wait_while(|tx, device, series| {
        let series = domain::data::Series::require(tx, series)?;
        domain::data::write(tx, &series, domain::data::Value::Integer(7))?;
        client::expire(tx, device.id)?;
        tx.touch(Subject::Client(device.id));
        Ok(())
    });
    assert_eq!(both.status(), 401);
}

#[test]
fn after_a_key_was_killed_nothing_succeeds_with_it() {
    let world = World::new();
    for _ in 0..30 {
        let device = world.furnished();
        let killed = std::sync::OnceLock::new();
        std::thread::scope(|scope| {
            let (world, device, killed) = (&world, &device, &killed);
            for number in 0..4 {
                scope.spawn(move || {
                    let mut peer = world.connect();
                    let request = match number {
                        0 => device.get(&format!("{ALIAS}?integer"), &[]),
                        1 => device.post(ALIAS, "integer=1"),
                        2 => device.post(RECORD, "alias=integer&5=1"),
                        _ => device.get(&format!("{ALIAS}?integer"), &["Request-Timeout: 1"]),
                    };
                    loop {
                        let is_late = killed.get().is_some();
                        peer.send(&request);
                        let status = peer.answer().status();
                        assert!(!is_late || status == 401, "{status} to a dead key: {request:.60}");
                        if is_late {
                            return;
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(20));
            kill(world, device);
            killed.set(()).unwrap();
        });
    }
}

#[test]
fn an_alias_that_is_moved_shows_the_new_series_only() {
    let world = World::new();
    let device = world.furnished();
    assert_eq!(world.ask(device.post(ALIAS, "integer=1&float=2")).status(), 204);
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?integer"), &[])).body, "integer=1");
    let id = device.id;
    world.write(move |tx| {
        let float = alias::find(tx, id, "float")?.unwrap();
        alias::delete(tx, id, "integer")?;
        alias::insert(tx, id, "integer", float).map(|_| ())
    });
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?integer"), &[])).body, "integer=2.0");
    assert_eq!(world.ask(device.post(ALIAS, "integer=3")).status(), 204);
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?float&integer"), &[])).body, "integer=3.0&float=3.0");
}
