//! Killed at every system call that changes a file (THREATS F01 to F03, goal G2): strace ends the process at the n-th one, for all n
//! until what is tried runs through. What was answered is there after the restart; the rest is wholly there or wholly absent.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use cikada_tests::{
    Cast, Copy, Device, Request, Server, Strace, Vendor, Witness, assert_sound, cikada, damage, fresh_address, strace,
};

/// What the store's engine calls to change a file, and what the content's does.
const STORE_CALLS: &str = "pwrite64,fsync,fdatasync,ftruncate";
const CONTENT_CALLS: &str = "fsync,openat,rename,renameat,renameat2,unlink,unlinkat,linkat,write";
/// Servers killed at the same time; most of their time they wait.
const AT_ONCE: usize = 3;

/// Runs the steps of a story until the server is gone; answers what was answered.
struct Line<'a> {
    server: &'a Server,
    cut: bool,
}

impl Line<'_> {
    /// The body of a good answer; None from the first call on that got none.
    fn ask(&mut self, request: &Request, expected: &[u16]) -> Option<(u16, String)> {
        if self.cut {
            return None;
        }
        match self.server.try_call_from(fresh_address(), request) {
            Ok(answer) => {
                let answer = answer.expect_any(expected);
                Some((answer.status, answer.text().to_owned()))
            }
            Err(_) => {
                self.cut = true;
                None
            }
        }
    }
}

/// Kills a server at the n-th of the calls, for all n, and lets the story be judged after each restart. Answers how many kills
/// there were.
fn at_every_call<S: Send>(
    original: &Server,
    calls: &str,
    story: impl Fn(&mut Line) -> S + Sync,
    judge: impl Fn(&Server, &S, bool) + Sync,
) -> usize {
    let (next, kills) = (AtomicUsize::new(1), AtomicUsize::new(0));
    let run_through = AtomicUsize::new(usize::MAX);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n > run_through.load(Ordering::SeqCst) {
                        break;
                    }
                    let mut server = Server::on_copy_of(&original.data(), &original.cast);
                    let held = Strace::inject(&server, &format!("{calls}:signal=KILL:when={n}"));
                    let mut line = Line { server: &server, cut: false };
                    let told = story(&mut line);
                    let cut = line.cut;
                    // What is done beside the story, or after its last answer, is killed like all else.
                    let since = Instant::now();
                    while !cut && !server.is_gone() && since.elapsed() < Duration::from_millis(300) {
                        thread::sleep(Duration::from_millis(10));
                    }
                    if cut || server.is_gone() {
                        kills.fetch_add(1, Ordering::SeqCst);
                        held.abandon();
                        server.wait_until_gone();
                    } else {
                        run_through.fetch_min(n, Ordering::SeqCst);
                        drop(held);
                        server.kill();
                    }
                    server.restart();
                    judge(&server, &told, cut);
                    server.kill();
                    assert_sound(&server.data(), &format!("killed at call {n} of {calls}"));
                }
            });
        }
    });
    kills.into_inner()
}

/// A stopped server with a model.
fn stage(prepare: impl Fn(&Vendor)) -> Server {
    let mut server = Server::start();
    server.vendor().add_model("m", &[]);
    prepare(&server.vendor());
    assert!(server.stop().success());
    server
}

#[test]
fn killed_at_every_call_of_an_activation() {
    const NONCE: &str = "a-nonce-of-this-device";
    struct Told {
        enabled: bool,
        key: Option<String>,
        used: bool,
    }
    let original = stage(|vendor| vendor.add("m", &["A1"]));
    let device = |server: &Server| -> Request { device_of(server).activation(&[("nonce", NONCE)]) };
    let kills = at_every_call(
        &original,
        STORE_CALLS,
        |line| {
            let server = line.server;
            let enable = server.vendor().request("POST", "/manage/model/m/A1");
            let enable = enable.body(format!("enable=true&owner={}", server.cast.owner.rid));
            let enabled = line.ask(&enable, &[200]).is_some();
            let key = line.ask(&device(server), &[200]).map(|(_, key)| key);
            let used = key
                .as_ref()
                .is_some_and(|key| line.ask(&device_of(server).download_request(key, ""), &[200]).is_some());
            Told { enabled, key, used }
        },
        |server, told, _| {
            let status = server.vendor().status("m", "A1");
            match (told.enabled, &told.key) {
                (_, Some(key)) => {
                    assert_eq!(status, "activated");
                    let device = device_of(server);
                    if !told.used {
                        // Asked again with its nonce, as long as the key was not used, it is the same key.
                        let again = server.call_from(device.address, &device.activation(&[("nonce", NONCE)]));
                        assert!(again.status == 409 || again.text() == key, "another key: {again:?}");
                    }
                    assert!(device.is_alive(key), "an answered key is dead");
                }
                (true, None) => {
                    assert!(["notactivated", "activated"].contains(&&*status), "{status:?}");
                    let key = server.call(&device(server)).expect(200).text().to_owned();
                    assert!(device_of(server).is_alive(&key));
                }
                (false, None) => assert!(["", "notactivated"].contains(&&*status), "{status:?}"),
            }
        },
    );
    assert!(kills >= 8, "{kills} kills only");
}

