//! `cikada sn`, but for `import`.

use cikada_tests::{Server, is_hex40};

use crate::terminal::Terminal;

#[test]
fn a_serial_number_goes_through_its_life() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let (model, owner) = (vendor.model(), &server.cast.owner.rid);
    let status = |sn: &str| vendor.json(&format!("sn show {model} {sn}"))["status"].as_str().unwrap().to_owned();

    vendor.run(&format!("sn add {model} A1 A2 A3 --extra week-4"));
    assert_eq!(status("A1"), "unused");
    let enabled = vendor.json(&format!("sn enable {model} A1 --owner {owner}"));
    let client = enabled["client"].as_str().unwrap();
    assert!(is_hex40(client), "{enabled}");
    assert_eq!(vendor.json(&format!("sn show {model} A1"))["client"], client);
    assert_eq!(status("A1"), "notactivated");
    let key = server.device(&model, "A1").activate_ok();
    assert_eq!(status("A1"), "activated");

    vendor.run(&format!("sn reenable {model} A1"));
    assert!(!server.device(&model, "A1").is_alive(&key), "the old key is dead");
    vendor.run(&format!("sn remap {model} A2 --from A1"));
    assert_eq!((status("A1").as_str(), status("A2").as_str()), ("unused", "notactivated"));
    assert_eq!(vendor.json(&format!("sn show {model} A2"))["client"], client, "the client moved");
    vendor.run(&format!("sn disable {model} A2"));
    assert_eq!(status("A2"), "expired");
    vendor.run(&format!("sn enable {model} A2"));
    assert_eq!(status("A2"), "notactivated", "enable without an owner opens a new window");
    vendor.run(&format!("sn delete {model} A1 A2"));
    assert!(vendor.fails(&format!("sn show {model} A1")).contains("404"));
    assert_eq!(vendor.json(&format!("sn list {model}")).as_array().unwrap().len(), 1);
}

#[test]
fn many_at_once_are_each_done_and_the_failures_counted() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let (model, owner) = (vendor.model(), &server.cast.owner.rid);
    vendor.run(&format!("sn add {model} A1 A2"));
    let said = vendor.try_run(&format!("sn enable {model} A1 nobody A2 --owner {owner}"));
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("1 of 3 failed"));
    for sn in ["A1", "A2"] {
        assert_eq!(vendor.json(&format!("sn show {model} {sn}"))["status"], "notactivated");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_what_to_do() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let (model, owner) = (vendor.model(), &server.cast.owner.rid);
    vendor.run(&format!("sn add {model} A1 A2"));
    vendor.run(&format!("sn enable {model} A1 --owner {owner}"));
    for (words, why) in [
        (format!("sn add {model} A3 A1"), "409"),
        (format!("sn add {model} a/b"), "400"),
        (format!("sn add {model} {}", "x".repeat(129)), "400"),
        ("sn add nothing A1".to_owned(), "404"),
        (format!("sn enable {model} A1 --owner {owner}"), "cikada sn reenable"),
        (format!("sn enable {model} A2 --owner {}", "0".repeat(40)), "own tree"),
        (format!("sn enable {model} A2 --owner xyz"), "400"),
        (format!("sn reenable {model} A2"), "--owner RID"),
        (format!("sn disable {model} A2"), "409"),
        (format!("sn remap {model} A1 --from A2"), "409"),
        (format!("sn remap {model} A9 --from A1"), "cikada sn add"),
        (format!("sn show {model} nobody"), "404"),
        (format!("sn log {model} nobody"), "404"),
    ] {
        assert!(vendor.fails(&words).contains(why), "{words}");
    }
    assert!(vendor.fails(&format!("sn show {model} A3")).contains("404"), "a refused batch registers nothing");
}

#[test]
fn a_list_is_paged_or_whole() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    let all: Vec<String> = (0..2345).map(|n| format!("N{n:04}")).collect();
    vendor.write("numbers.csv", all.join("\n"));
    vendor.run(&format!("sn import {model} numbers.csv"));
    let sns = |words: &str| -> Vec<String> {
        let list = vendor.json(&format!("sn list {model}{words}"));
        list.as_array().unwrap().iter().map(|row| row["sn"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(sns("").len(), 100);
    assert_eq!(sns(" --limit 3"), all[..3], "shorter than the server's shortest page");
    assert_eq!(sns(" --limit 1500 --offset 1000"), all[1000..], "longer than its longest");
    assert_eq!(sns(" --all"), all);
    let table = vendor.run(&format!("sn list {model} --limit 2"));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines, ["SN     STATUS  CLIENT  EXTRA", "N0000  unused  -       -", "N0001  unused  -       -"]);
}

#[test]
fn a_range_is_added_listed_and_removed() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    vendor.run(&format!("sn range add {model} 00:1B:C5:00:00:00 00:1B:C5:0F:FF:FF"));
    vendor.run(&format!("sn range add {model} 000000000000000000 999999999999999999"));
    assert_eq!(vendor.json(&format!("sn show {model} 00:1B:C5:00:12:34"))["status"], "unused");
    assert!(vendor.fails(&format!("sn show {model} 00:1b:c5:00:12:34")).contains("404"), "the spelling counts");
    assert!(vendor.run(&format!("sn range list {model}")).contains("1000000000000000000"));
    assert!(vendor.fails(&format!("sn range add {model} 000000000000000005 000000000000000006")).contains("overlaps"));
    assert!(vendor.fails(&format!("sn range add {model} 9 1")).contains("ends of a range"));
    assert!(
        vendor.fails(&format!("sn range remove {model} 000000000000000000 000000000000000005")).contains("no range")
    );

    let printed = vendor.run(&format!("sn range list {model} --json"));
    vendor.run(&format!("sn range remove {model} 00:1B:C5:00:00:00 00:1B:C5:0F:FF:FF"));
    vendor.run(&format!("sn range remove {model} 000000000000000000 999999999999999999"));
    assert_eq!(vendor.run(&format!("sn range list {model} --json")).trim(), "[]");
    vendor.write("ranges.json", &printed);
    vendor.run(&format!("sn range add {model} --from ranges.json"));
    assert_eq!(vendor.run(&format!("sn range list {model} --json")), printed, "what was printed can be added again");
    vendor.write("ranges.json", "{\"ranges\":7}");
    assert!(vendor.fails(&format!("sn range add {model} --from ranges.json")).contains("holds no ranges"));
}

#[test]
fn the_log_shows_who_called() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let (model, owner) = (vendor.model(), &server.cast.owner.rid);
    vendor.run(&format!("sn add {model} A1"));
    vendor.run(&format!("sn enable {model} A1 --owner {owner}"));
    let device = server.device(&model, "A1");
    device.activate_ok();
    device.activate().expect(409);
    let log = vendor.json(&format!("sn log {model} A1"));
    let log = log.as_array().unwrap();
    let tries: Vec<&str> = log.iter().rev().take(2).map(|row| row["result"].as_str().unwrap_or("")).collect();
    assert_eq!(tries, ["refused", "activated"], "newest last: {log:?}");
    assert!(log.iter().any(|row| row["from"] == device.address.to_string().as_str()), "{log:?}");
}
