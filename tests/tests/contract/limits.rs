//! Every limit at n, at n + 1 and far beyond (contract, README "Limits"): refused with 400 or 413, nothing changed, and the server
//! answers on.

use cikada_tests::{Answer, Server, Vendor, encode, fresh_address, fresh_name};

pub const REFUSED: &[u16] = &[400, 413];

/// A server, a model with something in it, and the vendor.
pub fn scene(server: &Server) -> (Vendor<'_>, String) {
    let model = fresh_name("limits");
    let vendor = server.vendor();
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["A1"]);
    vendor.add_group(&model, "beta");
    vendor.upload(&model, "fw", "text/plain", "hello");
    (vendor, model)
}

/// Tries everything, wants it all refused, and wants nothing changed.
#[track_caller]
pub fn all_refused(vendor: &Vendor, model: &str, tries: impl IntoIterator<Item = (String, Answer)>) {
    let before = vendor.snapshot(model);
    for (what, answer) in tries {
        assert!(REFUSED.contains(&answer.status), "{what}: {answer:?}");
        assert_eq!(vendor.snapshot(model), before, "{what} changed something");
    }
}

#[test]
fn names_have_100_characters() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let rid = server.cast.template.rid.as_str();
    let owner = Vendor::with_cik(&server, "", &server.cast.owner.cik);
    let (full, over, far) = ("x".repeat(100), "x".repeat(101), "x".repeat(100_000));
    vendor.post("/manage/model/", &[("model", &full), ("rid", rid)]).expect(205);
    vendor.call("GET", &format!("/manage/model/{full}")).expect(200);
    let tries = [&over, &far].map(|name| {
        (format!("a model of {}", name.len()), vendor.post("/manage/model/", &[("model", name), ("rid", rid)]))
    });
    all_refused(&vendor, &model, tries);
    for name in [&over, &far] {
        owner.post("/register", &[("vendor", name)]).expect_any(REFUSED);
        owner.call("GET", "/register").expect(404);
    }
    owner.post("/register", &[("vendor", &full)]).expect(205);
    assert_eq!(owner.call("GET", "/register").text(), full);
}

#[test]
fn names_are_letters_digits_dot_underscore_and_dash() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let rid = server.cast.template.rid.as_str();
    for name in [".", "..", "-", "_", "A.b_c-9", "0"] {
        let name = if name.len() < 3 { name.to_owned() } else { fresh_name(name) };
        vendor.post("/manage/model/", &[("model", &name), ("rid", rid)]).expect_any(&[205, 409]);
        vendor.call("GET", &format!("/manage/model/{}", name.replace('.', "%2E"))).expect(200);
    }
    let tries = ["a b", "a/b", "a,b", "é", "a\n", "a\0", "%41", "a+b", " a", "a ", "a:b", "a\u{202e}"]
        .map(|name| (format!("{name:?}"), vendor.post("/manage/model/", &[("model", name), ("rid", rid)])));
    all_refused(&vendor, &model, tries);
}

#[test]
fn ids_have_128_bytes() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let paths = ids_go_to(&model);
    for full in ["x".repeat(128), "é".repeat(64)] {
        for (path, field, more) in &paths {
            vendor.post(path, &[&[(*field, &*full)], *more].concat()).expect_any(&[205, 200]);
            vendor.call("DELETE", &format!("{path}{}", encode(&full))).expect(205);
        }
    }
    for over in ["x".repeat(129), format!("x{}", "é".repeat(64)), "x".repeat(100_000)] {
        let tries = paths.clone().map(|(path, field, more)| {
            (format!("{path} {} bytes", over.len()), vendor.post(&path, &[&[(field, &*over)], more].concat()))
        });
        all_refused(&vendor, &model, tries);
        let csv = vendor.send("POST", &format!("/manage/model/{model}/"), "text/csv", format!("{over}\n"));
        all_refused(&vendor, &model, [(format!("csv of {}", over.len()), csv)]);
    }
}

#[test]
fn ids_hold_no_control_comma_slash_or_outer_space() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    for bad in ["a,b", "a/b", "a\nb", "a\0", "\u{7f}", "a\u{85}b", "a\tb", " a", "a ", " ", "\r\n", "a\u{1b}[0m"] {
        let tries = ids_go_to(&model).map(|(path, field, more)| {
            (format!("{bad:?} to {path}"), vendor.post(&path, &[&[(field, bad)], more].concat()))
        });
        all_refused(&vendor, &model, tries);
    }
}

