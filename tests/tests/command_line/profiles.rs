//! `cikada rpc` and `cikada tree`

use std::io::Write as _;
use std::process::Stdio;

use cikada_tests::{Server, is_hex40};
use serde_json::{Value, json};

use crate::terminal::{Terminal, text};

const TEMPERATURE: &str = r#"{"format":"float","name":"Temperature","meta":"{\"datasource\":{\"unit\":\"°C\"}}"}"#;

/// Somebody with an empty client of his own, at a terminal.
fn holder(server: &Server) -> Terminal<'_> {
    let owner = Terminal::of_holder(server, &server.cast.owner.cik);
    let limits = r#"{"limits":{"client":"inherit","dataport":"inherit","datarule":"inherit","dispatch":"inherit","share":"inherit"}}"#;
    let rid = owner.run(&format!("rpc create client {limits}"));
    let key = owner.json(&format!("rpc info {} {{\"key\":true}}", rid.trim()));
    Terminal::of_holder(server, key["result"]["key"].as_str().unwrap())
}

#[test]
fn a_procedure_is_called_with_json_aliases_and_words() {
    let server = Server::shared();
    let holder = holder(&server);
    let rid = holder.run(&format!("rpc create dataport {TEMPERATURE}"));
    assert!(is_hex40(rid.trim()), "a RID alone, for a shell to keep: {rid}");
    assert_eq!(holder.run(&format!("rpc map alias {} temp", rid.trim())), "ok\n");
    holder.run("rpc record @temp [[5,20.5],[6,21]]");
    assert_eq!(holder.run("rpc read @temp {\"endtime\":5}"), "[[5,20.5]]\n");
    assert_eq!(holder.run("rpc lookup alias temp"), rid);
    assert_eq!(holder.run("rpc write @temp -3.5"), "ok\n");
    let entry = holder.json("rpc read @temp {\"endtime\":6}");
    assert_eq!((&entry["status"], &entry["result"]), (&json!("ok"), &json!([[6, 21.0]])));
    let info = holder.run("rpc info @temp {\"description\":true,\"storage\":true}");
    assert!(
        info.lines().count() > 1 && serde_json::from_str::<Value>(&info).is_ok(),
        "long results are laid out: {info}"
    );
    let waited = holder.command("rpc wait @temp {\"timeout\":100}").output().unwrap();
    assert_eq!(waited.status.code(), Some(1));
    assert!(text(&waited.stderr).contains("wait: expire") && waited.stdout.is_empty());
    assert!(holder.run("rpc --procedures").lines().count() > 20);
}

#[test]
fn a_call_that_fails_says_what_to_do_and_the_exit_code_says_so_too() {
    let server = Server::shared();
    let holder = holder(&server);
    for (words, said) in [
        ("rpc raed @temp", "did you mean `read`"),
        ("rpc subscribe @temp", "WebSocket"),
        ("rpc read", "RESOURCE"),
        ("rpc read @nobody", "read: invalid"),
        ("rpc read {\"alias\":", "argument 1 is not JSON"),
        ("rpc drop @", "drop: restricted"),
    ] {
        let told = holder.fails(words);
        assert!(told.contains(said), "{words}: {told}");
    }
    let vendor = Terminal::of_vendor(&server);
    assert!(vendor.fails("rpc lookup alias x").contains("a vendor token may not"));
    assert!(Terminal::of_nobody(&server).fails("rpc lookup alias x").contains("no credential"));
    let stranger = Terminal::of_holder(&server, "00112233445566778899aabbccddeeff00112233");
    assert!(stranger.fails("rpc lookup alias x").contains("401"));
    let elsewhere = format!("rpc lookup alias x --client-id {}", server.cast.root.rid);
    assert!(holder.fails(&elsewhere).contains("--client-id"));
    let failed = holder.try_run("rpc read @nobody --json");
    assert_eq!(failed.status.code(), Some(1));
    let entry: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert_eq!(entry["status"], json!("invalid"), "a script gets the entry all the same");
}

