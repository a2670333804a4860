//! The kernel, the disk and another process go wrong under a running server (THREATS F06 to F09, F12, F20): what cannot be
//! kept is refused, what can be read is served, and afterwards all is well by itself.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use cikada_tests::{Request, Server, Strace, World, assert_sound, fresh_address};

/// Something that writes, another number each time.
fn add(server: &Server, number: &str) -> Request {
    server.vendor().request("POST", "/manage/model/m/").body(format!("sn={number}"))
}

fn scene() -> Server {
    let server = Server::start();
    server.vendor().add_model("m", &[]);
    server.vendor().add("m", &["A1"]);
    server.vendor().upload("m", "fw", "text/plain", "the old bytes");
    server
}

fn blob(server: &Server) -> Request {
    server.vendor().request("GET", "/manage/content/m/fw?download=true")
}

#[test]
fn a_full_disk_refuses_writes_serves_reads_and_is_well_when_there_is_room() {
    let mut server = scene();
    let database = server.database_files().to_vec();
    for (faults, files, write) in [
        ("pwrite64:error=ENOSPC", &database[..], add(&server, "F1")),
        ("fsync,fdatasync:error=ENOSPC", &database[..], add(&server, "F2")),
        (
            "fsync:error=ENOSPC",
            &[][..],
            server.vendor().request("POST", "/manage/content/m/fw").header("Content-Type", "text/plain").body("new"),
        ),
    ] {
        // A failed sync may have lost what came before it: of the database that ends the process.
        let may_end = faults.starts_with("fsync,fdatasync");
        let held = Strace::inject_on(&server, faults, files);
        for _ in 0..3 {
            if let Ok(answer) = server.try_call_from(fresh_address(), &write) {
                answer.expect(503);
            }
            if !may_end {
                server.call(&blob(&server)).expect(200);
                server.vendor().look("m", "A1").expect(204);
            }
        }
        drop(held);
        if may_end {
            let status = server.end(Duration::from_secs(5)).expect("a sync of the database failed, and it goes on");
            assert!(!status.success());
            server.restart();
        }
        // What was refused before may be there after a failed sync: nobody knows, and nobody was told.
        let since = Instant::now();
        while server.call(&write).expect_any(&[205, 409, 503]).status == 503 {
            assert!(since.elapsed() < Duration::from_secs(5), "not well 5 s after there is room again: {faults}");
            thread::sleep(Duration::from_millis(50));
        }
    }
    server.kill();
    assert_sound(&server.data(), "after a full disk");
}

#[test]
fn a_failed_sync_of_the_database_ends_the_process_and_nothing_of_it_was_answered() {
    for n in 1..=3 {
        let mut server = scene();
        let faults = format!("fsync,fdatasync:error=EIO:when={n}");
        let held = Strace::inject_on(&server, &faults, &server.database_files());
        let mut answered = Vec::new();
        let mut failed = false;
        for number in ["F1", "F2", "F3", "F4", "F5"] {
            match server.try_call_from(fresh_address(), &add(&server, number)) {
                Ok(answer) if answer.status == 205 => {
                    assert!(!failed, "{number} was answered with 205 after a failed sync");
                    answered.push(number);
                }
                Ok(answer) => failed = answer.expect(503).status == 503,
                Err(_) => failed = true,
            }
        }
        drop(held);
        assert!(failed, "no sync failed");
        let status = server.end(Duration::from_secs(10)).expect("it goes on after a failed sync");
        assert_eq!(status.code(), Some(1));
        server.restart();
        for number in answered {
            server.vendor().look("m", number).expect(204);
        }
        server.kill();
        assert_sound(&server.data(), "after a failed sync");
    }
}

#[test]
fn a_failed_sync_of_a_blob_or_its_folder_ends_the_process_and_the_old_blob_is_there() {
    // The bytes, their sums, and the folder.
    for n in 1..=3 {
        let mut server = scene();
        let upload = server.vendor().request("POST", "/manage/content/m/fw").header("Content-Type", "text/html");
        let upload = upload.body(vec![b'n'; 100_000]);
        // All syncs of an upload are done by one thread.
        let held = Strace::inject(&server, &format!("fsync:error=EIO:when={n}"));
        if let Ok(answer) = server.try_call_from(fresh_address(), &upload) {
            answer.expect(503);
        }
        drop(held);
        let status = server.end(Duration::from_secs(10)).expect("it goes on after a failed sync");
        assert_eq!(status.code(), Some(1), "failed at sync {n}");
        server.restart();
        assert_eq!(server.call(&blob(&server)).expect(200).text(), "the old bytes");
        server.kill();
        assert_sound(&server.data(), "after a failed sync of a blob");
    }
}

