//! Content in an object store, over HTTP.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use cikada_tests::{Connection, Request, Server, cikada};

use crate::faulty::{Fault, Faulty};
use crate::s3::{BUCKET, KEY, S3};

const DEADLINE: Duration = Duration::from_secs(2);

fn configuration(network: &Faulty, more: &str) -> String {
    format!(
        "[blob]\nurl = \"s3://{BUCKET}/prod\"\nendpoint = \"http://{}\"\nregion = \"eu-central-1\"\n\
         access_key_id = \"{}\"\nsecret_access_key = \"{}\"\ndeadline_s = {}\n{more}",
        network.address(),
        KEY.0,
        KEY.1,
        DEADLINE.as_secs(),
    )
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

#[test]
fn content_in_an_object_store_is_served_like_any_other() {
    let store = S3::start();
    let network = Faulty::before(store.address());
    let mut server = Server::start_with(&configuration(&network, ""));
    server.vendor().add_model("m", &[]);
    let cik = server.vendor().activated("m", "A1");
    let (small, large) = (bytes(1000), bytes((9 << 20) + 13));
    for (id, blob) in [("small", &small), ("large", &large)] {
        server.vendor().upload("m", id, "application/octet-stream", blob.clone());
        assert!(server.device("m", "A1").blob(&cik, id).body == *blob);
    }
    assert!(!server.data().join("blobs").exists(), "nothing is in the data folder but what is kept of the store");
    assert_eq!(store.names("prod").iter().filter(|name| !name.ends_with(".sum")).count(), 2);
    server.stop();
    fs::remove_dir_all(server.data().join("blob-cache")).unwrap();
    server.restart();
    let device = server.device("m", "A1");
    let part = server.call(&device.download_request(&cik, "&id=large").header("Range", "bytes=8388600-8388700"));
    assert!(part.expect(206).body == large[8_388_600..=8_388_700]);
    assert!(device.blob(&cik, "large").body == large);

    // What is in the store is checked against the rows like what is on a disk.
    let fsck = || {
        let mut command = Command::new(cikada());
        command.arg("fsck").arg("--data").arg(server.data()).arg("--config");
        command.arg(server.data().parent().unwrap().join("cikada.toml")).output().unwrap()
    };
    let clean = fsck();
    assert!(clean.status.success(), "{clean:?}");
    let name = store.names("prod").into_iter().find(|name| !name.ends_with(".sum")).unwrap();
    fs::write(store.file(&format!("prod/{name}")), b"other bytes").unwrap();
    let broken = fsck();
    assert!(!broken.status.success());
    let said = String::from_utf8_lossy(&broken.stdout);
    assert!(said.contains(&format!("a blob that is not what its row names: {name}")), "{said}");
}

#[test]
fn while_the_store_fails_it_is_503_in_time_and_then_it_works_again() {
    let store = S3::start();
    let network = Faulty::before(store.address());
    let server = Server::start_with(&configuration(&network, "kept_bytes = 0\ncache_bytes = 0\n"));
    server.vendor().add_model("m", &[]);
    let cik = server.vendor().activated("m", "A1");
    let blob = bytes(3 << 20);
    server.vendor().upload("m", "fw", "application/octet-stream", blob.clone());
    let device = server.device("m", "A1");
    for fault in [Fault::Freeze, Fault::Refuse, Fault::Answer(500), Fault::Flip(2000)] {
        network.set(fault);
        let began = Instant::now();
        let answer = server.call(&device.download_request(&cik, "&id=fw")).expect(503);
        assert!(answer.header("retry-after").is_some(), "{fault:?}");
        assert!(began.elapsed() < DEADLINE * 3, "{fault:?}: {:?}", began.elapsed());
        let began = Instant::now();
        let upload = Request::new("POST", "/provision/manage/content/m/new")
            .header("X-Exosite-CIK", &server.cast.vendor.cik)
            .header("Content-Type", "application/octet-stream")
            .body(bytes(5000));
        server.vendor().post("/provision/manage/content/m/", &[("id", "new"), ("meta", "")]);
        let answer = server.call(&upload).expect(503);
        assert!(answer.header("retry-after").is_some(), "{fault:?}");
        assert!(began.elapsed() < DEADLINE * 3, "{fault:?}: {:?}", began.elapsed());
        if fault != Fault::Flip(2000) {
            std::thread::sleep(Duration::from_millis(1100));
            server.call(&Request::get("/readyz")).expect(503);
        }
        server.call(&Request::get("/healthz")).expect(200);
        assert!(device.list(&cik).expect(200).lines().contains(&"fw"), "rows are there all the time");
        network.set(Fault::None);
        assert!(device.blob(&cik, "fw").body == blob, "{fault:?}: and now it works again");
    }
    std::thread::sleep(Duration::from_millis(1100));
    server.call(&Request::get("/readyz")).expect(200);
}

#[test]
fn a_download_that_the_store_breaks_off_ends_short_and_never_wrong() {
    let store = S3::start();
    let network = Faulty::before(store.address());
    let server = Server::start_with(&configuration(&network, "kept_bytes = 0\npiece_bytes = 1048576\n"));
    server.vendor().add_model("m", &[]);
    let cik = server.vendor().activated("m", "A1");
    // More than all sockets on the way hold.
    let blob = bytes(32 << 20);
    server.vendor().upload("m", "fw", "application/octet-stream", blob.clone());
    let request = server.device("m", "A1").download_request(&cik, "&id=fw");
    let mut connection = Connection::open(server.address).unwrap().patience(Duration::from_secs(30));
    connection.send(&request.to_bytes()).unwrap();
    let mut come = connection.read_some().unwrap();
    network.set(Fault::Refuse);
    // The peer may see the end or a reset; what came before is what counts.
    while let Ok(more) = connection.read_some()
        && !more.is_empty()
    {
        come.extend(more);
    }
    let head = come.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(come.starts_with(b"HTTP/1.1 200"));
    assert!(come.len() < head + blob.len(), "it was broken off");
    assert!(come[head..] == blob[..come.len() - head], "what came is right");
    network.set(Fault::None);
    let first = come.len() - head;
    let rest = server.device("m", "A1").download_request(&cik, "&id=fw").header("Range", &format!("bytes={first}-"));
    assert!(server.call(&rest).expect(206).body == blob[first..], "and the rest can be had");
}