fn device_of(server: &Server) -> Device<'_> {
    server.device("m", "A1")
}

#[test]
fn killed_at_every_call_of_an_upload() {
    const NEW: usize = 300_000;
    let original = stage(|vendor| vendor.upload("m", "fw", "text/plain", "the old bytes"));
    for (calls, at_least) in [(CONTENT_CALLS, 6), (STORE_CALLS, 2)] {
        let kills = at_every_call(
            &original,
            calls,
            |line| {
                let upload = line.server.vendor().request("POST", "/manage/content/m/fw");
                let upload = upload.header("Content-Type", "text/html").body(vec![b'n'; NEW]);
                line.ask(&upload, &[205]).is_some()
            },
            |server, answered, _| {
                let blob = server.vendor().call("GET", "/manage/content/m/fw?download=true").expect(200);
                let kind = blob.header("content-type").unwrap();
                match blob.body.len() {
                    NEW => assert!(kind == "text/html" && blob.body.iter().all(|byte| *byte == b'n')),
                    _ => assert!(!answered && kind == "text/plain" && blob.body == b"the old bytes", "{blob:?}"),
                }
                let unfinished = fs::read_dir(server.data().join("blobs/unfinished")).unwrap().count();
                assert_eq!(unfinished, 0, "files of the upload were left");
            },
        );
        assert!(kills >= at_least, "{kills} kills only at {calls}");
    }
}

#[test]
fn killed_at_every_call_of_a_batch() {
    const NUMBERS: i64 = 1_500;
    let original = stage(|_| {});
    let kills = at_every_call(
        &original,
        STORE_CALLS,
        |line| {
            let numbers: String = (0..NUMBERS).map(|n| format!("N-{n:06}\n")).collect();
            let batch = line.server.vendor().request("POST", "/manage/model/m/");
            line.ask(&batch.header("Content-Type", "text/csv").body(numbers), &[205]).is_some()
        },
        |server, answered, _| {
            let there = Witness::of(&server.data()).number("SELECT count(*) FROM serial_number");
            assert!(there == NUMBERS || (there == 0 && !answered), "{there} of {NUMBERS} are there");
        },
    );
    assert!(kills >= 10, "{kills} kills only");
}

/// What a start does by itself: it opens or makes the database, recovers the log, removes unfinished files, rows that deletions
/// left, and blobs that no row names.
#[test]
fn killed_at_every_call_of_a_start_and_its_sweeps() {
    let mut server = Server::start();
    let vendor = server.vendor();
    vendor.add_model("m", &[]);
    vendor.add_model("kept", &[]);
    vendor.add("kept", &["K1"]);
    vendor.upload("kept", "fw", "text/plain", "kept");
    vendor.upload("m", "fw", "text/plain", "nobody's");
    vendor.call("DELETE", "/manage/model/m").expect(205);
    assert!(server.stop().success());
    // The sweep is over already, or it is not: here it is begun anew in any case.
    damage(
        &server.data(),
        "INSERT INTO sweep (kind, subject_id) VALUES (1, 777777) ON CONFLICT DO NOTHING;
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1200)
         INSERT INTO serial_number (model_id, sn, event_count) SELECT 777777, 'N-' || n, 0 FROM n",
    );
    fs::write(server.data().join("blobs/unfinished/.tmpabc"), "half").unwrap();
    age_blobs(&server.data());

    let (next, kills, run_through) = (AtomicUsize::new(1), AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n > run_through.load(Ordering::SeqCst) {
                        break;
                    }
                    let copy = Copy::of(&server.data());
                    age_blobs(&copy.data());
                    match start_and_kill(&copy.data(), n) {
                        true => kills.fetch_add(1, Ordering::SeqCst),
                        false => run_through.fetch_min(n, Ordering::SeqCst),
                    };
                    assert_sound(&copy.data(), &format!("killed at call {n} of a start"));
                    assert_swept(&copy.data(), &server.cast);
                }
            });
        }
    });
    let kills = kills.into_inner();
    assert!(kills >= 10, "{kills} kills only");
}

