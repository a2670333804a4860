//! The way to the database is cut, frozen, or swallows answers (F11): nobody waits beyond the deadline, and no answer is false.

use std::time::{Duration, Instant};

use cikada_tests::{Gate, Postgres, Server, fresh_name};

use crate::load::{Journal, open_model};

/// A statement may take a moment only, so that the tests need not wait long.
const CONFIG: &str = "[store]\ntimeout_ms = 1500\n";
/// The end of a request: a statement of the old connection, a look for its outcome, and a new connection.
const DEADLINE: Duration = Duration::from_secs(8);
const KNOWN: &str = "it is known what became of the COMMIT";

fn scene() -> (Gate, Server, Server, String) {
    let postgres = Postgres::shared();
    let url = postgres.database();
    let gate = Gate::before(postgres.address());
    let direct = Server::start_on(Some(&url), CONFIG);
    let behind = direct.join(Some(&postgres.url_by(&url, gate.address)));
    let model = fresh_name("network");
    open_model(&direct.vendor(), &model, 2);
    (gate, direct, behind, model)
}

#[test]
fn connections_that_are_cut_at_any_moment_cost_no_device_its_key() {
    let (gate, direct, behind, model) = scene();
    let journal = Journal::default();
    journal.run(&[&behind], &model, 8, || {
        journal.wait_for_more(20, Duration::from_secs(30));
        for round in 0..60 {
            // Answers are lost, among them those of COMMITs, and then the connection is.
            gate.deafen();
            std::thread::sleep(Duration::from_millis(5 + round % 7 * 10));
            gate.cut();
            gate.open();
            journal.wait_for_more(5, Duration::from_secs(10));
            if round >= 8 && behind.errors().matches(KNOWN).count() >= 2 {
                break;
            }
        }
    });
    let unknown = behind.errors().matches(KNOWN).count();
    println!("{} activations, {unknown} COMMITs of unknown outcome", journal.activated());
    assert!(unknown > 0, "no COMMIT was under way when a connection was cut");
    journal.require_kept(&direct, &model);
}

#[test]
fn a_frozen_connection_hangs_nobody_beyond_the_deadline() {
    let (gate, direct, behind, model) = scene();
    let journal = Journal::default();
    journal.run(&[&behind], &model, 8, || {
        journal.wait_for_more(20, Duration::from_secs(30));
        gate.freeze();
        std::thread::sleep(Duration::from_secs(5));
        gate.open();
        let back = Instant::now();
        journal.wait_for_more(20, Duration::from_secs(10));
        println!("20 more after {:?}", back.elapsed());
    });
    let longest = *journal.longest.lock().unwrap();
    assert!(longest < DEADLINE, "somebody waited for {longest:?}");
    assert!(!journal.waits.lock().unwrap().is_empty(), "nobody noticed");
    journal.require_kept(&direct, &model);
    println!("the longest wait: {longest:?}");
}

#[test]
fn a_node_that_froze_in_a_transaction_keeps_the_others_waiting_for_a_moment_only() {
    let (gate, direct, behind, model) = scene();
    let journal = Journal::default();
    journal.run(&[&behind], &model, 4, || {
        journal.wait_for_more(20, Duration::from_secs(30));
        gate.freeze();
        let frozen = Instant::now();
        // Its locks are taken from it.
        let vendor = direct.vendor();
        let add = vendor.request("POST", &format!("/manage/model/{model}/"));
        let add = add.header("Content-Type", "application/x-www-form-urlencoded").body("sn=X1");
        while direct.call(&add).expect_any(&[205, 503]).status == 503 {}
        let waited = frozen.elapsed();
        gate.open();
        assert!(waited < Duration::from_secs(3), "{waited:?}");
        journal.wait_for_more(5, Duration::from_secs(15));
    });
    journal.require_kept(&direct, &model);
}