#[test]
fn ids_may_be_as_strange_as_they_like_otherwise() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let strange = [
        "..",
        ".",
        "...",
        "%2e%2e",
        "%",
        "a b",
        "a+b",
        "a&b=c",
        "?x",
        "#x",
        "\"quoted\"",
        "'",
        "\\",
        "a;b",
        "<script>",
        "é",
        "\u{202e}x",
        "\u{1f41b}",
        "null",
        "0",
        "-1",
        "=1+1",
        "[]",
        "id[]",
        "01:02:03:04:05:FF",
        "a\u{a0}",
    ];
    for id in strange {
        for (path, field, more) in ids_go_to(&model) {
            vendor.post(&path, &[&[(field, id)], more].concat()).expect_any(&[200, 205]);
        }
        assert_eq!(vendor.status(&model, id), "", "{id}");
        let rid = vendor.enable(&model, id);
        let cik = server.device(&model, id).activate_ok();
        let device = server.device(&model, id);
        vendor.upload(&model, id, "text/plain", id);
        assert_eq!(device.blob(&cik, id).expect(200).text(), id);
        let line = vendor.look(&model, id).expect(200).text().to_owned();
        assert_eq!(line, format!("activated,{rid},\n"));
        vendor.add_member(&model, id, "sn", id, "");
        let members = vendor.call("GET", &format!("/manage/group/{model}/{}/", encode(id))).expect(200);
        let shown = if id.contains('"') { format!("\"{}\"", id.replace('"', "\"\"")) } else { id.to_owned() };
        assert!(members.text().starts_with(&format!("sn,{shown},")), "{members:?}");
        for (path, ..) in ids_go_to(&model) {
            vendor.call("DELETE", &format!("{path}{}", encode(id))).expect(205);
        }
    }
}

#[test]
fn meta_and_extra_have_1024_bytes() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let paths = [
        (format!("/manage/content/{model}/"), vec![("id", "m")], "meta"),
        (format!("/manage/group/{model}/"), vec![("id", "m")], "meta"),
        (format!("/manage/group/{model}/beta/"), vec![("type", "sn"), ("id", "A1")], "meta"),
        (format!("/manage/model/{model}/"), vec![("sn", "m")], "extra"),
    ];
    for (path, fields, field) in &paths {
        for over in ["x".repeat(1025), "é".repeat(513), "x".repeat(500_000), "a\0".to_owned()] {
            let mut fields = fields.clone();
            fields.push((field, &over));
            all_refused(&vendor, &model, [(format!("{path} {} bytes", over.len()), vendor.post(path, &fields))]);
        }
        let full = format!("{}\r\n,\"", "é".repeat(510));
        let mut fields = fields.clone();
        fields.push((field, &full));
        vendor.post(path, &fields).expect(205);
    }
    let quoted = format!("\"{}\r\n,\"\"\"", "é".repeat(510));
    assert!(vendor.look(&model, "m").status == 204);
    let listed = vendor.call("GET", &format!("/manage/model/{model}/?limit=100"));
    assert!(listed.text().contains(&format!("m,,{quoted}\n")), "{listed:?}");
}

#[test]
fn a_batch_has_100_000_serial_numbers() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let path = format!("/manage/model/{model}/");
    let lines = |count: usize| (0..count).map(|n| format!("B{n}\n")).collect::<String>();
    let tries =
        [100_001, 200_000].map(|count| (count.to_string(), vendor.send("POST", &path, "text/csv", lines(count))));
    all_refused(&vendor, &model, tries);
    vendor.send("POST", &path, "text/csv", lines(100_000)).expect(205);
    assert_eq!(vendor.status(&model, "B99999"), "");
    vendor.send("POST", &path, "text/csv", "C1\nB77777\n").expect(409);
    vendor.look(&model, "C1").expect(404);
    vendor.send("DELETE", &path, "text/csv", lines(100_000)).expect(205);
    vendor.look(&model, "B99999").expect(404);
}

#[test]
fn a_model_with_a_hundred_thousand_numbers_is_gone_at_once() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let path = format!("/manage/model/{model}/");
    let lines: String = (0..100_000).map(|n| format!("B{n}\n")).collect();
    vendor.send("POST", &path, "text/csv", lines).expect(205);
    vendor.call("DELETE", &format!("/manage/model/{model}")).expect(205);
    vendor.call("GET", &path).expect(404);
    vendor.add_model(&model, &[]);
    assert_eq!(vendor.call("GET", &path).expect(200).text(), "");
    server.device(&model, "B77777").activate().expect(404);
    vendor.add(&model, &["B77777"]);
    assert_eq!(vendor.status(&model, "B77777"), "");
}

