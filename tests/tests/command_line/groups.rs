//! `cikada group`

use cikada_tests::Server;

use crate::terminal::Terminal;

#[test]
fn a_group_opens_protected_content() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    vendor.write("fw.bin", "beta");
    vendor.run(&format!("content upload {model} beta-fw fw.bin --protected"));
    vendor.run(&format!("sn add {model} A1 A2 A3"));
    vendor.run(&format!("group create {model} beta --meta early"));
    vendor.run(&format!("group create {model} outer"));
    vendor.run(&format!("group add {model} beta sn A1 A2 --until +1d --meta friends"));
    vendor.run(&format!("group add {model} beta sn A3 --until 2001-01-01"));
    vendor.run(&format!("group add {model} outer content beta-fw"));
    vendor.run(&format!("group add {model} outer group beta"));
    let may = |sn: &str| vendor.run(&format!("content list {model} --sn {sn}"));
    assert_eq!((may("A1").as_str(), may("A3").as_str()), ("beta-fw\n", ""), "an expired membership opens nothing");

    let shown = vendor.json(&format!("group show {model} beta"));
    assert_eq!((&shown["meta"], &shown["members"]), (&"early".into(), &3.into()));
    let members = vendor.json(&format!("group members {model} beta --type sn --id A3"));
    assert_eq!((&members[0]["until"], members.as_array().unwrap().len()), (&978_307_200.into(), 1));
    assert_eq!(vendor.run(&format!("sn groups {model} A1")), "beta\n");
    assert_eq!(vendor.run(&format!("content groups {model} beta-fw")), "outer\n");
    assert_eq!(vendor.run(&format!("group groups {model} beta")), "outer\n");
    assert!(vendor.run(&format!("group list {model}")).contains("early"));

    vendor.run(&format!("group remove {model} beta sn A1"));
    assert_eq!(may("A1"), "");
    vendor.run(&format!("group delete {model} beta"));
    assert_eq!(may("A2"), "");
}

#[test]
fn a_member_must_exist_and_nothing_is_half_done() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    vendor.run(&format!("sn add {model} A1"));
    vendor.run(&format!("group create {model} beta"));
    for (words, why) in [
        (format!("group create {model} beta"), "409"),
        (format!("group add {model} beta sn A1 nobody"), "400"),
        (format!("group add {model} nothing sn A1"), "404"),
        (format!("group show {model} nothing"), "404"),
        (format!("group delete {model} nothing"), "404"),
    ] {
        assert!(vendor.fails(&words).contains(why), "{words}");
    }
    assert_eq!(vendor.json(&format!("group members {model} beta")), serde_json::json!([]));
    assert_eq!(vendor.try_run(&format!("group add {model} beta thing A1")).status.code(), Some(2));
}
