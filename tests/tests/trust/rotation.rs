//! `cikada rotate-master-key` (threat T09): no device notices, no kill breaks it, the old key opens nothing afterwards.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use cikada_tests::{Server, cikada, fresh_address, fresh_name};

use crate::operator::{fail, succeed};

const DEVICES: usize = 1_500;

fn rotate(server: &Server) {
    succeed([Path::new("rotate-master-key"), "--data".as_ref(), &server.data()]);
}

/// A server whose devices have been answered, and may ask again by their nonces: their keys, which are shown from sealed copies.
fn with_answered_devices(model: &str, count: usize) -> (Server, Vec<String>) {
    let server = Server::start();
    let vendor = server.vendor();
    vendor.add_model(model, &[("options[]", "autoenable")]);
    vendor.add_range(model, r#"{"format":"base10","length":6,"casing":"upper","first":0,"last":999999}"#);
    let keys = (0..count).map(|number| ask(&server, model, number)).collect();
    (server, keys)
}

/// The key that the device of a number is answered with.
fn ask(server: &Server, model: &str, number: usize) -> String {
    let nonce = format!("nonce-of-device-{number}");
    let device = server.device(model, &format!("{number:06}")).from(fresh_address());
    device.activate_with(&[("nonce", &nonce)]).expect(200).text().to_owned()
}

#[test]
fn keys_are_turned_over_under_load_and_the_old_master_key_opens_nothing() {
    let model = fresh_name("rotated");
    let (mut server, keys) = with_answered_devices(&model, DEVICES);
    let token = server.vendor().post("/admin/auth/", &[("id", "kept")]).expect(200).text().to_owned();
    let old = fs::read(server.data().join("master.key")).unwrap();
    let (done, asked) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        for worker in 0..2 {
            let (server, model, keys, done, asked) = (&server, &model, &keys, &done, &asked);
            scope.spawn(move || {
                for number in (worker..).step_by(2) {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    // Old ones are shown again, new ones are made.
                    assert_eq!(ask(server, model, number % DEVICES), keys[number % DEVICES]);
                    ask(server, model, DEVICES + number);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        rotate(&server);
        rotate(&server);
        done.store(true, Ordering::Relaxed);
    });
    assert!(asked.load(Ordering::Relaxed) > 10);
    let shown = server.vendor().call("GET", "/admin/auth/kept").expect(200).text().to_owned();
    assert_eq!(shown, token);
    assert_ne!(fs::read(server.data().join("master.key")).unwrap(), old);
    let old_file = server.data().join("old.key");
    fs::write(&old_file, &old).unwrap();
    fail([Path::new("fsck"), "--data".as_ref(), &server.data(), "--master-key".as_ref(), &old_file], "master key");
    fs::remove_file(old_file).unwrap();
    assert!(server.run_on_data("fsck").status.success());
    assert!(server.stop().success());
    assert!(server.run_on_data("fsck").status.success());
    server.restart();
    for (number, key) in keys.iter().enumerate().step_by(50) {
        assert_eq!(ask(&server, &model, number), *key);
        assert!(server.device(&model, &format!("{number:06}")).is_alive(key));
    }
}

#[test]
fn a_rotation_that_is_killed_is_ended_by_the_next_one() {
    let model = fresh_name("killed-rotation");
    let (mut server, keys) = with_answered_devices(&model, DEVICES);
    for round in 0..8_u64 {
        let mut rotating = Command::new(cikada())
            .args(["rotate-master-key", "--data"])
            .arg(server.data())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(3 + round * 9));
        if round % 2 == 1 {
            // The server, which seals anew, dies as well.
            server.kill();
        }
        let _ = rotating.kill();
        rotating.wait().unwrap();
        if round % 2 == 1 {
            let fsck = server.run_on_data("fsck");
            assert!(fsck.status.success(), "round {round}: {fsck:?}");
            server.restart();
        }
        for number in [0, DEVICES / 2, DEVICES - 1] {
            assert_eq!(ask(&server, &model, number), keys[number], "round {round}");
        }
    }
    rotate(&server);
    assert!(server.run_on_data("fsck").status.success());
    assert!(!server.data().join("master.key.new").exists());
}

#[test]
fn without_a_server_the_command_does_it_alone() {
    let model = fresh_name("alone");
    let (mut server, keys) = with_answered_devices(&model, 50);
    assert!(server.stop().success());
    rotate(&server);
    // Killed between the rows and the name of the key file: the next start finds both.
    let (key, next) = (server.data().join("master.key"), server.data().join("master.key.new"));
    fs::copy(&key, &next).unwrap();
    fs::write(&key, [3; 32]).unwrap();
    server.restart();
    assert!(!next.exists());
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(ask(&server, &model, number), *key);
    }
}
