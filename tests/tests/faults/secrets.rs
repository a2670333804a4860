//! Canary secrets (threat T38, goal G20): no key, token, code or nonce stands in any file that the server writes, in any
//! spelling: not in the data folder, not in a backup, not in what it says at its most talkative.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use cikada_tests::{Request, Server, cikada, fresh_name};
use serde_json::{Value, json};

#[test]
fn no_secret_is_written_in_clear() {
    for format in ["text", "json"] {
        let mut server = Server::start_with(&format!("[log]\nlevel = \"trace\"\nformat = \"{format}\"\n"));
        let secrets = use_every_kind(&server);
        look(&server, &secrets, format);
        assert!(server.stop().success());
        look(&server, &secrets, format);
        // The search finds what is there: the public name of a client, whose bytes are in the rows.
        let public = Search::of([("a RID", spellings(&server.cast.owner.rid))].into_iter());
        assert!(places(&server).iter().any(|(_, bytes)| !public.find(bytes).is_empty()));
    }
}

/// Makes, uses, shows and kills secrets of every kind; what each is, and itself.
fn use_every_kind(server: &Server) -> Vec<(&'static str, String)> {
    let vendor = server.vendor();
    let model = fresh_name("secrets");
    vendor.add_model(&model, &[("options[]", "graceretry")]);
    let nonce = "a-nonce-that-nobody-should-see";
    vendor.add(&model, &["A1", "A2", "A3"]);
    for sn in ["A1", "A2", "A3"] {
        vendor.enable(&model, sn);
    }
    let token = vendor.post("/admin/auth/", &[("id", "canary")]).expect(200).text().to_owned();
    let shown = vendor.call("GET", "/admin/auth/canary").expect(200).text().to_owned();
    assert_eq!(token, shown);
    let device = server.device(&model, "A1");
    let used = device.activate_with(&[("nonce", nonce)]).expect(200).text().to_owned();
    device.list(&used).expect(200);
    let old = server.device(&model, "A2");
    let (first, second) = (old.activate_ok(), old.activate_ok());
    old.list(&first).expect(401);
    vendor.re_enable(&model, "A1").expect(205);
    vendor.disable(&model, "A3").expect(205);
    let key = "an-idempotency-key-to-hide";
    vendor.add(&model, &["A4"]);
    vendor.enable(&model, "A4");
    let fourth = server.call(&server.device(&model, "A4").activation(&[]).header("Idempotency-Key", key)).expect(200);
    let owner = &server.cast.vendor.cik;
    let call = |procedure: &str, arguments: Value| {
        let body =
            json!({"auth": {"cik": owner}, "calls": [{"id": 1, "procedure": procedure, "arguments": arguments}]});
        let request = Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json");
        let answer: Value =
            serde_json::from_str(server.call(&request.body(body.to_string())).expect(200).text()).unwrap();
        assert_eq!(answer[0]["status"], "ok", "{procedure}: {answer}");
        answer[0]["result"].clone()
    };
    let port = call("create", json!(["dataport", {"format": "string"}]));
    let code = call("share", json!([port, {"meta": "text"}])).as_str().unwrap().to_owned();
    let dead_code = call("share", json!([port, {"meta": "text"}])).as_str().unwrap().to_owned();
    call("revoke", json!(["share", dead_code]));
    let lent = call("grant", json!([{"alias": ""}, {port.as_str().unwrap(): ["read"]}, {"ttl": 600}]));
    let lent = lent.as_str().unwrap().to_owned();
    let by_grant = json!({"auth": {"token": lent}, "calls": [{"id": 1, "procedure": "read", "arguments": [port, {}]}]});
    let request = Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json");
    server.call(&request.body(by_grant.to_string())).expect(200);
    // What is refused is not repeated in a log either.
    let guess = "00aa11bb22cc33dd44ee55ff66aa77bb88cc99dd";
    for header in ["X-Exosite-CIK", "X-Exosite-Token"] {
        server.call(&Request::get("/provision/manage/model/").header(header, guess)).expect(401);
    }
    server
        .call(&Request::get("/onep:v1/stack/alias?a").header("Authorization", &format!("Bearer {guess}")))
        .expect(401);
    let cast = &server.cast;
    vec![
        ("a replaced CIK", used),
        ("a dead CIK", first),
        ("a CIK", second),
        ("another CIK", fourth.text().to_owned()),
        ("a token", token),
        ("a share code", code),
        ("a dead share code", dead_code),
        ("a grant's token", lent),
        ("a guess", guess.to_owned()),
        ("the first token", cast.vendor_token.clone()),
        ("the vendor's CIK", cast.vendor.cik.clone()),
        ("the owner's CIK", cast.owner.cik.clone()),
        ("root's CIK", cast.root.cik.clone()),
        ("the template's CIK", cast.template.cik.clone()),
        ("a nonce", nonce.to_owned()),
        ("an idempotency key", key.to_owned()),
        ("the master key", hex(&fs::read(server.data().join("master.key")).unwrap())),
    ]
}