/// Starts a server that is killed at the n-th call; false when it has done all its work before.
fn start_and_kill(data: &Path, n: usize) -> bool {
    let calls = format!("{STORE_CALLS},unlink,unlinkat");
    let mut command = strace(Path::new("/dev/null"), &calls, Some(&format!("{calls}:signal=KILL:when={n}")));
    command.arg(cikada()).args(["serve", "--http", "127.0.0.1:0", "--data"]).arg(data);
    let mut child = command.spawn().unwrap();
    let since = Instant::now();
    loop {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap_or_default();
        let is_dead = |id: &str| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("State:") && line.contains('Z'))
        };
        // It may wait for ever for a thread that it has killed itself.
        if child.try_wait().unwrap().is_some() || children.split(' ').any(|id| is_dead(id.trim())) {
            let _ = child.kill();
            let _ = child.wait();
            return true;
        }
        if is_swept(data) || since.elapsed() > Duration::from_secs(20) {
            let _ = Command::new("sh").arg("-c").arg(format!("kill -KILL {children}")).status();
            child.wait().unwrap();
            assert!(is_swept(data), "the sweeps don't come to an end");
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The rows of the deleted model and the blob of nobody are gone.
fn is_swept(data: &Path) -> bool {
    let is_blob = |path: &Path| path.is_file() && !path.ends_with("removal.lock");
    let blobs = fs::read_dir(data.join("blobs")).unwrap().filter(|entry| is_blob(&entry.as_ref().unwrap().path()));
    Witness::of(data).number("SELECT count(*) FROM sweep") == 0 && blobs.count() == 2
}

fn assert_swept(data: &Path, cast: &Cast) {
    let server = Server::on_copy_of(data, cast);
    let since = Instant::now();
    // The copy's blobs are new: only the rows are swept here.
    while Witness::of(&server.data()).number("SELECT count(*) FROM sweep") > 0 {
        assert!(since.elapsed() < Duration::from_secs(20), "the sweep was not taken up again");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(Witness::of(&server.data()).number("SELECT count(*) FROM serial_number"), 1);
    assert_eq!(server.vendor().call("GET", "/manage/content/kept/fw?download=true").expect(200).text(), "kept");
    assert_eq!(fs::read_dir(server.data().join("blobs/unfinished")).unwrap().count(), 0);
}

/// Makes blobs so old that one without a row is removed.
fn age_blobs(data: &Path) {
    for entry in fs::read_dir(data.join("blobs")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let long_ago = SystemTime::now() - Duration::from_secs(3 * 24 * 3600);
            File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
        }
    }
}

#[test]
fn killed_at_every_call_of_an_init() {
    let calls = format!("{STORE_CALLS},{CONTENT_CALLS},mkdir");
    let folder = tempfile::tempdir().unwrap();
    let init = |data: &Path, n: usize| {
        let inject = format!("{calls}:signal=KILL:when={n}");
        let mut command = strace(Path::new("/dev/null"), &calls, Some(&inject));
        command.arg(cikada()).args(["init", "--json", "--data"]).arg(data).stdout(Stdio::piped());
        command.output().unwrap()
    };
    let again = |data: &Path| Command::new(cikada()).args(["init", "--json", "--data"]).arg(data).output().unwrap();
    let mut n = 1;
    loop {
        let data = folder.path().join(n.to_string());
        let first = init(&data, n);
        if first.status.success() {
            break;
        }
        let second = again(&data);
        if second.status.success() {
            let cast = Cast::parse(std::str::from_utf8(&second.stdout).unwrap());
            if n % 16 == 0 {
                Server::on_copy_of(&data, &cast).vendor().call("GET", "/manage/model/").expect(200);
            }
        } else {
            // It was whole already; its credentials were shown to nobody, so it is a server that nobody can use.
            assert!(String::from_utf8_lossy(&second.stderr).contains("already holds a server"), "{second:?}");
        }
        assert_sound(&data, &format!("init killed at call {n}"));
        n += 1;
    }
    assert!(n > 30, "{n} calls only");
}
