//! The revocation journal (threat T39, promise I7): a revocation that was answered is in it, whatever happens to the server.

use std::collections::HashSet;
use std::fs;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use cikada_tests::{Request, Server, fresh_address, fresh_name};

use crate::operator::{back_up, check, restoring, succeed};

const DEVICES: usize = 400;

/// A server with that many devices in use; their keys.
fn with_devices(model: &str) -> (Server, Vec<String>) {
    let server = Server::start();
    let vendor = server.vendor();
    vendor.add_model(model, &[("options[]", "autoenable")]);
    let numbers: Vec<String> = (0..DEVICES).map(|number| format!("n{number}")).collect();
    vendor.add(model, &numbers.iter().map(String::as_str).collect::<Vec<_>>());
    let keys = numbers.iter().map(|sn| server.device(model, sn).from(fresh_address()).activate_ok()).collect();
    (server, keys)
}

#[test]
fn a_revocation_that_was_answered_outlives_every_kill_and_every_restore() {
    let model = fresh_name("killed");
    let (mut server, keys) = with_devices(&model);
    let shelf = tempfile::tempdir().unwrap();
    let backup = shelf.path().join("backup");
    back_up(&server.data(), &backup);
    let answered: Mutex<HashSet<usize>> = Mutex::default();
    let asked: Mutex<HashSet<usize>> = Mutex::default();
    for kill in 0..10_u64 {
        let (server_now, cik) = (&server, server.cast.vendor.cik.clone());
        let (answered, asked, model) = (&answered, &asked, &model);
        thread::scope(|scope| {
            for worker in 0..4 {
                let cik = cik.clone();
                scope.spawn(move || {
                    for number in (kill as usize * 40 + worker..(kill as usize + 1) * 40).step_by(4) {
                        asked.lock().unwrap().insert(number);
                        let path = format!("/provision/manage/model/{model}/n{number}");
                        let request = Request::post(&path, &[("disable", "true")]).header("X-Exosite-CIK", &cik);
                        match server_now.try_call_from(fresh_address(), &request) {
                            Ok(answer) if answer.status == 205 => answered.lock().unwrap().insert(number),
                            _ => return,
                        };
                    }
                });
            }
            // Some are answered, and some are under way.
            let enough = answered.lock().unwrap().len() + 3 + kill as usize;
            let since = Instant::now();
            while answered.lock().unwrap().len() < enough && since.elapsed() < Duration::from_secs(2) {
                thread::sleep(Duration::from_millis(1));
            }
            let _ = std::process::Command::new("kill").args(["-9", &server_now.process_id().to_string()]).status();
        });
        server.wait_until_gone();
        let fsck = server.run_on_data("fsck");
        assert!(fsck.status.success(), "after kill {kill}: {fsck:?}");
        server.restart();
    }
    let (answered, asked) = (answered.into_inner().unwrap(), asked.into_inner().unwrap());
    assert!(answered.len() > 20 && answered.len() < DEVICES, "{} answers", answered.len());
    let data = shelf.path().join("restored");
    let key = server.data().join("master.key");
    succeed(restoring(&backup, &data, &key));
    check(&data, &key);
    fs::copy(&key, data.join("master.key")).unwrap();
    let restored = Server::over(&data, server.cast.clone());
    for (number, key) in keys.iter().enumerate() {
        let is_alive = restored.device(&model, &format!("n{number}")).from(fresh_address()).is_alive(key);
        if answered.contains(&number) {
            assert!(!is_alive, "number {number} was disabled, and lives after the restore");
        } else if !asked.contains(&number) {
            assert!(is_alive, "number {number} was never disabled, and is dead after the restore");
        }
    }
}

#[test]
fn rows_that_were_put_back_by_hand_are_brought_up_to_date_before_anybody_is_served() {
    let model = fresh_name("by-hand");
    let (mut server, keys) = with_devices(&model);
    let old = server.data().join("old");
    assert!(server.stop().success());
    fs::copy(server.data().join("cikada.db"), &old).unwrap();
    server.restart();
    server.vendor().disable(&model, "n3").expect(205);
    server.vendor().re_enable(&model, "n4").expect(205);
    assert!(server.stop().success());
    for beside in ["cikada.db-wal", "cikada.db-shm"] {
        let _ = fs::remove_file(server.data().join(beside));
    }
    fs::rename(&old, server.data().join("cikada.db")).unwrap();
    server.restart();
    for (number, living) in [(2, true), (3, false), (4, false), (5, true)] {
        assert_eq!(server.device(&model, &format!("n{number}")).is_alive(&keys[number]), living, "n{number}");
    }
    assert!(server.stop().success());
    let fsck = server.run_on_data("fsck");
    assert!(fsck.status.success(), "{fsck:?}");
    // And the check would notice: the journal says what must not live.
    let journal = server.data().join("revocations.log");
    let lines = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, lines.lines().take(1).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    assert!(!server.run_on_data("fsck").status.success(), "lines of the journal are missing");
    fs::write(&journal, lines.replacen("key", "kez", 1)).unwrap();
    assert!(!server.run_on_data("fsck").status.success(), "a line of the journal was changed");
}
