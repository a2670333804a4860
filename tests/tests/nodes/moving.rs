//! A server moves from SQLite to PostgreSQL and back: everything works as before, on both.

use std::process::{Command, Output};

use cikada_tests::{Postgres, Server, cikada, fresh_name};

fn migrate(server: &Server, from: &str, to: &str) -> Output {
    let mut command = Command::new(cikada());
    command.args(["migrate", "--from", from, "--to", to, "--data"]).arg(server.data());
    command.output().expect("cikada can be started")
}

#[test]
fn rows_move_to_postgresql_and_back() {
    let url = Postgres::shared().database();
    let mut server = Server::start_on(None, "");
    let model = fresh_name("moving");
    server.vendor().add_model(&model, &[]);
    server.vendor().add_range(&model, r#"{"format":"base10","first":100,"last":200}"#);
    let first = server.vendor().activated(&model, "A1");
    server.vendor().add_group(&model, "g");
    server.vendor().upload(&model, "firmware", "application/octet-stream", "bytes");
    // Nobody moves what is being served.
    let busy = migrate(&server, "sqlite:", &url);
    assert!(!busy.status.success() && String::from_utf8_lossy(&busy.stderr).contains("another server"), "{busy:?}");
    assert!(server.stop().success());

    let moved = migrate(&server, "sqlite:", &url);
    assert!(moved.status.success(), "{moved:?}");
    assert!(String::from_utf8_lossy(&moved.stdout).contains("agree"), "{moved:?}");
    assert!(!String::from_utf8_lossy(&moved.stdout).contains("password"), "{moved:?}");
    let again = migrate(&server, "sqlite:", &url);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("already holds"), "{again:?}");

    server.move_to(Some(&url));
    server.restart();
    assert!(server.device(&model, "A1").is_alive(&first));
    assert_eq!(server.device(&model, "A1").blob(&first, "firmware").expect(200).text(), "bytes");
    let second = server.vendor().activated(&model, "150");
    server.vendor().add(&model, &["A2"]);
    assert!(server.run_on_data("fsck").status.success());
    assert!(server.stop().success());

    let file = server.data().join("back.db");
    let back = migrate(&server, &url, &format!("sqlite:{}", file.display()));
    assert!(back.status.success(), "{back:?}");
    std::fs::rename(&file, server.data().join("cikada.db")).unwrap();
    for rest in ["cikada.db-wal", "cikada.db-shm"] {
        let _ = std::fs::remove_file(server.data().join(rest));
    }
    server.move_to(None);
    server.restart();
    for (sn, key) in [("A1", &first), ("150", &second)] {
        assert!(server.device(&model, sn).is_alive(key), "{sn}");
    }
    server.vendor().activated(&model, "A3");
    assert!(server.run_on_data("fsck").status.success());
}
