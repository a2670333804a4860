//! SIGKILL under load (contract, README "Life of a serial number"): what was answered is there after the restart, and there are
//! never two working keys. `CIKADA_KILLS` sets the number of kills.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cikada_tests::{Server, fresh_address, fresh_name};

const WORKERS: usize = 8;
/// Numbers registered at a time: more than one round of the load can use up.
const BLOCK: usize = 5_000;

/// What one device did, as its side of the line saw it.
#[derive(Clone, Debug, Default)]
struct Story {
    /// Keys it was answered with, in order.
    keys: Vec<String>,
    /// Whether its last try got no answer.
    unanswered: bool,
}

/// How a model's devices ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Nonce,
    Grace,
}

#[test]
fn what_was_answered_survives_every_kill() {
    let kills = std::env::var("CIKADA_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(50);
    let mut server = Server::start();
    let models =
        [(fresh_name("plain"), Way::Plain), (fresh_name("nonce"), Way::Nonce), (fresh_name("grace"), Way::Grace)];
    for (model, way) in &models {
        let options: &[_] = if *way == Way::Grace {
            &[("options[]", "graceretry"), ("options[]", "autoenable")]
        } else {
            &[("options[]", "autoenable")]
        };
        server.vendor().add_model(model, options);
    }
    let next = AtomicUsize::new(0);
    let journal: Mutex<BTreeMap<(usize, usize), Story>> = Mutex::default();
    let mut settled = BTreeMap::new();
    let mut registered = 0;
    for kill in 0..kills {
        while registered < next.load(Ordering::SeqCst) / models.len() + BLOCK {
            register(&server, &models, registered..registered + BLOCK);
            registered += BLOCK;
        }
        load_until_killed(&mut server, &models, &next, &journal, kill);
        server.restart();
        let fresh = std::mem::take(&mut *journal.lock().unwrap());
        for ((model, number), story) in fresh {
            let key = settle(&server, &models[model], number, &story);
            settled.insert((model, number), key);
        }
        if kill % 10 == 9 {
            server.kill();
            let fsck = server.run_on_data("fsck");
            assert!(fsck.status.success(), "after kill {kill}: {fsck:?}");
            server.restart();
        }
    }
    assert!(settled.len() > kills, "no load worth the name: {} activations", settled.len());
    for ((model, number), key) in &settled {
        let device = server.device(&models[*model].0, &sn(*number));
        if let Some(key) = key {
            assert!(device.is_alive(key), "the key of number {number} died in a later kill");
        }
    }
    assert!(server.stop().success());
    let fsck = server.run_on_data("fsck");
    assert!(fsck.status.success(), "{fsck:?}");
    println!("{} activations over {kills} kills", settled.len());
}

fn register(server: &Server, models: &[(String, Way)], numbers: std::ops::Range<usize>) {
    let lines: String = numbers.map(|number| format!("{}\n", sn(number))).collect();
    for (model, _) in models {
        server.vendor().send("POST", &format!("/manage/model/{model}/"), "text/csv", lines.clone()).expect(205);
    }
}

/// Devices activate one after another on all workers until the server is killed under them.
fn load_until_killed(
    server: &mut Server,
    models: &[(String, Way)],
    next: &AtomicUsize,
    journal: &Mutex<BTreeMap<(usize, usize), Story>>,
    kill: usize,
) {
    let dead = AtomicBool::new(false);
    thread::scope(|scope| {
        let shared = &*server;
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while !dead.load(Ordering::SeqCst) {
                    let turn = next.fetch_add(1, Ordering::SeqCst);
                    let (model, number) = (turn % models.len(), turn / models.len());
                    let story = activate(shared, &models[model], number);
                    let lost = story.unanswered;
                    journal.lock().unwrap().insert((model, number), story);
                    if lost {
                        break;
                    }
                }
            });
        }
        // Between a few milliseconds and a fifth of a second, another time each round.
        thread::sleep(Duration::from_millis(5 + (kill as u64 * 37) % 200));
        kill_by_id(shared.process_id());
        dead.store(true, Ordering::SeqCst);
    });
    server.wait_until_gone();
}

fn activate(server: &Server, (model, way): &(String, Way), number: usize) -> Story {
    let device = server.device(model, &sn(number));
    let nonce = nonce(number);
    let request = if *way == Way::Nonce { device.activation(&[("nonce", &nonce)]) } else { device.activation(&[]) };
    let mut story = Story::default();
    let rounds = if *way == Way::Grace { 3 } else { 1 };
    for _ in 0..rounds {
        match server.try_call_from(device.address, &request) {
            Ok(answer) => story.keys.push(answer.expect(200).text().to_owned()),
            Err(_) => {
                story.unanswered = true;
                break;
            }
        }
    }
    story
}

