//! What one node changed is known on every other: keys at once, those who wait within two seconds, also where the channel on which nodes
//! ring is lost (T42).

use std::thread;
use std::time::{Duration, Instant};

use cikada_tests::{Postgres, Request, Server, WebSocket, fresh_name};

/// Two nodes and a device with its key and a dataport.
struct Scene {
    nodes: [Server; 2],
    url: String,
    model: String,
    key: String,
}

fn scene() -> Scene {
    let url = Postgres::shared().database();
    let first = Server::start_on(Some(&url), "");
    let second = first.join(None);
    let model = fresh_name("rights");
    first.vendor().add_model(&model, &[]);
    let key = first.vendor().activated(&model, "A1");
    let create = format!(
        r#"{{"auth":{{"cik":"{key}"}},"calls":[{{"id":1,"procedure":"create","arguments":["dataport",{{"format":"string","name":"d"}}]}}]}}"#
    );
    let rid =
        call_rpc(&first, &create).split('"').rfind(|word| cikada_tests::is_hex40(word)).expect("a RID").to_owned();
    let map = format!(
        r#"{{"auth":{{"cik":"{key}"}},"calls":[{{"id":1,"procedure":"map","arguments":["alias","{rid}","d"]}}]}}"#
    );
    call_rpc(&first, &map);
    Scene { nodes: [first, second], url, model, key }
}

fn call_rpc(node: &Server, body: &str) -> String {
    let request = Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json").body(body);
    let answer = node.call(&request).expect(200);
    assert!(answer.text().contains("\"ok\""), "{answer:?}");
    answer.text().to_owned()
}

fn read(key: &str) -> Request {
    Request::get("/onep:v1/stack/alias?d")
        .header("X-Exosite-CIK", key)
        .header("Accept", "application/x-www-form-urlencoded")
}

fn write(node: &Server, key: &str, value: &str) {
    node.call(&Request::post("/onep:v1/stack/alias", &[("d", value)]).header("X-Exosite-CIK", key)).expect(204);
}

/// Ends the sessions in which nodes listen for others, over and over, until it is dropped.
fn without_ringing<T>(scene: &Scene, act: impl FnOnce() -> T) -> T {
    let ended = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(std::sync::atomic::Ordering::SeqCst) {
                Postgres::shared().query(
                    &scene.url,
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()",
                );
                thread::sleep(Duration::from_millis(20));
            }
        });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        ended.store(true, std::sync::atomic::Ordering::SeqCst);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn a_value_and_a_key_are_known_on_the_other_node_at_once() {
    let scene = scene();
    let [first, second] = &scene.nodes;
    let vendor = first.vendor();
    let mut key = scene.key.clone();
    for round in 0..20 {
        let value = format!("v{round}");
        write(first, &key, &value);
        // Twice, so that it is remembered there.
        for _ in 0..2 {
            assert_eq!(second.call(&read(&key)).expect(200).text(), format!("d={value}"));
        }
        vendor.re_enable(&scene.model, "A1").expect(205);
        assert_eq!(second.call(&read(&key)).status, 401, "round {round}: a dead key works on another node");
        key = second.device(&scene.model, "A1").activate_ok();
        assert_eq!(first.call(&read(&key)).expect(200).text(), format!("d={value}"));
    }
}

#[test]
fn who_waits_on_one_node_hears_of_a_value_from_another() {
    let scene = scene();
    let [first, second] = &scene.nodes;
    write(first, &scene.key, "before");
    for (is_cut, limit) in [(false, Duration::from_millis(700)), (true, Duration::from_secs(2))] {
        let wait = || {
            let mut connection = second.connect();
            let request = read(&scene.key).header("Request-Timeout", "10000");
            thread::scope(|scope| {
                let waiting = scope.spawn(move || connection.ask(&request).expect("an answer"));
                // It has to wait before the value comes.
                thread::sleep(Duration::from_millis(1500));
                let value = format!("cut-{is_cut}");
                write(first, &scene.key, &value);
                let written = Instant::now();
                let answer = waiting.join().unwrap().expect(200);
                assert_eq!(answer.text(), format!("d={value}"));
                assert!(written.elapsed() < limit, "{:?}", written.elapsed());
            });
        };
        if is_cut { without_ringing(&scene, wait) } else { wait() }
    }
}

#[test]
fn a_right_that_ended_on_one_node_ends_what_is_held_on_another() {
    let scene = scene();
    let [first, second] = &scene.nodes;
    let mut key = scene.key.clone();
    for is_cut in [false, true] {
        let hold = || {
            let mut socket = WebSocket::open_as(second, &key);
            let mut connection = second.connect();
            let request = read(&key).header("Request-Timeout", "10000");
            thread::scope(|scope| {
                let waiting = scope.spawn(move || connection.ask(&request).expect("an answer"));
                thread::sleep(Duration::from_millis(1500));
                first.vendor().disable(&scene.model, "A1").expect(205);
                let ended = Instant::now();
                assert_eq!(waiting.join().unwrap().status, 401);
                while !matches!(socket.hear(), cikada_tests::Heard::Close(_) | cikada_tests::Heard::End) {}
                assert!(ended.elapsed() < Duration::from_secs(2), "{:?}", ended.elapsed());
            });
        };
        if is_cut {
            without_ringing(&scene, hold)
        } else {
            hold()
        }
        first.vendor().re_enable(&scene.model, "A1").expect(205);
        key = second.device(&scene.model, "A1").activate_ok();
        // Its first use.
        second.call(&read(&key));
    }
}