/// Looks for every secret in everything that was written.
fn look(server: &Server, secrets: &[(&'static str, String)], format: &str) {
    let places = places(server);
    assert!(places.len() > 8, "these are not all places");
    let search = Search::of(secrets.iter().map(|(what, secret)| (*what, spellings(secret))));
    for (name, bytes) in &places {
        for what in search.find(bytes) {
            let is_its_place = what == "the master key" && name.ends_with("master.key");
            assert!(is_its_place, "{what} stands in {name} (log as {format})");
        }
    }
}

/// All spellings of all secrets, looked for in one pass.
struct Search {
    spellings: Vec<(&'static str, Vec<u8>)>,
    /// By the first bytes, and by the first two of them.
    by_begin: HashMap<[u8; BEGIN], Vec<usize>>,
    may_begin: Vec<bool>,
}

const BEGIN: usize = 8;

impl Search {
    fn of(secrets: impl Iterator<Item = (&'static str, Vec<Vec<u8>>)>) -> Search {
        let spellings: Vec<_> =
            secrets.flat_map(|(what, spellings)| spellings.into_iter().map(move |spelling| (what, spelling))).collect();
        let mut search = Search { spellings, by_begin: HashMap::new(), may_begin: vec![false; 1 << 16] };
        for (place, (_, spelling)) in search.spellings.iter().enumerate() {
            let begin = *spelling.first_chunk::<BEGIN>().unwrap();
            search.by_begin.entry(begin).or_default().push(place);
            search.may_begin[usize::from(u16::from_le_bytes([begin[0], begin[1]]))] = true;
        }
        search
    }

    fn find(&self, bytes: &[u8]) -> Vec<&'static str> {
        let mut found = Vec::new();
        for at in 0..bytes.len().saturating_sub(BEGIN) {
            if !self.may_begin[usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))] {
                continue;
            }
            let Some(begin) = bytes[at..].first_chunk::<BEGIN>() else { continue };
            let meant = self.by_begin.get(begin).into_iter().flatten().map(|place| &self.spellings[*place]);
            found.extend(meant.filter(|(_, spelling)| bytes[at..].starts_with(spelling)).map(|(what, _)| *what));
        }
        found
    }
}

/// Everything that the server and the operator's commands have written, by name.
fn places(server: &Server) -> Vec<(String, Vec<u8>)> {
    let mut places = Vec::new();
    read_all(&server.data(), &mut places);
    let shelf = tempfile::tempdir().unwrap();
    for target in ["backup", "backup.tar"] {
        let output = std::process::Command::new(cikada())
            .args(["backup", "--data"])
            .arg(server.data())
            .arg("--to")
            .arg(shelf.path().join(target))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        places.push((format!("what backing up to {target} said"), [output.stdout, output.stderr].concat()));
    }
    read_all(shelf.path(), &mut places);
    let fsck = server.run_on_data("fsck");
    places.push(("what fsck said".to_owned(), [fsck.stdout, fsck.stderr].concat()));
    places.push(("the log".to_owned(), server.errors().into_bytes()));
    // Where the server tells of itself, if it runs and does.
    for path in ["/metrics", "/openapi.json", "/healthz"] {
        if let Ok(answer) = server.try_call_from(std::net::Ipv4Addr::LOCALHOST, &Request::get(path)) {
            places.push((path.to_owned(), answer.body));
        }
    }
    places
}

fn read_all(folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => read_all(&path, files),
            false => files.push((path.display().to_string(), fs::read(&path).unwrap_or_default())),
        }
    }
}

/// A secret as it was given, and where it is hex its bytes; both raw, in hex and in base64.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let mut raw = vec![secret.as_bytes().to_vec()];
    raw.extend(unhex(secret));
    let mut all = raw.clone();
    for bytes in &raw {
        all.push(hex(bytes).into_bytes());
        all.push(hex(bytes).to_uppercase().into_bytes());
        for alphabet in [b"+/", b"-_"] {
            all.extend((0..3).map(|shift| base64(bytes, shift, alphabet)));
        }
    }
    all
}

/// The bytes in base64 where `shift` others stand before them, without the digits that depend on what is around them.
fn base64(bytes: &[u8], shift: usize, last_two: &[u8; 2]) -> Vec<u8> {
    let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    let skipped = (6 - shift * 8 % 6) % 6;
    let digit = |chunk: &[bool]| {
        let value = chunk.iter().fold(0_u8, |value, bit| value << 1 | u8::from(*bit));
        match value {
            0..=25 => b'A' + value,
            26..=51 => b'a' + value - 26,
            52..=61 => b'0' + value - 52,
            _ => last_two[usize::from(value - 62)],
        }
    };
    bits[skipped..].chunks_exact(6).map(digit).collect()
}

fn holds(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[test]
fn base64_is_found_wherever_it_begins() {
    let all = b"0123456789";
    for shift in 0..3 {
        let whole = base64(all, 0, b"+/");
        let part = base64(&all[shift..9], shift, b"+/");
        assert!(holds(&whole, &part), "shift {shift}");
    }
}

/// The memory of a server holds keys, so that nothing of it may be left when the server dies.
#[test]
fn a_server_leaves_no_core_dump() {
    let server = Server::start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.process_id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<&str> = line["Max core file size".len()..].split_whitespace().collect();
    assert_eq!(words[..2], ["0", "0"], "{line}");
}
