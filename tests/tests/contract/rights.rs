//! Every procedure by everybody who may not call it, and by those who may (contract, rpc.md "Rights", `grant`; threat T10).

use cikada_tests::{Request, Server, fresh_name};
use serde_json::{Value, json};

/// What a client owns, made anew for each try: a call may take it away.
struct Scene {
    client: String,
    cik: String,
    below: String,
    below_cik: String,
    port: String,
    code: String,
}

/// A procedure, what it is called with on what the scene's client owns, and what a stranger is told.
struct Row {
    procedure: &'static str,
    arguments: fn(&Scene) -> Value,
    to_a_stranger: &'static str,
}

const fn row(procedure: &'static str, arguments: fn(&Scene) -> Value) -> Row {
    Row { procedure, arguments, to_a_stranger: "restricted" }
}

const ROWS: [Row; 23] = [
    row("read", |scene| json!([scene.port])),
    row("write", |scene| json!([scene.port, 1])),
    row("writegroup", |scene| json!([[[scene.port, 1]]])),
    row("record", |scene| json!([scene.port, [[6, 1]], {}])),
    row("recordbatch", |scene| json!([scene.port, [[6, 1]]])),
    row("flush", |scene| json!([scene.port, {}])),
    row("wait", |scene| json!([scene.port, {"since": 1}])),
    row("create", |scene| json!([scene.below, "dataport", {"format": "float"}])),
    Row {
        procedure: "create",
        arguments: |scene| json!([scene.below, "clone", {"rid": scene.below}]),
        to_a_stranger: "restricted",
    },
    row("update", |scene| json!([scene.port, {"name": "new"}])),
    row("info", |scene| json!([scene.port, {"basic": true}])),
    row("listing", |scene| json!([scene.below, ["dataport"], {}])),
    row("drop", |scene| json!([scene.port])),
    row("move", |scene| json!([scene.port, scene.below])),
    row("usage", |scene| json!([scene.below, "dataport", 0, 9])),
    row("map", |scene| json!([scene.client, "alias", scene.port, "another"])),
    row("unmap", |scene| json!([scene.client, "alias", "port"])),
    row("lookup", |scene| json!([scene.client, "alias", "port"])),
    row("share", |scene| json!([scene.port, {"meta": "x"}])),
    row("activate", |scene| json!([scene.below, "share", scene.code])),
    row("deactivate", |scene| json!([scene.below, "client", scene.below_cik])),
    Row { procedure: "revoke", arguments: |scene| json!(["client", scene.below_cik]), to_a_stranger: "noauth" },
    row("comment", |scene| json!([scene.port, "public", "x"])),
];

/// All that can be lent.
const RIGHTS: [&str; 23] = [
    "read",
    "write",
    "writegroup",
    "record",
    "recordbatch",
    "flush",
    "wait",
    "create",
    "update",
    "info",
    "listing",
    "drop",
    "move",
    "usage",
    "map",
    "unmap",
    "lookup",
    "share",
    "activate",
    "deactivate",
    "revoke",
    "comment",
    "subscribe",
];

fn post(server: &Server, auth: &Value, procedure: &str, arguments: &Value) -> Value {
    let body = json!({"auth": auth, "calls": [{"id": 1, "procedure": procedure, "arguments": arguments}]});
    let request = Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json");
    let answer = server.call(&request.body(body.to_string())).expect(200);
    serde_json::from_str(answer.text()).unwrap()
}

/// What came of a call: its status, or the code of its error or the whole's.
fn said(answer: &Value) -> String {
    let entry = &answer[0];
    let code = [&entry["error"]["code"], &answer["error"]["code"]].into_iter().find_map(Value::as_i64);
    code.map_or_else(|| entry["status"].as_str().unwrap_or("?").to_owned(), |code| code.to_string())
}

