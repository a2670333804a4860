//! Many at once on one thing (contract, README "Life of a serial number"): exactly one wins, and no two working keys.

use std::sync::Barrier;
use std::thread;

use cikada_tests::{Answer, Device, Request, Server, Vendor, fresh_name};

const DEVICES: usize = 64;
const ROUNDS: usize = 10;

/// A server of its own and a model on it.
fn scene(server: &Server, more: &[(&str, &str)]) -> String {
    let model = fresh_name("race");
    server.vendor().add_model(&model, more);
    model
}

/// Sends all requests at the same instant, each on a connection of its own that is already there, and gathers the answers.
fn all_at_once(server: &Server, callers: &[(Device, Request)]) -> Vec<Answer> {
    let start = Barrier::new(callers.len());
    let send = |(device, request): &(Device, Request)| {
        let mut connection = server.connect_from(device.address);
        start.wait();
        connection.ask(request).expect("an answer")
    };
    thread::scope(|scope| {
        let threads: Vec<_> = callers.iter().map(|caller| scope.spawn(|| send(caller))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Runs two things at the same instant.
fn both<A: Send, B: Send>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B) {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            start.wait();
            other()
        });
        start.wait();
        let first = one();
        (first, thread.join().unwrap())
    })
}

fn winners(answers: &[Answer]) -> Vec<String> {
    answers.iter().filter(|answer| answer.status == 200).map(|answer| answer.text().to_owned()).collect()
}

#[test]
fn of_64_devices_with_one_serial_number_one_is_activated() {
    let server = Server::start();
    let model = scene(&server, &[]);
    let vendor = server.vendor();
    for round in 0..ROUNDS {
        let sn = format!("A{round}");
        vendor.add(&model, &[&sn]);
        vendor.enable(&model, &sn);
        let callers: Vec<_> =
            (0..DEVICES).map(|_| server.device(&model, &sn)).map(|d| (d.clone(), d.activation(&[]))).collect();
        let answers = all_at_once(&server, &callers);
        let keys = winners(&answers);
        assert_eq!(keys.len(), 1, "round {round}: {} devices were activated", keys.len());
        assert!(answers.iter().all(|answer| [200, 409, 429].contains(&answer.status)), "{answers:?}");
        assert!(callers[0].0.is_alive(&keys[0]));
        let log = vendor.log(&model, &sn);
        assert_eq!(log.iter().filter(|(.., entry)| entry.contains("result=activated")).count(), 1, "{log:?}");
    }
}

#[test]
fn of_64_devices_with_a_nonce_each_one_is_activated() {
    let server = Server::start();
    let model = scene(&server, &[]);
    for round in 0..ROUNDS {
        let sn = format!("A{round}");
        server.vendor().add(&model, &[&sn]);
        server.vendor().enable(&model, &sn);
        let caller = |n: usize| {
            let device = server.device(&model, &sn);
            let request = device.activation(&[("nonce", &format!("nonce-number-{n:04}"))]);
            (device, request)
        };
        let callers: Vec<_> = (0..DEVICES).map(caller).collect();
        let answers = all_at_once(&server, &callers);
        let keys = winners(&answers);
        assert_eq!(keys.len(), 1, "round {round}: {} devices were activated", keys.len());
        // The winner may ask again, the others may not.
        for ((device, request), answer) in callers.iter().zip(&answers).take(8) {
            let again = server.call_from(device.address, request);
            match answer.status {
                200 => assert_eq!(again.expect(200).text(), keys[0]),
                _ => drop(again.expect_any(&[409, 429])),
            }
        }
    }
}

#[test]
fn one_device_that_asks_64_times_with_its_nonce_gets_one_key() {
    let server = Server::start();
    let model = scene(&server, &[]);
    for round in 0..ROUNDS {
        let sn = format!("A{round}");
        server.vendor().add(&model, &[&sn]);
        server.vendor().enable(&model, &sn);
        let device = server.device(&model, &sn);
        let callers = vec![(device.clone(), device.activation(&[("nonce", "it-is-me-it-is-me")])); DEVICES];
        let answers = all_at_once(&server, &callers);
        let keys = winners(&answers);
        assert_eq!(keys.len(), DEVICES, "{answers:?}");
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        assert!(device.is_alive(&keys[0]));
    }
}

#[test]
fn one_old_device_that_asks_64_times_in_grace_has_one_working_key() {
    let server = Server::start();
    let model = scene(&server, &[("options[]", "graceretry")]);
    for round in 0..ROUNDS {
        let sn = format!("A{round}");
        server.vendor().add(&model, &[&sn]);
        server.vendor().enable(&model, &sn);
        let device = server.device(&model, &sn);
        let callers = vec![(device.clone(), device.activation(&[])); DEVICES];
        let answers = all_at_once(&server, &callers);
        let keys = winners(&answers);
        assert!((1..=6).contains(&keys.len()), "{} keys", keys.len());
        let alive: Vec<bool> = keys.iter().map(|key| device.is_alive(key)).collect();
        assert_eq!(alive.iter().filter(|alive| **alive).count(), 1, "{alive:?} of {keys:?}");
    }
}

#[test]
fn a_new_window_during_an_activation_leaves_at_most_one_key() {
    let server = Server::start();
    let model = scene(&server, &[]);
    let vendor = server.vendor();
    for round in 0..ROUNDS * 3 {
        let sn = format!("A{round}");
        vendor.add(&model, &[&sn]);
        vendor.enable(&model, &sn);
        let device = server.device(&model, &sn);
        let (enabled, activated) = both(|| vendor.re_enable(&model, &sn), || device.activate());
        enabled.expect(205);
        let first = winners(&[activated.expect(200)]).remove(0);
        let status = vendor.status(&model, &sn);
        assert_eq!(device.is_alive(&first), status == "activated", "{status}");
        if status == "notactivated" {
            let second = device.activate_ok();
            assert_ne!(first, second);
            assert!(device.is_alive(&second) && !device.is_alive(&first));
        }
    }
}