#[test]
fn many_calls_come_from_a_file_or_standard_input() {
    let server = Server::shared();
    let holder = holder(&server);
    holder.run(&format!("rpc create dataport {TEMPERATURE}"));
    let rid = holder.json("rpc listing [\"dataport\"] {}")["result"]["dataport"][0].as_str().unwrap().to_owned();
    let calls: Vec<Value> =
        (1..=1_500).map(|at| json!({"procedure": "record", "arguments": [rid, [[at, at]]]})).collect();
    holder.write("calls.json", Value::from(calls).to_string());
    let told = holder.run("rpc --calls calls.json");
    assert_eq!(told.lines().count(), 1_500);
    assert!(told.starts_with("1  record  ok\n"));
    let storage = holder.json(&format!("rpc info {rid} {{\"storage\":true}}"));
    assert_eq!(storage["result"]["storage"]["count"], json!(1_500), "more calls than one request takes");

    let mut child = holder
        .command("rpc --calls -")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = format!(
        "{}\n{}\n",
        json!({"id": "last", "procedure": "read", "arguments": [rid, {}]}),
        json!({"procedure": "read", "arguments": [{"alias": "nobody"}]})
    );
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "one of them failed");
    assert_eq!(text(&output.stdout), "last  read  [[1500,1500.0]]\n");
    assert!(text(&output.stderr).contains("2  read: invalid") && text(&output.stderr).contains("1 of 2 calls"));
    holder.write("wrong.json", "[{\"procedure\":\"read\"},{}]");
    assert!(holder.fails("rpc --calls wrong.json").contains("call 2 names no procedure"));
}

#[test]
fn a_tree_shows_names_values_ages_rules_and_what_is_below() {
    let server = Server::shared();
    let holder = holder(&server);
    let made = |words: &str| holder.run(words).trim().to_owned();
    let temp = made(&format!("rpc create dataport {TEMPERATURE}"));
    holder.run(&format!("rpc map alias {temp} temp"));
    let rule = format!(
        r#"{{"name":"Warm","format":"integer","rule":{{"simple":{{"comparison":"gt","constant":20,"repeat":true}}}},"subscribe":"{temp}"}}"#
    );
    let warm = made(&format!("rpc create datarule {rule}"));
    holder.run(&format!("rpc map alias {warm} warm"));
    let gateway = made("rpc create client {\"name\":\"Gateway\",\"limits\":{\"client\":1,\"dataport\":1}}");
    let deep = made(&format!("rpc create {gateway} client {{\"limits\":{{\"dataport\":1}}}}"));
    holder.run(&format!("rpc map {gateway} alias {deep} inner"));
    let state = made(&format!("rpc create {deep} dataport {{\"format\":\"string\"}}"));
    holder.run(&format!("rpc map {deep} alias {state} state"));
    holder.run("rpc write @temp 21.5");
    holder.run(&format!("rpc record {state} [[1,\"on\"]]"));

    let drawn = holder.run("tree");
    let lines: Vec<String> = drawn.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(lines[0].ends_with("client activated"), "{drawn}");
    assert!(lines[1].starts_with("├── temp float 21.5 °C ") && lines[1].ends_with(" s ago Temperature"), "{drawn}");
    assert!(lines[2].starts_with("├── warm datarule 1 ") && lines[2].ends_with("Warm > 20 ← temp"), "{drawn}");
    assert_eq!(lines[3], "└── Gateway client activated", "{drawn}");
    assert_eq!(lines[4], "└── inner client activated", "the names of clients further down are known: {drawn}");
    assert!(lines[5].starts_with("└── state string on ") && lines[5].ends_with(" d ago"), "{drawn}");
    assert!(!drawn.contains('\u{1b}'), "no colours where nobody looks at them");

    let shallow = holder.run("tree --depth 1 --rids");
    assert!(shallow.contains("(1 more below)") && !shallow.contains("inner") && shallow.contains(&temp), "{shallow}");
    let json = holder.json("tree");
    assert_eq!(json["children"][0]["value"], json!(21.5));
    assert_eq!(json["children"][2]["children"][0]["children"][0]["aliases"], json!(["state"]));
    let below = holder.json(&format!("tree --client-id {gateway}"));
    assert_eq!(below["rid"], json!(gateway));
}

#[test]
fn a_tree_of_thousands_is_drawn_whole() {
    let server = Server::start();
    let owner = Terminal::of_holder(&server, &server.cast.owner.cik);
    let create = json!({"procedure": "create", "arguments": ["dataport", {"format": "integer"}]});
    owner.write("calls.json", Value::from(vec![create; 3_000]).to_string());
    owner.run("rpc --calls calls.json");
    assert_eq!(owner.run("tree").lines().count(), 3_001);
}
