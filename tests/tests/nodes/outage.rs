//! The database stops and comes back, and a node dies, under load (F10): what was answered is kept, what could not be answered is 503.

use std::time::{Duration, Instant};

use cikada_tests::{Postgres, Server, Stop, fresh_name};

use crate::load::{Journal, open_model};

const WORKERS: usize = 8;

#[test]
fn a_node_that_is_killed_loses_nothing_that_was_answered() {
    let first = Server::start_on(Some(&Postgres::shared().database()), "");
    let mut second = first.join(None);
    let third = first.join(None);
    let model = fresh_name("killed");
    open_model(&first.vendor(), &model, 2);
    let journal = Journal::default();
    {
        let id = second.process_id();
        journal.run(&[&first, &second, &third], &model, WORKERS, || {
            journal.wait_for_more(60, Duration::from_secs(30));
            let killed = std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
            assert!(killed.success());
            // The others go on.
            journal.wait_for_more(60, Duration::from_secs(10));
        });
    }
    second.wait_until_gone();
    journal.require_kept(&third, &model);
    println!("{} activations", journal.activated());
}

#[test]
fn while_postgresql_is_gone_the_answer_is_503_and_nothing_is_lost() {
    let postgres = Postgres::start();
    let first = Server::start_on(Some(&postgres.database()), "");
    let second = first.join(None);
    let model = fresh_name("outage");
    open_model(&first.vendor(), &model, 3);
    let journal = Journal::default();
    journal.run(&[&first, &second], &model, WORKERS, || {
        for how in [Stop::Fast, Stop::Immediate, Stop::Kill] {
            journal.wait_for_more(40, Duration::from_secs(30));
            postgres.stop(how);
            std::thread::sleep(Duration::from_millis(700));
            postgres.run();
            let back = Instant::now();
            journal.wait_for_more(20, Duration::from_secs(5));
            println!("{how:?}: 20 more after {:?}", back.elapsed());
        }
    });
    assert!(!journal.waits.lock().unwrap().is_empty(), "nobody noticed");
    for node in [&first, &second] {
        journal.require_kept(node, &model);
    }
    println!("{} activations, {} waits", journal.activated(), journal.waits.lock().unwrap().len());
}
