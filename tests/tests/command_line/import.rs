//! `cikada sn import`

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use cikada_tests::Server;

use crate::terminal::{Terminal, names, text};

fn count(vendor: &Terminal, model: &str) -> usize {
    vendor.json(&format!("sn list {model} --all")).as_array().unwrap().len()
}

#[test]
fn wrong_rows_are_told_by_line_and_the_rest_is_registered() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    vendor.run(&format!("sn add {model} there-1 there-2"));
    let long = "x".repeat(129);
    let csv = format!("A1,one\r\nthere-1\na/b\nA2,\"two, quoted\"\n\nA1\n{long}\nA3,x,y\n\"A4\nthere-2,changed\nA5\n");
    vendor.write("numbers.csv", csv);
    let output = vendor.try_run(&format!("sn import {model} numbers.csv --report wrong.csv"));
    assert_eq!(output.status.code(), Some(1));
    let wrong = std::fs::read_to_string(vendor.file("wrong.csv")).unwrap();
    let lines: Vec<&str> = wrong.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(lines[..4], ["3", "6", "8", "9"], "{wrong}");
    assert!(wrong.contains("7,"), "what only the server can refuse is reported as well: {wrong}");
    assert!(text(&output.stderr).contains("line 3: "));
    // The quote of line 9 is never closed: it takes the rest of the file with it.
    assert_eq!(count(&vendor, &model), 4);
    assert_eq!(vendor.json(&format!("sn show {model} A2"))["status"], "unused");
    let listed = vendor.run(&format!("sn list {model}"));
    assert!(listed.contains("two, quoted") && !listed.contains("changed"), "{listed}");
    assert_eq!(names(&vendor.file(".")), ["numbers.csv", "wrong.csv"], "nothing else stays behind");
}

#[test]
fn importing_again_registers_nothing_twice() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    let rows = |from: u32, to: u32| (from..to).map(|n| format!("N{n},e\n")).collect::<String>();
    vendor.write("numbers.csv", rows(0, 500));
    vendor.run(&format!("sn import {model} numbers.csv"));
    vendor.write("numbers.csv", rows(200, 700));
    let done = vendor.json(&format!("sn import {model} numbers.csv --batch 100"));
    assert_eq!((&done["registered"], &done["already"], &done["refused"]), (&200.into(), &300.into(), &0.into()));
    assert_eq!(count(&vendor, &model), 700);
}

/// Starts an import of many small batches, and waits until it has done some of them.
fn under_way(vendor: &Terminal, model: &str, file: &Path) -> Child {
    let words = format!("sn import {model} {} --batch 200", file.display());
    let mut child = vendor.command(&words).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let journal = file.with_file_name("numbers.csv.import");
    while !journal.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn sixty_thousand() -> String {
    (0..60_000).map(|n| format!("N{n}\n")).collect()
}

#[test]
fn an_import_that_was_stopped_goes_on_where_it_was() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    vendor.write("numbers.csv", sixty_thousand());
    let mut child = under_way(&vendor, &model, &vendor.file("numbers.csv"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(names(&vendor.file(".")), ["numbers.csv", "numbers.csv.import"]);

    let output = vendor.try_run(&format!("sn import {model} numbers.csv --json"));
    assert!(text(&output.stderr).contains("going on after line "), "{}", text(&output.stderr));
    let done: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(done["registered"].as_u64().unwrap() + done["already"].as_u64().unwrap(), 60_000);
    assert!(
        done["already"].as_u64().unwrap() <= 200,
        "at most the batch that was under way is asked for twice: {done}"
    );
    assert_eq!(count(&vendor, &model), 60_000);
    assert_eq!(names(&vendor.file(".")), ["numbers.csv"]);
}

#[test]
fn an_import_that_never_began_leaves_nothing_behind() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    vendor.write("numbers.csv", "A1\n");
    assert!(vendor.fails("sn import nothing numbers.csv").contains("404"));
    assert_eq!(names(&vendor.file(".")), ["numbers.csv"]);
}

#[test]
fn a_server_that_dies_in_an_import_has_whole_batches() {
    let mut server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("numbers.csv");
    std::fs::write(&file, sixty_thousand()).unwrap();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    let child = under_way(&vendor, &model, &file);
    drop(vendor);
    server.kill();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    server.restart();
    let vendor = Terminal::of_vendor(&server);
    assert_eq!(count(&vendor, &model) % 200, 0, "a batch is registered whole or not at all");
    // Another address is another server: the journal does not count, and what is there is skipped.
    let done = vendor.json(&format!("sn import {model} {} --batch 20000", file.display()));
    assert_eq!(done["registered"].as_u64().unwrap() + done["already"].as_u64().unwrap(), 60_000);
    assert_eq!(count(&vendor, &model), 60_000);
}

#[test]
fn a_header_is_skipped_when_asked() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    vendor.write("numbers.csv", "\u{feff}serial,note\nA1,x\n");
    vendor.run(&format!("sn import {model} numbers.csv --header"));
    assert_eq!(count(&vendor, &model), 1);
    assert!(vendor.fails(&format!("sn import {model} missing.csv")).contains("missing.csv"));
}