#[test]
fn a_disk_that_cannot_be_read_gives_errors_and_never_wrong_bytes() {
    let mut server = Server::start();
    let world = World::furnish(&server);
    server.restart_with_cold_memory();
    let whole = server.device(&world.model, "active").blob(&world.device_cik, "firmware").expect(200).body;
    server.restart_with_cold_memory();
    let device = server.device(&world.model, "active");
    let held = Strace::inject(&server, "pread64:error=EIO");
    let mut faults = 0;
    for range in ["bytes=0-99", "bytes=150000-150999", "bytes=-5", "bytes=0-299999"] {
        let request = device.download_request(&world.device_cik, "&id=firmware").header("Range", range);
        match server.try_call_from(fresh_address(), &request) {
            Ok(answer) if answer.status == 206 => {
                let range = answer.header("content-range").unwrap().to_owned();
                let (from, to) = range.trim_start_matches("bytes ").split_once('/').unwrap().0.split_once('-').unwrap();
                let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
                assert_eq!(answer.body, whole[from..=to], "wrong bytes");
            }
            Ok(answer) => {
                answer.expect_any(&[500, 503]);
                faults += 1;
            }
            // Cut off in the body: the device sees that it is short.
            Err(_) => faults += 1,
        }
    }
    assert!(faults > 0, "no read failed");
    drop(held);
    if server.end(Duration::from_secs(1)).is_some() {
        server.restart();
    }
    let device = server.device(&world.model, "active");
    assert!(device.blob(&world.device_cik, "firmware").expect(200).body == whole);
    server.kill();
    assert_sound(&server.data(), "after failed reads");
}

#[test]
fn a_database_that_another_process_locks_makes_writes_wait_or_be_refused() {
    let server = scene();
    let lock = |held_for: Duration| {
        let data = server.data();
        let (locked, wait) = std::sync::mpsc::channel();
        let holder = thread::spawn(move || {
            let connection = cikada_tests::lock_database(&data);
            locked.send(()).unwrap();
            thread::sleep(held_for);
            drop(connection);
        });
        wait.recv().unwrap();
        holder
    };
    // A short one is waited for.
    let holder = lock(Duration::from_secs(1));
    let since = Instant::now();
    server.call(&add(&server, "W1")).expect(205);
    assert!(since.elapsed() > Duration::from_millis(700));
    holder.join().unwrap();
    // A long one is not, and nothing is left of what was refused.
    let holder = lock(Duration::from_secs(8));
    let since = Instant::now();
    server.call(&add(&server, "W2")).expect(503);
    assert!(since.elapsed() < Duration::from_millis(6500), "refused after {:?}", since.elapsed());
    server.vendor().look("m", "A1").expect(204);
    holder.join().unwrap();
    server.vendor().look("m", "W2").expect(404);
    server.call(&add(&server, "W2")).expect(205);
    assert_sound(&server.data(), "after a lock");
}

#[test]
fn slow_syncs_fill_the_queue_to_its_bound_and_reads_are_as_fast_as_before() {
    let server = Server::start_with("[store]\nqueue = 4\nbatch = 1\n");
    server.vendor().add_model("m", &[]);
    server.vendor().add("m", &["A1"]);
    let held = Strace::inject_on(&server, "fsync,fdatasync:delay_enter=400000", &server.database_files());
    let mut answers = Vec::new();
    let mut slowest = Duration::ZERO;
    thread::scope(|scope| {
        let server = &server;
        let writers: Vec<_> =
            (0..16).map(|n| scope.spawn(move || server.call(&add(server, &format!("S{n}"))).status)).collect();
        thread::sleep(Duration::from_millis(300));
        for _ in 0..10 {
            let since = Instant::now();
            server.call(&Request::get("/timestamp")).expect(200);
            server.vendor().look("m", "A1").expect(204);
            slowest = slowest.max(since.elapsed());
        }
        answers = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    });
    drop(held);
    let count = |status: u16| answers.iter().filter(|answer| **answer == status).count();
    assert!(count(205) >= 4 && count(503) >= 4 && count(205) + count(503) == 16, "{answers:?}");
    assert!(slowest < Duration::from_millis(350), "a read took {slowest:?}");
    let there = (0..16).filter(|n| server.vendor().look("m", &format!("S{n}")).status == 204).count();
    assert_eq!(there, count(205), "what was refused is there, or what was answered is not");
}

#[test]
fn a_process_that_stood_still_goes_on_and_its_polls_end() {
    let server = Server::start();
    let world = World::furnish(&server);
    let poll = Request::get("/onep:v1/stack/alias?temperature")
        .header("X-Exosite-CIK", &server.cast.owner.cik)
        .header("Request-Timeout", "1500");
    let mut waiting = server.connect();
    waiting.send(&poll.to_bytes()).unwrap();
    thread::sleep(Duration::from_millis(200));
    let signal = |name: &str| {
        let done = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", server.process_id())).status();
        assert!(done.unwrap().success());
    };
    signal("STOP");
    thread::sleep(Duration::from_secs(2));
    signal("CONT");
    waiting.read_answer("GET").unwrap().expect(304);
    assert!(server.device(&world.model, "active").is_alive(&world.device_cik));
    server.vendor().re_enable(&world.model, "dead").expect(205);
}
