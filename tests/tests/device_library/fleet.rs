//! `cikada fleet` on a bad link: every device ends with its key and its firmware, with nobody's help.

use std::process::{Command, Output};

use cikada_tests::{Server, cikada};

fn fleet(server: &Server, arguments: &[&str]) -> Output {
    Command::new(cikada())
        .args(["fleet", "--json", "--server", &format!("http://{}", server.address)])
        .args(["--vendor", &server.cast.vendor_name, "--owner", &server.cast.owner.rid])
        .args(["--template", &server.cast.template.rid])
        .args(arguments)
        .env("CIKADA_TOKEN", &server.cast.vendor_token)
        .env_remove("CIKADA_CIK")
        .output()
        .expect("cikada can be started")
}

#[test]
fn a_fleet_with_a_third_of_its_answers_lost_is_active_and_updated_in_the_end() {
    let server = Server::start();
    let weather = ["--loss", "30", "--cut", "10", "--crash", "2", "--speed", "30", "--stagger", "1", "--within", "4m"];
    let output = fleet(&server, &[&["--devices", "120", "--seed", "11"], &weather[..]].concat());
    let summary = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{summary}{}", String::from_utf8_lossy(&output.stderr));
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["activated"], "120 of 120");
    assert_eq!(summary["updated"], "120 of 120");
    assert_eq!(summary["broken_promises"], 0);
    for happened in ["answers_lost", "answers_cut", "crashes"] {
        assert!(summary[happened].as_u64().unwrap() > 10, "{summary}");
    }
    // The server's own view of it.
    let list = server.vendor().call("GET", "/manage/model/fleet-11/?status=true&limit=1000").expect(200);
    assert_eq!(list.lines().iter().filter(|line| line.contains(",activated,")).count(), 120);
}

#[test]
fn half_of_a_fleet_speaks_coap_and_is_as_well_off() {
    let server = Server::start();
    let coap = server.coap().to_string();
    let weather = ["--loss", "30", "--crash", "1", "--speed", "30", "--stagger", "1", "--within", "4m"];
    let output = fleet(&server, &[&["--devices", "60", "--seed", "13", "--coap", &coap], &weather[..]].concat());
    let summary = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{summary}{}", String::from_utf8_lossy(&output.stderr));
    assert!(summary.contains("\"updated\":\"60 of 60\""), "{summary}");
}

#[test]
fn a_fleet_that_cannot_finish_says_so() {
    let server = Server::start();
    let output =
        fleet(&server, &["--devices", "3", "--seed", "12", "--loss", "90", "--within", "1s", "--stagger", "0"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("of 3 devices did not finish"), "{told}");
    let again = fleet(&server, &["--devices", "3", "--seed", "12"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("take another --seed"));
}