fn done(server: &Server, cik: &str, procedure: &str, arguments: &Value) -> Value {
    let answer = post(server, &json!({ "cik": cik }), procedure, arguments);
    assert_eq!(said(&answer), "ok", "{procedure} {arguments}: {answer}");
    answer[0]["result"].clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A client below the owner of `cikada init`, and its key.
fn client(server: &Server, owner_cik: &str) -> (String, String) {
    let limits = json!({"limits": {"client": "inherit", "dataport": "inherit", "share": "inherit"}});
    let rid = done(server, owner_cik, "create", &json!([{"alias": ""}, "client", limits]));
    let key = done(server, owner_cik, "info", &json!([rid, {"key": true}]));
    (text(&rid), text(&key["key"]))
}

fn scene(server: &Server) -> Scene {
    let (client, cik) = self::client(server, &server.cast.owner.cik);
    let (below, below_cik) = self::client(server, &cik);
    let port = text(&done(server, &cik, "create", &json!(["dataport", {"format": "integer"}])));
    done(server, &cik, "map", &json!(["alias", port, "port"]));
    done(server, &cik, "record", &json!([port, [[5, 7]]]));
    let code = text(&done(server, &cik, "share", &json!([port, {}])));
    Scene { client, cik, below, below_cik, port, code }
}

fn token(server: &Server, scene: &Scene, rights: &[&str]) -> Value {
    let lent = json!({&scene.client: rights, &scene.below: rights, &scene.port: rights});
    json!({"token": done(server, &scene.cik, "grant", &json!([{"alias": ""}, lent, {"ttl": 60}]))})
}

#[test]
fn every_procedure_is_for_those_who_hold_its_right_and_refused_to_all_others() {
    let server = Server::shared();
    let (_, stranger) = client(&server, &server.cast.vendor.cik);
    for Row { procedure, arguments, to_a_stranger } in ROWS {
        let scene = scene(&server);
        let given = arguments(&scene);
        let of_stranger = post(&server, &json!({ "cik": stranger }), procedure, &given);
        assert_eq!(said(&of_stranger), to_a_stranger, "{procedure} by a stranger: {of_stranger}");
        // The client below controls nothing of what stands above it.
        let from_below = said(&post(&server, &json!({ "cik": scene.below_cik }), procedure, &given));
        let is_itself = given.to_string().contains(&scene.below) && !given.to_string().contains(&scene.port);
        let expected: &[&str] = if is_itself { &["ok", "restricted", "noauth"] } else { &["restricted", "noauth"] };
        assert!(expected.contains(&&*from_below), "{procedure} from below: {from_below}");

        let scene = self::scene(&server);
        let given = arguments(&scene);
        let others: Vec<&str> = RIGHTS.into_iter().filter(|right| *right != procedure).collect();
        let without = post(&server, &token(&server, &scene, &others), procedure, &given);
        assert_eq!(said(&without), "noauth", "{procedure} with every right but its own: {without}");
        let with = post(&server, &token(&server, &scene, &[procedure]), procedure, &given);
        assert_eq!(said(&with), "ok", "{procedure} with its right: {with}");

        let scene = self::scene(&server);
        let by_owner = post(&server, &json!({ "cik": scene.cik }), procedure, &arguments(&scene));
        assert_eq!(said(&by_owner), "ok", "{procedure} by the owner: {by_owner}");
        let nobody = json!({"cik": "00112233445566778899aabbccddeeff00112233"});
        assert_eq!(said(&post(&server, &nobody, procedure, &arguments(&scene))), "401");
    }
}

#[test]
fn a_client_does_not_control_itself() {
    let server = Server::shared();
    let scene = scene(&server);
    let (itself, by_rid) = (json!({"alias": ""}), json!(scene.client));
    let all = |name: &Value| -> Vec<(&str, Value)> {
        vec![
            ("drop", json!([name])),
            ("update", json!([name, {"name": "x"}])),
            ("move", json!([name, scene.below])),
            ("share", json!([name, {}])),
            ("comment", json!([name, "public", "x"])),
            ("map", json!(["alias", name, "me"])),
            ("read", json!([name])),
            ("write", json!([name, 1])),
            ("flush", json!([name, {}])),
            ("wait", json!([name, {}])),
            ("record", json!([name, [[1, 1]]])),
        ]
    };
    for (procedure, arguments) in all(&itself).into_iter().chain(all(&by_rid)) {
        let answer = post(&server, &json!({"cik": scene.cik}), procedure, &arguments);
        assert_eq!(said(&answer), "restricted", "{procedure} {arguments}: {answer}");
    }
    let info = done(&server, &scene.cik, "info", &json!([itself, {"key": true, "basic": true}]));
    assert!(info.get("key").is_none() && info["basic"]["type"] == "client", "nor does it read its own key: {info}");
}

#[test]
fn a_key_is_no_name_of_a_resource_wherever_one_is_asked_for() {
    let server = Server::shared();
    let (_, stranger) = client(&server, &server.cast.vendor.cik);
    for Row { procedure, arguments, .. } in ROWS {
        if procedure == "revoke" {
            continue;
        }
        let scene = scene(&server);
        let given = arguments(&scene).to_string();
        for rid in [&scene.client, &scene.below, &scene.port] {
            for key in [&stranger, &scene.cik, &scene.below_cik, &server.cast.root.cik] {
                if !given.contains(rid.as_str()) {
                    continue;
                }
                let mistaken: Value = serde_json::from_str(&given.replace(rid.as_str(), key)).unwrap();
                let answer = post(&server, &json!({"cik": scene.cik}), procedure, &mistaken);
                assert!(["restricted", "invalid"].contains(&&*said(&answer)), "{procedure} {mistaken}: {answer}");
                assert!(!answer.to_string().contains(key.as_str()), "{answer}");
            }
        }
    }
}

#[test]
fn who_stands_further_up_sees_all_but_the_key() {
    let server = Server::shared();
    let scene = scene(&server);
    let deep = text(&done(&server, &scene.below_cik, "create", &json!(["dataport", {"format": "string"}])));
    let name = fresh_name("deep");
    done(&server, &scene.below_cik, "map", &json!(["alias", deep, name]));
    done(&server, &scene.below_cik, "share", &json!([deep, {"meta": "m"}]));
    done(&server, &scene.below_cik, "comment", &json!([deep, "private", "between us"]));
    let owner = &server.cast.owner.cik;
    let of_client = done(&server, owner, "info", &json!([scene.below, {}]));
    assert_eq!(of_client["aliases"][&deep], json!([name]), "{of_client}");
    assert!(of_client.get("key").is_none(), "its direct owner has that: {of_client}");
    let of_port = done(&server, owner, "info", &json!([deep, {}]));
    assert_eq!(of_port["shares"][0]["meta"], "m", "{of_port}");
    assert_eq!(of_port["comments"], json!([["private", "between us"]]));
    assert!(done(&server, &scene.cik, "info", &json!([scene.below, {"key": true}])).get("key").is_some());
}
