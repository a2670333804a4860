//! Clients that hang up in the middle of what they say, say everything twice, or want more than there is (THREATS F13 to F15): what
//! was begun ends whole or not at all, nothing is done twice, and memory stays within its bounds.

use std::thread;
use std::time::{Duration, Instant};

use cikada_tests::{Request, Server, Witness, World, assert_sound, fresh_address, rpc_request};
use serde_json::json;

/// How many bytes of each request are sent, one by one.
const FIRST: usize = 2048;

#[test]
fn a_request_that_is_cut_at_any_byte_does_nothing() {
    let server = Server::start();
    let world = World::furnish(&server);
    let vendor = server.vendor();
    let owner = &server.cast.owner.cik;
    let csv: String = (0..150).map(|n| format!("CUT-{n:04}\n")).collect();
    let requests = [
        (
            "upload",
            vendor
                .request("POST", "/manage/content/boiler/firmware")
                .header("Content-Type", "text/plain")
                .body("new bytes"),
        ),
        ("batch", vendor.request("POST", "/manage/model/boiler/").header("Content-Type", "text/csv").body(csv)),
        (
            "enable",
            vendor
                .request("POST", "/manage/model/boiler/0100")
                .body(format!("enable=true&owner={}", server.cast.owner.rid)),
        ),
        ("disable", vendor.request("POST", "/manage/model/boiler/active").body("disable=true")),
        ("write", Request::new("POST", "/onep:v1/stack/alias").header("X-Exosite-CIK", owner).body("temperature=99.5")),
        ("rpc", rpc_request(json!({ "cik": owner }), "drop", json!([world.port]))),
        ("delete", vendor.request("DELETE", "/manage/model/barely").header("Connection", "close")),
    ];
    let witness = Witness::of(&server.data());
    for (what, request) in &requests {
        let bytes = request.to_bytes();
        let held = witness.held();
        for cut in 0..bytes.len().min(FIRST) {
            server.connect().send(&bytes[..cut]).unwrap();
        }
        // The last of them have been read and forgotten some time after this is answered.
        let since = Instant::now();
        while server.try_call_from(fresh_address(), &Request::get("/timestamp")).is_err() {
            assert!(since.elapsed() < Duration::from_secs(5), "nobody is served after clients that hung up");
        }
        thread::sleep(Duration::from_millis(100));
        assert_eq!(witness.held(), held, "{what}, cut off, did something");
    }
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.process_id())).unwrap().count();
    assert!(files < 120, "{files} files are open still");
    // A client that says everything and does not wait for the answer: it is done, wholly.
    for (what, request) in &requests {
        let version = witness.version();
        server.connect().send(&request.to_bytes()).unwrap();
        let since = Instant::now();
        while witness.version() == version {
            assert!(since.elapsed() < Duration::from_secs(10), "{what}: a request whose client had gone was not done");
            thread::sleep(Duration::from_millis(5));
        }
    }
    assert_eq!(vendor.look("boiler", "CUT-0149").status, 204);
    assert_eq!(vendor.status("boiler", "active"), "expired");
    assert_sound(&server.data(), "after clients that hung up");
}

