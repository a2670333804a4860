//! An orderly stop: what was begun is ended, and the process says so with its exit code.

use std::thread;
use std::time::Duration;

use cikada_tests::{Request, Server, fresh_name};

#[test]
fn a_server_that_is_asked_to_stop_ends_well_and_comes_back_with_everything() {
    let mut server = Server::start();
    let model = fresh_name("stop");
    server.vendor().add_model(&model, &[]);
    let cik = server.vendor().activated(&model, "A1");
    server.vendor().upload(&model, "fw", "text/plain", "hello");
    assert!(server.stop().success());
    server.restart();
    assert_eq!(server.device(&model, "A1").blob(&cik, "fw").expect(200).text(), "hello");
    assert_eq!(server.vendor().status(&model, "A1"), "activated");
}

#[test]
fn idle_connections_dont_hold_up_a_stop() {
    let mut server = Server::start();
    let mut idle: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for connection in idle.iter_mut().take(10) {
        connection.ask(&Request::get("/timestamp")).unwrap().expect(200);
    }
    let since = std::time::Instant::now();
    assert!(server.stop().success());
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn a_request_that_has_begun_is_answered_before_the_stop() {
    let mut server = Server::start();
    let model = fresh_name("drain");
    server.vendor().add_model(&model, &[]);
    let path = format!("/manage/content/{model}/fw");
    let upload =
        server.vendor().request("POST", &path).header("Content-Type", "text/plain").body("x".repeat(1000)).to_bytes();
    let mut connection = server.connect();
    connection.send(&upload[..upload.len() - 500]).unwrap();
    thread::sleep(Duration::from_millis(200));
    let stopping = thread::spawn(move || {
        let status = server.stop();
        (server, status)
    });
    thread::sleep(Duration::from_millis(300));
    connection.send(&upload[upload.len() - 500..]).unwrap();
    connection.read_answer("POST").unwrap().expect(205);
    let (mut server, status) = stopping.join().unwrap();
    assert!(status.success());
    server.restart();
    server.vendor().call("GET", &format!("{path}?download=true")).expect(200);
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start();
    let second = std::process::Command::new(cikada_tests::cikada())
        .args(["serve", "--http", "127.0.0.1:0", "--data"])
        .arg(server.data())
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(!String::from_utf8_lossy(&second.stdout).contains("listening"));
    server.call(&Request::get("/timestamp")).expect(200);
}

#[test]
fn a_folder_that_holds_a_server_is_not_made_new() {
    let server = Server::start();
    let again = server.run_on_data("init");
    assert!(!again.status.success(), "{again:?}");
    assert!(!String::from_utf8_lossy(&again.stderr).is_empty());
    server.vendor().call("GET", "/manage/model/").expect(200);
}