#[test]
fn a_form_has_a_mebibyte_and_a_batch_sixteen() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let form_of = |size: usize| format!("id=big&meta=&x={}", "x".repeat(size - "id=big&meta=&x=".len()));
    let path = format!("/manage/group/{model}/");
    for size in [(1 << 20) + 1, 8 << 20] {
        let answer = vendor.send("POST", &path, "application/x-www-form-urlencoded", form_of(size));
        assert_eq!(answer.status, 413, "{size}");
    }
    vendor.send("POST", &path, "application/x-www-form-urlencoded", form_of(1 << 20)).expect(205);
    // Serial numbers come in bigger bodies; here most of it is empty lines.
    let path = format!("/manage/model/{model}/");
    let csv_of = |size: usize| format!("{}C1\n", "\n".repeat(size - 3));
    vendor.send("POST", &path, "text/csv", csv_of((16 << 20) + 1)).expect(413);
    vendor.look(&model, "C1").expect(404);
    vendor.send("POST", &path, "text/csv", csv_of(16 << 20)).expect(205);
    vendor.look(&model, "C1").expect(204);
}

#[test]
fn a_body_that_says_it_is_too_large_is_refused_before_it_is_read() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let blob = format!("/manage/content/{model}/fw");
    let sizes = [
        ("/manage/model/", "1048577"),
        ("/manage/model/", "18446744073709551615"),
        (&*blob, "4294967297"),
        (&*blob, "18446744073709551615"),
    ];
    for (path, size) in sizes {
        let mut connection = server.connect();
        let head = vendor.request("POST", path).header("Content-Length", size).to_bytes();
        connection.send(&head).unwrap();
        connection.read_answer("POST").unwrap().expect(413);
    }
    // Nothing is believed of a body that comes in pieces without end.
    let mut connection = server.connect();
    connection
        .send(&vendor.request("POST", "/manage/model/").header("Transfer-Encoding", "chunked").to_bytes())
        .unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..64 {
        if connection.send(&chunk).is_err() {
            break;
        }
    }
    connection.read_answer("POST").unwrap().expect(413);
    assert_eq!(vendor.call("GET", &format!("{blob}?download=true")).text(), "hello");
}

#[test]
fn a_model_has_10_000_ranges() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let path = format!("/manage/model/{model}/");
    let ranges = |from: usize, count: usize| {
        let one = |n: usize| {
            format!(r#"{{"format":"base10","length":9,"casing":"upper","first":{},"last":{}}}"#, n * 10, n * 10 + 4)
        };
        format!("{{\"ranges\":[{}]}}", (from..from + count).map(one).collect::<Vec<_>>().join(","))
    };
    let before = vendor.snapshot(&model);
    vendor.send("POST", &path, "application/json", ranges(0, 10_001)).expect_any(&[400, 409, 413]);
    assert_eq!(vendor.snapshot(&model), before);
    vendor.send("POST", &path, "application/json", ranges(0, 10_000)).expect(205);
    vendor.look(&model, "000099994").expect(204);
    vendor.look(&model, "000099995").expect(404);
    vendor.send("POST", &path, "application/json", ranges(10_000, 1)).expect_any(&[400, 409, 413]);
    vendor.look(&model, "000100000").expect(404);
}

#[test]
fn a_nonce_has_16_to_64_characters() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    vendor.enable(&model, "A1");
    for nonce in ["", "x", &"x".repeat(15), &"x".repeat(65), &"x".repeat(100_000)] {
        let device = server.device(&model, "A1").from(fresh_address());
        device.activate_with(&[("nonce", nonce)]).expect_any(REFUSED);
        assert_eq!(vendor.status(&model, "A1"), "notactivated");
    }
    server.device(&model, "A1").activate_with(&[("nonce", &"é".repeat(16))]).expect_any(&[200, 400]);
}

#[test]
fn a_content_type_is_a_media_type_of_at_most_128_characters() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let path = format!("/manage/content/{model}/fw");
    let full = format!("application/{}", "x".repeat(128 - "application/".len()));
    for bad in [
        "x",
        "/",
        "a/",
        "/b",
        "a/b/c",
        "a b/c",
        "text/plain, text/html",
        "text/plain;",
        "tëxt/plain",
        "text/plain\t;x",
        &format!("{full}x"),
    ] {
        let answer = vendor.send("POST", &path, bad, "other bytes");
        // A trailing semicolon is harmless; whoever accepts it must keep it harmless.
        if bad == "text/plain;" && answer.status == 205 {
            vendor.upload(&model, "fw", "text/plain", "hello");
            continue;
        }
        all_refused(&vendor, &model, [(bad.to_owned(), answer)]);
    }
    vendor.upload(&model, "fw", &full, "other bytes");
    assert_eq!(vendor.call("GET", &format!("{path}?download=true")).header("content-type"), Some(&*full));
}

type Fields = &'static [(&'static str, &'static str)];

/// Every list that an id can be added to: path, field, further fields.
fn ids_go_to(model: &str) -> [(String, &'static str, Fields); 4] {
    [
        (format!("/manage/model/{model}/"), "sn", &[]),
        (format!("/manage/content/{model}/"), "id", &[("meta", "")]),
        (format!("/manage/group/{model}/"), "id", &[("meta", "")]),
        ("/admin/auth/".to_owned(), "id", &[]),
    ]
}
