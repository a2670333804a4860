//! `cikada data`

use std::process::Stdio;
use std::time::{Duration, Instant};

use cikada_tests::{Request, Server, fresh_name};
use serde_json::json;

use crate::terminal::{Terminal, text};

/// A device with two dataports; its key.
fn device(server: &Server) -> String {
    let (vendor, model) = (server.vendor(), fresh_name("data"));
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["A1"]);
    vendor.enable(&model, "A1");
    let cik = server.device(&model, "A1").activate_ok();
    for (alias, format) in [("temperature", "float"), ("state", "string")] {
        let call = |procedure: &str, arguments: serde_json::Value| {
            let call = json!({"id": 1, "procedure": procedure, "arguments": arguments});
            let body = json!({"auth": {"cik": cik}, "calls": [call]}).to_string();
            let request =
                Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json").body(body);
            let answer: serde_json::Value =
                serde_json::from_str(server.call(&request).expect(200).text()).expect("JSON");
            answer[0]["result"].clone()
        };
        let rid = call("create", json!(["dataport", {"format": format, "name": alias}]));
        call("map", json!(["alias", rid, alias]));
    }
    cik
}

#[test]
fn values_are_written_and_read_over_http_and_over_coap() {
    let server = Server::shared();
    let holder = Terminal::of_holder(&server, &device(&server));
    let coap = format!("--server coap://{}", server.coap());
    for (link, value) in [("", "21.5"), (coap.as_str(), "22.5")] {
        holder.run(format!("data write temperature={value} {link}").trim_end());
        holder.run(format!("data write temperature={value} state=on-{value} {link}").trim_end());
        let read = holder.json(format!("data read temperature state {link}").trim_end());
        let expected =
            json!([{"alias": "temperature", "value": value}, {"alias": "state", "value": format!("on-{value}")}]);
        assert_eq!(read, expected);
    }
    // What one wrote the other reads.
    assert!(holder.run("data read temperature").contains("22.5"));
    assert!(holder.fails(&format!("data read nothing {coap}")).contains("4.03"));
    assert!(holder.fails(&format!("data write temperature=warm {coap}")).contains("4.00"));
    assert!(holder.fails(&format!("data record {coap} temperature -60=1")).contains("no recording"));
    assert!(holder.fails(&format!("data watch temperature --since 1700000000 {coap}")).contains("from now on"));
    let stranger = Terminal::of_holder(&server, "00112233445566778899aabbccddeeff00112233");
    assert!(stranger.fails(&format!("data read temperature {coap}")).contains("4.01"));
}

#[test]
fn a_value_is_watched_over_coap_until_enough_were_seen() {
    let server = Server::shared();
    let holder = Terminal::of_holder(&server, &device(&server));
    holder.run("data write temperature=1.5");
    let words = format!("data watch temperature --count 3 --json --server coap://{}", server.coap());
    let mut watching = holder.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    // The first one is what was there; then one at a time, until they have been seen.
    for value in 2.. {
        std::thread::sleep(Duration::from_millis(100));
        if watching.try_wait().unwrap().is_some() {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "it does not end");
        holder.run(&format!("data write temperature={value}.5"));
    }
    let output = watching.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    let told: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    let values: Vec<f64> = told.iter().map(|line| line["value"].as_str().unwrap().parse().unwrap()).collect();
    assert!(values.is_sorted() && values[0] < values[2], "{values:?}");
}