#[test]
fn what_is_said_twice_is_done_once() {
    // Each is sent twice on one connection, as a broken proxy does it; what the second is answered.
    let server = Server::start();
    let world = World::furnish(&server);
    let vendor = server.vendor();
    let template = &server.cast.template.rid;
    let owner = &server.cast.owner;
    let form = |path: &str, body: String| vendor.request("POST", path).body(body);
    let twice: Vec<(&str, Request, u16, u16)> = vec![
        ("a model", form("/manage/model/", format!("model=twice&rid={template}")), 205, 409),
        ("a number", form("/manage/model/boiler/", "sn=twice".into()), 205, 409),
        ("numbers", form("/manage/model/boiler/", "sn[]=twice1&sn[]=twice2".into()), 205, 409),
        ("an enable", form("/manage/model/boiler/twice", format!("enable=true&owner={}", owner.rid)), 200, 409),
        ("an activation", server.device("boiler", "twice").activation(&[]), 200, 409),
        ("a removal", form("/manage/model/boiler/", "delete=true&sn=twice1".into()), 205, 205),
        ("a content", form("/manage/content/boiler/", "id=twice&meta=".into()), 205, 409),
        (
            "an upload",
            vendor.request("POST", "/manage/content/boiler/twice").header("Content-Type", "text/plain").body("x"),
            205,
            205,
        ),
        ("a deletion", vendor.request("DELETE", "/manage/content/boiler/twice"), 205, 404),
        ("a group", form("/manage/group/boiler/", "id=twice&meta=".into()), 205, 409),
        ("a member", form("/manage/group/boiler/twice/", "type=sn&id=active".into()), 205, 205),
        ("a share", form("/manage/share/boiler/", "vendor=lone".into()), 205, 205),
        ("a token", form("/admin/auth/", "id=twice".into()), 200, 409),
        ("the end of a token", vendor.request("DELETE", "/admin/auth/twice"), 205, 404),
        ("a disable", form("/manage/model/boiler/active", "disable=true".into()), 205, 205),
        ("a drop", rpc_request(json!({"cik": owner.cik}), "drop", json!([world.port])), 200, 200),
    ];
    for (what, request, first, second) in twice {
        let mut connection = server.connect_from(fresh_address());
        connection.send(&[request.to_bytes(), request.to_bytes()].concat()).unwrap();
        let answers =
            [connection.read_answer(request.method()).unwrap(), connection.read_answer(request.method()).unwrap()];
        assert_eq!((answers[0].status, answers[1].status), (first, second), "{what}: {answers:?}");
    }
    let witness = Witness::of(&server.data());
    for (what, sql, expected) in [
        ("clients of the number", "SELECT count(*) FROM serial_number WHERE sn = 'twice' AND client_id IS NOT NULL", 1),
        (
            "activations in its log",
            "SELECT count(*) FROM event e JOIN client c ON c.answer_id = e.id JOIN serial_number s ON s.client_id = c.id AND s.sn = 'twice' WHERE e.verb = 1",
            1,
        ),
        (
            "shares",
            "SELECT count(*) FROM model_share s JOIN vendor v ON v.client_id = s.vendor_id WHERE v.name = 'lone'",
            1,
        ),
        ("events of the share", "SELECT count(*) FROM event WHERE verb = 20 AND detail LIKE '%lone'", 1),
        ("members", "SELECT count(*) FROM membership WHERE group_id = 'twice'", 1),
        ("tokens", "SELECT count(*) FROM vendor_token WHERE name = 'twice'", 0),
        ("models", "SELECT count(*) FROM model WHERE name = 'twice'", 1),
    ] {
        assert_eq!(witness.number(sql), expected, "{what}");
    }
    assert_sound(&server.data(), "after everything was said twice");
}

#[test]
fn a_mixed_load_of_large_things_stays_within_256_mib() {
    const MOST_BYTES: u64 = 256 << 20;
    let server = Server::start();
    let vendor = server.vendor();
    vendor.add_model("m", &[]);
    vendor.upload("m", "big", "application/octet-stream", vec![5; 64 << 20]);
    let most = std::sync::atomic::AtomicU64::new(0);
    thread::scope(|scope| {
        let (server, vendor) = (&server, &vendor);
        let mut workers = Vec::new();
        for n in 0..4 {
            workers.push(scope.spawn(move || {
                let request = vendor.request("POST", &format!("/manage/content/m/up{n}"));
                server
                    .call(&request.header("Content-Type", "text/plain").body(vec![n; 24 << 20]))
                    .expect_any(&[205, 503]);
            }));
            workers.push(scope.spawn(move || {
                vendor.call("GET", "/manage/content/m/big?download=true").expect(200);
            }));
            workers.push(scope.spawn(move || {
                let lines: String = (0..100_000).map(|line| format!("W{n}-{line:06}\n")).collect();
                let request = vendor.request("POST", "/manage/model/m/").header("Content-Type", "text/csv").body(lines);
                server.call(&request).expect_any(&[205, 503]);
            }));
        }
        while !workers.iter().all(|worker| worker.is_finished()) {
            most.fetch_max(server.resident_bytes(), std::sync::atomic::Ordering::SeqCst);
            thread::sleep(Duration::from_millis(5));
        }
    });
    let most = most.into_inner();
    println!("at most {} MiB", most >> 20);
    assert!(most < MOST_BYTES, "{} MiB at once", most >> 20);
}
