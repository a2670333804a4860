//! Rows of the resource API: every procedure by every caller on everything in a small tree, over HTTP, WebSocket and CoAP. What is
//! expected follows from where caller and object stand in the tree, which is told here once more, apart from the server.

use cikada_tests::coap::number::{ACCEPT, CONTENT_FORMAT};
use cikada_tests::coap::{Message, Peer};
use cikada_tests::{UNKNOWN_KEY, WebSocket, rpc_request, rpc_status};
use serde_json::{Value, json};

use super::Line;
use super::cast::{Cast, OWN};

/// What a procedure needs of the resource that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// A series below the caller, or public, or shared with it.
    Readable,
    /// A series below it.
    Writable,
    /// Anything below it.
    Control,
    /// A client, itself or below it.
    Within,
    /// Anything of which it may know.
    Seen,
    /// It owns the client of a key directly.
    OwnKey,
    /// It is above the resource of a code.
    OwnCode,
    /// Anybody may try a code of nobody.
    Nothing,
}

/// Procedure, arguments (`$` the resource, `@` a free place, `{key}` and `{code}` the object's), what it needs, what is answered then.
type Row = (&'static str, &'static str, Need, &'static [&'static str]);

pub(super) const ROWS: &[Row] = &[
    ("read", r#"["$"]"#, Need::Readable, &["ok"]),
    ("write", r#"["$", 5]"#, Need::Writable, &["ok"]),
    ("writegroup", r#"[[["$", 5]]]"#, Need::Writable, &["ok"]),
    ("record", r#"["$", [[7, 5]], {}]"#, Need::Writable, &["ok"]),
    ("recordbatch", r#"["$", [[8, 5]]]"#, Need::Writable, &["ok"]),
    ("flush", r#"["$", {"olderthan": 1}]"#, Need::Writable, &["ok"]),
    ("wait", r#"["$", {"timeout": 1}]"#, Need::Readable, &["ok", "expire"]),
    ("create", r#"["$", "dataport", {"format": "integer"}]"#, Need::Within, &["ok"]),
    ("create", r#"["$", "client", {"limits": {}}]"#, Need::Within, &["ok"]),
    ("update", r#"["$", {"name": "new"}]"#, Need::Control, &["ok"]),
    ("info", r#"["$", {"basic": true}]"#, Need::Seen, &["ok"]),
    ("info", r#"["$"]"#, Need::Seen, &["ok"]),
    ("listing", r#"["$", ["dataport", "client"], {}]"#, Need::Within, &["ok"]),
    ("drop", r#"["$"]"#, Need::Control, &["ok"]),
    ("move", r#"["$", {"alias": ""}]"#, Need::Control, &["ok"]),
    ("usage", r#"["$", "client", 0, 10]"#, Need::Within, &["ok"]),
    ("map", r#"["^", "alias", "$", "a-name"]"#, Need::Control, &["ok"]),
    ("unmap", r#"["$", "alias", "nothing"]"#, Need::Within, &["ok"]),
    ("lookup", r#"["$", "alias", "nothing"]"#, Need::Within, &["invalid"]),
    ("share", r#"["$", {"meta": "m"}]"#, Need::Control, &["ok"]),
    ("grant", r#"[{"$": ["read"]}, {"ttl": 60}]"#, Need::Seen, &["ok"]),
    ("grant", r#"["$", {}, {"ttl": 60}]"#, Need::Within, &["ok"]),
    ("comment", r#"["$", "public", "words"]"#, Need::Control, &["ok"]),
    ("activate", r#"["$", "share", "00112233445566778899aabbccddeeff00112233"]"#, Need::Within, &["invalid"]),
    ("deactivate", r#"["$", "share", "00112233445566778899aabbccddeeff00112233"]"#, Need::Within, &["invalid"]),
    ("activate", r#"["client", "{key}"]"#, Need::OwnKey, &[]),
    ("deactivate", r#"["client", "{key}"]"#, Need::OwnKey, &[]),
    ("revoke", r#"["client", "{key}"]"#, Need::OwnKey, &[]),
    ("revoke", r#"["share", "{code}"]"#, Need::OwnCode, &[]),
    ("revoke", r#"["share", "00112233445566778899aabbccddeeff00112233"]"#, Need::Nothing, &["invalid"]),
];

/// A place in the tree.
struct Node {
    name: &'static str,
    rid: String,
    /// The place of its owner.
    owner: Option<usize>,
    is_client: bool,
    public: bool,
    /// Its key, if it is a client that calls.
    key: String,
    /// A code of it.
    code: String,
}

struct Tree<'a> {
    cast: &'a Cast,
    nodes: Vec<Node>,
    /// Place of a series, and of the client that it is shared with.
    shared: (usize, usize),
}

impl<'a> Tree<'a> {
    fn plant(cast: &'a Cast) -> Tree<'a> {
        let (server, world) = (&cast.server, &cast.world);
        let root = server.cast.root.cik.clone();
        let device = server.vendor().look(OWN, "active").expect(200).text().split(',').nth(1).unwrap().to_owned();
        let make = |under: &str, kind: &str, description: Value| {
            server.rpc_text(&root, "create", json!([under, kind, description]))
        };
        let port = make(&device, "dataport", json!({"format": "integer"}));
        let secret = make(&device, "dataport", json!({"format": "integer"}));
        let public = make(&device, "dataport", json!({"format": "integer", "public": true}));
        let sub = make(&device, "client", json!({"limits": {"dataport": 100, "client": 100, "share": 100}}));
        let theirs = make(&world.lone.rid, "dataport", json!({"format": "integer"}));
        let dropped = make(&device, "dataport", json!({"format": "integer"}));
        let codes: Vec<String> =
            [&port, &secret, &public, &theirs].map(|rid| server.rpc_text(&root, "share", json!([rid, {}]))).into();
        server.rpc(&world.partner.cik, "activate", json!([{"alias": ""}, "share", codes[0]]));
        server.rpc(&root, "drop", json!([dropped]));
        let node = |name, rid: &str, owner, is_client, key: &str| Node {
            name,
            rid: rid.to_owned(),
            owner,
            is_client,
            public: name == "public",
            key: key.to_owned(),
            code: String::new(),
        };
        let who = &server.cast;
        let sub_key =
            server.rpc(&world.device_cik, "info", json!([sub, {"key": true}]))["key"].as_str().unwrap().to_owned();
        let mut nodes = vec![
            node("root", &who.root.rid, None, true, &who.root.cik),
            node("vendor", &who.vendor.rid, Some(0), true, &who.vendor.cik),
            node("owner", &who.owner.rid, Some(1), true, &who.owner.cik),
            node("device", &device, Some(2), true, &world.device_cik),
            node("sibling", &world.plain, Some(2), true, &cast.plain_key),
            node("port", &port, Some(3), false, ""),
            node("secret", &secret, Some(3), false, ""),
            node("public", &public, Some(3), false, ""),
            node("sub", &sub, Some(3), true, &sub_key),
            node("partner", &world.partner.rid, Some(0), true, &world.partner.cik),
            node("lone", &world.lone.rid, Some(0), true, &world.lone.cik),
            node("theirs", &theirs, Some(10), false, ""),
            node("dropped", &dropped, None, false, ""),
            node("never", "0123456789abcdef0123456789abcdef01234567", None, false, ""),
        ];
        for (place, code) in [5, 6, 7, 11].into_iter().zip(codes) {
            nodes[place].code = code;
        }
        Tree { cast, nodes, shared: (5, 9) }
    }

    fn is_below(&self, place: usize, above: usize) -> bool {
        self.nodes[place].owner.is_some_and(|owner| owner == above || self.is_below(owner, above))
    }

    fn exists(&self, place: usize) -> bool {
        place < 12
    }

    /// Whether a caller has what is needed.
    fn may(&self, caller: usize, place: usize, need: Need) -> bool {
        let node = &self.nodes[place];
        let control = self.exists(place) && self.is_below(place, caller);
        let reads = node.public || self.shared == (place, caller);
        match need {
            Need::Readable => self.exists(place) && !node.is_client && (control || reads),
            Need::Writable => control && !node.is_client,
            Need::Control => control,
            Need::Within => node.is_client && (control || place == caller),
            Need::Seen => self.exists(place) && (control || place == caller || reads),
            Need::OwnKey => node.owner == Some(caller),
            Need::OwnCode => control,
            Need::Nothing => true,
        }
    }

    /// The same thing once more, for calls that use it up.
    fn double(&self, place: usize) -> String {
        let node = &self.nodes[place];
        let owner = &self.nodes[node.owner.unwrap()].rid;
        let (kind, description) = match node.is_client {
            true => ("client", json!({"limits": {}})),
            false => ("dataport", json!({"format": "integer"})),
        };
        self.cast.server.rpc_text(&self.nodes[0].key, "create", json!([owner, kind, description]))
    }

    fn arguments(&self, row: &Row, place: usize, rid: &str) -> Value {
        let node = &self.nodes[place];
        let owner = node.owner.map_or(rid, |owner| &self.nodes[owner].rid);
        let text = row.1.replace('$', rid).replace('^', owner).replace("a-name", &format!("name-{place}"));
        serde_json::from_str(&text.replace("{key}", &node.key).replace("{code}", &node.code)).unwrap()
    }
}

/// The same call over the other two.
struct Others {
    socket: WebSocket,
    peer: Peer,
    auth: Value,
}

impl Others {
    fn new(cast: &Cast, auth: &Value) -> Others {
        let mut socket = WebSocket::open(&cast.server);
        socket.say(&json!({ "auth": auth }).to_string());
        assert_eq!(socket.text(), "{\"status\":\"ok\"}");
        Others { socket, peer: Peer::new(cast.server.coap()), auth: auth.clone() }
    }

    fn statuses(&mut self, procedure: &str, arguments: &Value) -> [String; 2] {
        let call = json!({"id": 1, "procedure": procedure, "arguments": arguments});
        let over_socket = self.socket.call(&call.to_string());
        let body = json!({"auth": self.auth, "calls": [call]}).to_string();
        let over_coap = self.peer.ask(Message::post("/rpc", body).uint(CONTENT_FORMAT, 50).uint(ACCEPT, 50));
        [over_socket, over_coap.text().to_owned()].map(|text| {
            let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"));
            body[0]["status"].as_str().map_or_else(|| text.clone(), str::to_owned)
        })
    }
}

#[test]
fn every_procedure_by_every_client_on_everything() {
    let cast = Cast::assemble();
    let tree = Tree::plant(&cast);
    let mut line = Line::new(&cast.server, &cast.witness);
    let mut others_cells = 0;
    for (caller, who) in tree.nodes.iter().enumerate().filter(|(_, node)| !node.key.is_empty()) {
        let auth = json!({"cik": who.key});
        let mut others = Others::new(&cast, &auth);
        for row in ROWS {
            for (place, node) in tree.nodes.iter().enumerate() {
                let (procedure, _, need, good) = *row;
                if (need == Need::OwnKey && node.key.is_empty()) || (need == Need::OwnCode && node.code.is_empty()) {
                    continue;
                }
                let may = tree.may(caller, place, need);
                if may && good.is_empty() {
                    // It would end what the others need; transcripts play it.
                    continue;
                }
                let used_up = may && ["drop", "move"].contains(&procedure);
                let rid = if used_up { tree.double(place) } else { node.rid.clone() };
                let arguments = tree.arguments(row, place, &rid);
                let request = rpc_request(auth.clone(), procedure, arguments.clone());
                let what = format!("{procedure} {arguments} on {} by {}", node.name, who.name);
                if may {
                    let answer = line.ask(&request);
                    assert!(good.contains(&&*rpc_status(&answer)), "{what}: {answer:?}");
                    continue;
                }
                let refused = match need {
                    Need::OwnKey | Need::OwnCode => "noauth",
                    _ => "restricted",
                };
                let answer = line.ask_in_vain(&request);
                assert_eq!(rpc_status(&answer), refused, "{what}: {answer:?}");
                assert_eq!(answer.text(), format!("[{{\"id\":1,\"status\":\"{refused}\"}}]"), "more is told: {what}");
                let statuses = || others.statuses(procedure, &arguments);
                let statuses = cast.witness.sees_no_change(statuses, || format!("{what} over WebSocket or CoAP"));
                assert_eq!(statuses, [refused, refused], "{what} over WebSocket and CoAP");
                others_cells += 2;
            }
        }
    }
    println!("{} cells", line.cells + others_cells);
    assert!(line.cells + others_cells > 5_000, "{} cells only", line.cells + others_cells);
}

#[test]
fn a_grant_gives_the_named_rights_on_the_named_resources_and_nothing_else() {
    let cast = Cast::assemble();
    let tree = Tree::plant(&cast);
    let mut line = Line::new(&cast.server, &cast.witness);
    let (owner, device, port) = (&tree.nodes[2], &tree.nodes[3], &tree.nodes[5]);
    let lent = json!([device.rid, {(&port.rid): ["read", "info"]}, {"ttl": 1000}]);
    let token = cast.server.rpc_text(&owner.key, "grant", lent);
    let auth = json!({ "token": token });
    for row in ROWS {
        for (place, node) in tree.nodes.iter().enumerate() {
            let (procedure, _, need, good) = *row;
            if matches!(need, Need::OwnKey | Need::OwnCode) && (node.key.is_empty() || node.code.is_empty()) {
                continue;
            }
            let arguments = tree.arguments(row, place, &node.rid);
            let request = rpc_request(auth.clone(), procedure, arguments.clone());
            let lent = place == 5 && ["read", "info"].contains(&procedure);
            let answer = line.ask_in_vain(&request);
            let expected: &[&str] = match (lent, need) {
                (true, _) => good,
                // What it would not see as that client it does not see with a grant of that client.
                (false, Need::Nothing) => &["invalid"],
                (false, _) if tree.may(3, place, need) => &["noauth"],
                (false, _) => &["restricted", "noauth"],
            };
            assert!(expected.contains(&&*rpc_status(&answer)), "{procedure} {arguments} on {}: {answer:?}", node.name);
        }
    }
    println!("{} cells", line.cells);
}

#[test]
fn a_credential_of_nobody_is_refused_for_every_procedure_over_every_protocol() {
    let cast = Cast::assemble();
    let tree = Tree::plant(&cast);
    let mut line = Line::new(&cast.server, &cast.witness);
    let who = &cast.server.cast;
    let mut peer = Peer::new(cast.server.coap());
    let callers = [
        (json!({"cik": UNKNOWN_KEY}), 401),
        (json!({"token": UNKNOWN_KEY}), 401),
        (json!({"cik": cast.dead_key}), 401),
        (json!({"cik": cast.waiting_key}), 401),
        (json!({"cik": who.vendor_token}), 401),
        (json!({"token": who.vendor_token}), 401),
        (json!({"token": who.vendor.cik}), 401),
        (json!({"cik": cast.grant_token}), 401),
        (json!({"cik": cast.share_code}), 401),
        (json!({"cik": who.vendor.rid}), 401),
        // As a client that is not in its tree.
        (json!({"cik": cast.plain_key, "client_id": tree.nodes[3].rid}), 401),
        (json!({"cik": cast.world.lone.cik, "client_id": tree.nodes[3].rid}), 401),
        (json!({"cik": cast.world.lone.cik, "resource_id": tree.nodes[5].rid}), 401),
        (json!({"cik": cast.world.device_cik, "client_id": tree.nodes[2].rid}), 401),
        (json!({"cik": who.root.cik, "client_id": tree.nodes[12].rid}), 401),
        (json!({}), 400),
        (json!({"cik": "zz"}), 400),
        (json!({"cik": who.vendor.cik.to_uppercase()}), 400),
        (json!({"cik": who.vendor.cik, "token": cast.grant_token}), 400),
    ];
    for (auth, expected) in callers {
        let mut said: Option<String> = None;
        for row in ROWS {
            for place in [3, 5, 12] {
                let arguments = tree.arguments(row, place, &tree.nodes[place].rid);
                let request = rpc_request(auth.clone(), row.0, arguments.clone());
                let answer = line.ask_in_vain(&request);
                assert_eq!(rpc_status(&answer), format!("error {expected}"), "{auth} {}: {answer:?}", row.0);
                let first = said.get_or_insert_with(|| answer.text().to_owned());
                assert_eq!(answer.text(), *first, "{auth} is told apart what it calls");
            }
        }
        let body = json!({"auth": auth, "calls": [{"id": 1, "procedure": "read", "arguments": [tree.nodes[5].rid]}]});
        let over_coap = peer.ask(Message::post("/rpc", body.to_string()).uint(CONTENT_FORMAT, 50));
        assert!(["4.01", "4.00", "2.05"].contains(&&*over_coap.status()), "{auth}: {over_coap:?}");
        assert!(!String::from_utf8_lossy(&over_coap.payload).contains("result"), "{auth}: {over_coap:?}");
        let mut socket = WebSocket::open(&cast.server);
        socket.say(&json!({ "auth": auth }).to_string());
        let heard = format!("{:?}", socket.hear());
        assert!(heard.contains("error") || heard.contains("Close"), "{auth}: {heard}");
    }
    println!("{} cells", line.cells);
}