#[test]
fn a_disable_during_an_activation_leaves_no_key() {
    let server = Server::start();
    let model = scene(&server, &[]);
    let vendor = server.vendor();
    for round in 0..ROUNDS * 3 {
        let sn = format!("A{round}");
        vendor.add(&model, &[&sn]);
        vendor.enable(&model, &sn);
        let device = server.device(&model, &sn);
        let (disabled, activated) = both(|| vendor.disable(&model, &sn), || device.activate());
        disabled.expect(205);
        for key in winners(&[activated.expect_any(&[200, 409])]) {
            assert!(!device.is_alive(&key));
        }
        assert_eq!(vendor.status(&model, &sn), "expired");
    }
}

#[test]
fn a_removal_during_an_activation_falls_before_or_after_it() {
    let server = Server::start();
    let model = scene(&server, &[]);
    let vendor = server.vendor();
    for round in 0..ROUNDS * 3 {
        let sn = format!("A{round}");
        vendor.add(&model, &[&sn]);
        vendor.enable(&model, &sn);
        let device = server.device(&model, &sn);
        let path = format!("/manage/model/{model}/{sn}");
        let (removed, activated) = both(|| vendor.call("DELETE", &path), || device.activate());
        removed.expect(205);
        for key in winners(&[activated.expect_any(&[200, 404])]) {
            // The client keeps its key and has no serial number any more.
            device.list(&key).expect(403);
        }
        vendor.look(&model, &sn).expect(404);
    }
}

#[test]
fn a_model_deleted_during_an_activation_falls_before_or_after_it() {
    let server = Server::start();
    let vendor = server.vendor();
    for _ in 0..ROUNDS * 2 {
        let model = scene(&server, &[]);
        vendor.add(&model, &["A1"]);
        vendor.enable(&model, "A1");
        let device = server.device(&model, "A1");
        let path = format!("/manage/model/{model}");
        let (deleted, activated) = both(|| vendor.call("DELETE", &path), || device.activate());
        deleted.expect(205);
        for key in winners(&[activated.expect_any(&[200, 404])]) {
            device.list(&key).expect(403);
        }
    }
}

#[test]
fn of_many_that_add_enable_or_take_over_the_same_one_wins() {
    let server = Server::start();
    let model = scene(&server, &[]);
    let vendor = server.vendor();
    let owner = server.cast.owner.rid.as_str();
    let count = |answers: &[u16], status: u16| answers.iter().filter(|s| **s == status).count();
    for round in 0..ROUNDS {
        let (old, first) = (format!("old{round}"), format!("first{round}"));
        let added = race(&vendor, |vendor, _| vendor.post(&format!("/manage/model/{model}/"), &[("sn", &old)]));
        assert_eq!((count(&added, 205), count(&added, 409)), (1, 15));
        let enabled = race(&vendor, |vendor, _| vendor.enable_under(&model, &old, owner));
        assert_eq!((count(&enabled, 200), count(&enabled, 409)), (1, 15));
        let heirs: Vec<String> = (0..16).map(|n| format!("{first}-{n}")).collect();
        vendor.add(&model, &heirs.iter().map(String::as_str).collect::<Vec<_>>());
        let remapped = race(&vendor, |vendor, n| vendor.remap(&model, &old, &heirs[n]));
        assert_eq!((count(&remapped, 205), count(&remapped, 409)), (1, 15));
        let heirs_with_client = heirs.iter().filter(|heir| vendor.status(&model, heir) == "notactivated").count();
        assert_eq!((heirs_with_client, &*vendor.status(&model, &old)), (1, ""));
    }
}

#[test]
fn no_request_that_begins_after_a_revocation_succeeds_with_the_old_key() {
    let server = Server::start();
    let model = scene(&server, &[]);
    let vendor = server.vendor();
    let mut key = vendor.activated(&model, "A1");
    let device = server.device(&model, "A1");
    for round in 0..ROUNDS * 5 {
        // Readers keep the key warm in whatever cache there is.
        let old = key.clone();
        let reading = || (0..20).map(|_| device.list(&old).status).collect::<Vec<_>>();
        let revoke = || match round % 2 {
            0 => vendor.re_enable(&model, "A1").expect(205),
            _ => vendor.disable(&model, "A1").expect(205),
        };
        let (seen, _) = both(reading, || {
            revoke();
            assert!(!device.is_alive(&old), "a late success in round {round}");
        });
        let first_refusal = seen.iter().position(|status| *status == 401).unwrap_or(seen.len());
        assert!(seen[first_refusal..].iter().all(|status| *status == 401), "a dead key came back: {seen:?}");
        if round % 2 == 1 {
            vendor.re_enable(&model, "A1").expect(205);
        }
        key = device.activate_ok();
    }
}

/// Sixteen callers of the same vendor at once; their statuses.
fn race(vendor: &Vendor, call: impl Fn(&Vendor, usize) -> Answer + Sync) -> Vec<u16> {
    let start = Barrier::new(16);
    thread::scope(|scope| {
        let (call, start) = (&call, &start);
        let one = |n| {
            scope.spawn(move || {
                start.wait();
                call(vendor, n).status
            })
        };
        let threads: Vec<_> = (0..16).map(one).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