/// Looks after the restart at what became of one device; the key it has now, if it has one.
fn settle(server: &Server, (model, way): &(String, Way), number: usize, story: &Story) -> Option<String> {
    let device = server.device(model, &sn(number));
    let mut last = story.keys.last().cloned();
    if story.unanswered && *way == Way::Nonce {
        // The device asks again: it gets its key, whether or not the first try had been done.
        let again = device.activate_with(&[("nonce", &nonce(number))]).expect(200).text().to_owned();
        assert!(last.is_none() || last.as_ref() == Some(&again), "another key for the same nonce");
        last = Some(again);
    }
    let alive: Vec<&String> = story.keys.iter().filter(|key| device.is_alive(key)).collect();
    match (&last, story.unanswered) {
        (Some(key), false) => {
            assert_eq!(alive, [key], "number {number}: answered, and the key doesn't work alone: {story:?}")
        }
        (Some(key), true) if *way == Way::Nonce => assert!(device.is_alive(key)),
        // A try in grace that got no answer may or may not have replaced the key before.
        _ => assert!(
            alive.len() <= 1 && alive.iter().all(|key| Some(*key) == last.as_ref()),
            "number {number}: {story:?}"
        ),
    }
    if story.unanswered && *way != Way::Nonce {
        // Wholly done or wholly not: a status that the state machine knows, and a new window helps in both cases.
        let status = server.vendor().status(model, &sn(number));
        assert!(["", "activated"].contains(&&*status), "number {number} is {status}");
        if status == "activated" {
            server.vendor().re_enable(model, &sn(number)).expect(205);
            assert!(story.keys.iter().all(|key| !device.is_alive(key)));
        }
        let device = device.from(fresh_address());
        let answer = device.activate();
        let log = server.vendor().log(model, &device.serial_number);
        assert_eq!(
            answer.status, 200,
            "number {number} was {status:?} and isn't activated: {answer:?} {log:?} {story:?}"
        );
        return Some(answer.text().to_owned());
    }
    last
}

fn sn(number: usize) -> String {
    format!("{number:09}")
}

fn nonce(number: usize) -> String {
    format!("nonce-of-number-{number}")
}

/// SIGKILL while other threads still look at the server.
fn kill_by_id(id: u32) {
    let killed = std::process::Command::new("sh").arg("-c").arg(format!("kill -KILL {id}")).status().unwrap();
    assert!(killed.success());
}

#[test]
fn a_batch_is_wholly_there_or_wholly_not_after_a_kill() {
    let mut server = Server::start();
    let model = fresh_name("batch");
    server.vendor().add_model(&model, &[]);
    for round in 0..12u64 {
        let numbers: String = (0..20_000).map(|n| format!("R{round}-{n}\n")).collect();
        let request = server.vendor().request("POST", &format!("/manage/model/{model}/"));
        let request = request.header("Content-Type", "text/csv").body(numbers);
        let answered = thread::scope(|scope| {
            let shared = &server;
            let sending = scope
                .spawn(|| shared.try_call_from(fresh_address(), &request).is_ok_and(|answer| answer.status == 205));
            thread::sleep(Duration::from_millis(10 + round * 40));
            kill_by_id(server.process_id());
            sending.join().unwrap()
        });
        server.wait_until_gone();
        server.restart();
        let vendor = server.vendor();
        let there = |n: u32| vendor.look(&model, &format!("R{round}-{n}")).expect_any(&[204, 404]).status == 204;
        let ends = [there(0), there(9_999), there(19_999)];
        assert!(ends == [true; 3] || ends == [false; 3], "half a batch: {ends:?}");
        assert!(!answered || ends[0], "an answered batch is gone");
    }
    server.kill();
    let fsck = server.run_on_data("fsck");
    assert!(fsck.status.success(), "{fsck:?}");
}

#[test]
fn a_kill_during_uploads_leaves_old_or_new_bytes() {
    let mut server = Server::start();
    let model = fresh_name("upload");
    server.vendor().add_model(&model, &[]);
    let blob = |n: u64| vec![n as u8; (1 << 20) + n as usize];
    server.vendor().upload(&model, "fw", "text/plain", blob(0));
    let mut last = 0;
    for round in 1..=15u64 {
        let path = format!("/manage/content/{model}/fw");
        let request = server.vendor().request("POST", &path).header("Content-Type", "text/plain").body(blob(round));
        let answered = thread::scope(|scope| {
            let shared = &server;
            let sending = scope
                .spawn(|| shared.try_call_from(fresh_address(), &request).is_ok_and(|answer| answer.status == 205));
            thread::sleep(Duration::from_millis(round * 3));
            kill_by_id(server.process_id());
            sending.join().unwrap()
        });
        server.wait_until_gone();
        server.restart();
        let got = server.vendor().call("GET", &format!("{path}?download=true")).expect(200).body;
        assert!(
            got == blob(round) || (got == blob(last) && !answered),
            "neither old nor new bytes after round {round}"
        );
        last = u64::from(got[0]);
    }
    server.kill();
    let fsck = server.run_on_data("fsck");
    assert!(fsck.status.success(), "{fsck:?}");
}

#[test]
fn a_server_with_a_hundred_thousand_numbers_is_ready_two_seconds_after_a_kill() {
    let mut server = Server::start();
    let model = fresh_name("many");
    server.vendor().add_model(&model, &[]);
    let lines: String = (0..100_000).map(|n| format!("{n:012}\n")).collect();
    server.vendor().send("POST", &format!("/manage/model/{model}/"), "text/csv", lines).expect(205);
    // The log that has to be read back is as long as it gets.
    for n in 0..200 {
        server.vendor().enable(&model, &format!("{n:012}"));
    }
    for round in 0..3 {
        server.kill();
        let since = std::time::Instant::now();
        server.restart();
        server.vendor().look(&model, "000000000199").expect(200);
        let ready = since.elapsed();
        println!("ready after {ready:?}");
        assert!(ready < Duration::from_secs(2), "round {round}: ready after {ready:?}");
    }
}
