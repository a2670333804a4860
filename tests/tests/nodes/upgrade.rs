//! Nodes of two releases on one database: the earlier goes on while the later has only added to the schema.

use std::process::Command;

use cikada_tests::{Postgres, Server, cikada, fresh_name};

#[test]
fn a_node_of_the_release_before_goes_on_beside_a_later_schema() {
    let postgres = Postgres::shared();
    let url = postgres.database();
    let running = Server::start_on(Some(&url), "");
    // What a later release does at its first start: a migration that adds a table and a column.
    postgres.query(&url, "ALTER TABLE model ADD COLUMN of_later BIGINT; CREATE TABLE later (id BIGINT PRIMARY KEY)");
    postgres.query(&url, "UPDATE schema_version SET version = version + 1");
    let model = fresh_name("upgrade");
    running.vendor().add_model(&model, &[]);
    let joined = running.join(None);
    let key = running.vendor().activated(&model, "A1");
    assert!(joined.device(&model, "A1").is_alive(&key));
}

#[test]
fn a_node_that_is_too_old_says_so_and_does_not_start() {
    let postgres = Postgres::shared();
    let url = postgres.database();
    let running = Server::start_on(Some(&url), "");
    postgres.query(&url, "UPDATE schema_version SET version = version + 1, works_from = version + 1");
    let mut late = Command::new(cikada());
    late.args(["serve", "--http", "127.0.0.1:0", "--store", &url, "--data"]).arg(running.data().with_extension("late"));
    late.arg("--master-key").arg(running.data().join("master.key"));
    let output = late.output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("later release"), "{said}");
    assert!(!said.contains("password"), "{said}");
}
