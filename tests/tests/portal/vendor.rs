//! The pages of a vendor: what an administrator does there, and that a viewer, or anybody else, does not (threats T33, T34, and part 4
//! "Who may do what").

use cikada_tests::{Browser, Server};

/// The administrator of the server, at work as its vendor.
fn vendor(server: &Server) -> Browser<'_> {
    let mut browser = Browser::first_administrator(server);
    browser.get("/portal/admin/vendors").expect(200);
    browser.post("/portal/admin/act", &[("as", &server.cast.vendor.rid)]).expect(303);
    browser.get("/portal/overview").expect(200);
    browser
}

/// Somebody whom the vendor has invited.
fn invited<'a>(server: &'a Server, vendor: &mut Browser<'a>, fields: &[(&str, &str)], name: &str) -> Browser<'a> {
    let page = vendor.post("/portal/people", &[&[("do", "invite")], fields].concat()).expect(200);
    let text = page.text();
    let start = text.find("<code id=\"link\">").expect("a link") + 16;
    let link = text[start..].split('<').next().unwrap().to_owned();
    Browser::joined(server, &link, name)
}

const MODEL: &[(&str, &str)] = &[
    ("name", "thermo"),
    ("alias", "temperature"),
    ("port", "Temperature"),
    ("format", "float"),
    ("unit", "°C"),
    ("count", "100"),
    ("hours", ""),
    ("window", "1"),
    ("window_unit", "hours"),
];

#[test]
fn a_model_is_made_with_its_template_and_its_device_activates() {
    let server = Server::start();
    let mut browser = vendor(&server);
    browser.get("/portal/models/new").expect(200);
    let refused = browser.post("/portal/models", &[("name", "a b"), ("alias", "x")]).expect(400);
    assert!(refused.text().contains("value=\"a b\""), "what was typed stays");
    browser.post("/portal/models", MODEL).expect(303);
    let page = browser.get("/portal/models/thermo").expect(200);
    for shown in ["<code>temperature</code>", "°C", "100 values", "1 hour"] {
        assert!(page.text().contains(shown), "{shown}");
    }
    browser.post("/portal/models/thermo/add", &[("numbers", "T1\r\nT2, in the cellar\r\n")]).expect(303);
    browser.post("/portal/models/thermo/add", &[("numbers", "T3\r\nT1")]).expect(400);
    let owner = [("owner_rid", server.cast.owner.rid.as_str())];
    browser.post("/portal/models/thermo/numbers/T1/enable", &owner).expect(303);
    let waiting = browser.get("/portal/models/thermo/numbers/T1").expect(200);
    assert!(waiting.text().contains("data-status=\"notactivated\"") && waiting.text().contains("data-countdown"));
    server.device("thermo", "T1").activate_ok();
    let page = browser.get("/portal/models/thermo/numbers/T1").expect(200);
    assert!(page.text().contains("The device called in and received its key"));
    assert!(page.text().contains("answered, never used"));
    browser.post("/portal/models/thermo/numbers/T1/disable", &[("confirm", "T2")]).expect(400);
    browser.post("/portal/models/thermo/numbers/T1/disable", &[("confirm", "T1")]).expect(303);
    assert_eq!(server.vendor().status("thermo", "T1"), "expired");
    browser.post("/portal/models/thermo/numbers/T1/reenable", &[]).expect(303);
    assert_eq!(server.vendor().status("thermo", "T1"), "notactivated");
    browser.post("/portal/models/thermo/numbers/T1/remap", &[("new", "T2")]).expect(303);
    assert_eq!(server.vendor().status("thermo", "T2"), "notactivated");
    browser.post("/portal/models/thermo/numbers/T1/delete", &[("confirm", "T1")]).expect(303);
    server.vendor().look("thermo", "T1").expect(404);
    let overview = browser.get("/portal/overview").expect(200);
    assert!(overview.text().contains("href=\"/portal/models/thermo\""));
}

#[test]
fn a_file_is_reported_row_by_row_before_anything_is_added() {
    let server = Server::start();
    let mut browser = vendor(&server);
    browser.get("/portal/models/new");
    browser.post("/portal/models", MODEL).expect(303);
    browser.get("/portal/models/thermo/add").expect(200);
    let file = b"A1\nA2,\"of a, kind\"\nA1\nx/y\n";
    let report = browser.upload("/portal/models/thermo/import", &[], ("file", "numbers.csv", file)).expect(200);
    assert!(report.text().contains("stands in the file twice") && report.text().contains("is no serial number"));
    server.vendor().look("thermo", "A1").expect(404);
    let start = report.text().find("aria-label=\"rows\">").unwrap() + 18;
    let rows = report.text()[start..].split("</textarea>").next().unwrap();
    let rows = rows.replace("&#34;", "\"").replace("&quot;", "\"");
    browser.post("/portal/models/thermo/import/apply", &[("rows", &rows)]).expect(303);
    server.vendor().look("thermo", "A1").expect(204);
    server.vendor().look("thermo", "A2").expect(204);
    let found = browser.get("/portal/models/thermo/numbers?q=A2").expect(200);
    assert!(found.text().contains("of a, kind") && !found.text().contains(">A1<"));
    let again = browser.upload("/portal/models/thermo/import", &[], ("file", "numbers.csv", file)).expect(200);
    assert!(again.text().contains("is registered already"));
}

#[test]
fn content_is_given_through_a_group_and_says_why() {
    let server = Server::start();
    let mut browser = vendor(&server);
    browser.get("/portal/models/new");
    browser.post("/portal/models", MODEL).expect(303);
    browser.post("/portal/models/thermo/add", &[("numbers", "T1")]).expect(303);
    browser.get("/portal/models/thermo/content").expect(200);
    let image = vec![7u8; 300_000];
    let fields = [("id", "fw.bin"), ("protected", "true")];
    browser.upload("/portal/models/thermo/content", &fields, ("file", "x.bin", &image)).expect(303);
    let page = browser.get("/portal/models/thermo/content/fw.bin").expect(200);
    assert!(page.text().contains("300000 bytes") && page.text().contains("nobody"));
    browser.post("/portal/models/thermo/groups", &[("id", "beta"), ("meta", "")]).expect(303);
    browser.post("/portal/models/thermo/groups/beta/add", &[("kind", "content"), ("members", "fw.bin")]).expect(303);
    let until = [("kind", "sn"), ("members", "T1"), ("until", "2099-03-01T00:00")];
    browser.post("/portal/models/thermo/groups/beta/add", &until).expect(303);
    let page = browser.get("/portal/models/thermo/numbers/T1").expect(200);
    assert!(page.text().contains("through group beta") && page.text().contains("2099-03-01T00:00:00Z"));
    let file = browser.get("/portal/models/thermo/content/fw.bin/file").expect(200);
    assert_eq!(file.body, image);
    assert!(file.header("content-disposition").unwrap().starts_with("attachment"));
}

#[test]
fn a_viewer_sees_no_button_and_its_forged_requests_are_refused() {
    let server = Server::start();
    let mut admin = vendor(&server);
    admin.get("/portal/models/new");
    admin.post("/portal/models", MODEL).expect(303);
    admin.post("/portal/models/thermo/add", &[("numbers", "T1")]).expect(303);
    admin.post("/portal/models/thermo/groups", &[("id", "beta"), ("meta", "")]).expect(303);
    admin.get("/portal/people").expect(200);
    let mut viewer = invited(&server, &mut admin, &[("role", "viewer"), ("note", "Vera")], "vera@example.org");
    let pages = [
        "/portal/overview",
        "/portal/models",
        "/portal/models/thermo",
        "/portal/models/thermo/numbers",
        "/portal/models/thermo/numbers/T1",
        "/portal/models/thermo/content",
        "/portal/models/thermo/groups",
        "/portal/models/thermo/groups/beta",
        "/portal/models/thermo/shares",
        "/portal/tokens",
        "/portal/people",
    ];
    for page in pages {
        let text = viewer.get(page).expect(200).text().to_owned();
        let forms = text.matches("method=\"post\"").count();
        assert_eq!(forms, 1, "{page} has more forms than the one that signs out");
    }
    for page in
        ["/portal/models/new", "/portal/models/thermo/settings", "/portal/models/thermo/add", "/portal/admin/accounts"]
    {
        viewer.get(page).expect(403);
    }
    let before = server.vendor().snapshot("thermo");
    let rid = server.cast.owner.rid.as_str();
    let forged: &[(&str, &[(&str, &str)])] = &[
        ("/portal/models", &[("name", "other"), ("alias", "x"), ("format", "float")]),
        ("/portal/models/thermo/settings", &[("window", "60")]),
        ("/portal/models/thermo/delete", &[("confirm", "thermo")]),
        ("/portal/models/thermo/add", &[("numbers", "T9")]),
        ("/portal/models/thermo/ranges", &[("format", "base10"), ("first", "1"), ("last", "9")]),
        ("/portal/models/thermo/import/apply", &[("rows", "T9\n")]),
        ("/portal/models/thermo/numbers/T1/enable", &[("owner_rid", rid)]),
        ("/portal/models/thermo/numbers/T1/reenable", &[]),
        ("/portal/models/thermo/numbers/T1/delete", &[("confirm", "T1")]),
        ("/portal/models/thermo/groups", &[("id", "g")]),
        ("/portal/models/thermo/groups/beta/add", &[("kind", "sn"), ("members", "T1")]),
        ("/portal/models/thermo/groups/beta/delete", &[("confirm", "beta")]),
        ("/portal/models/thermo/shares", &[("vendor", "acme")]),
        ("/portal/tokens", &[("do", "make"), ("id", "t")]),
        ("/portal/people", &[("do", "invite"), ("role", "administrator")]),
        ("/portal/people", &[("do", "role"), ("id", "1"), ("role", "administrator")]),
        ("/portal/admin/vendors", &[("name", "other")]),
        ("/portal/admin/accounts", &[("do", "invite")]),
        ("/portal/admin/act", &[("as", rid)]),
    ];
    viewer.get("/portal/account").expect(200);
    for (path, fields) in forged {
        let answer = viewer.post(path, fields);
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
        viewer.get("/portal/account").expect(200);
    }
    let uploaded = viewer.upload("/portal/models/thermo/content", &[("id", "c")], ("file", "c", b"x"));
    assert_eq!(uploaded.status, 403);
    assert!(server.vendor().snapshot("thermo") == before, "a viewer has changed something");
}

#[test]
fn an_owner_sees_nothing_of_the_vendor() {
    let server = Server::start();
    let mut admin = vendor(&server);
    admin.get("/portal/people").expect(200);
    let mut owner = invited(&server, &mut admin, &[("role", "owner"), ("owner", "Bakery Berg")], "berg@example.org");
    for page in ["/portal/overview", "/portal/models", "/portal/tokens", "/portal/people", "/portal/admin/vendors"] {
        owner.get(page).expect(403);
    }
    let people = admin.get("/portal/people").expect(200);
    assert!(people.text().contains("Bakery Berg") && people.text().contains("berg@example.org"));
}

#[test]
fn hostile_text_is_text() {
    let server = Server::start();
    let mut browser = vendor(&server);
    browser.get("/portal/models/new");
    browser.post("/portal/models", MODEL).expect(303);
    const EVIL: &str = "<script>x</script>\"'><img src=x onerror=x>";
    const ID: &str = "<script>x<\\script>\"'><img src=x onerror=x>";
    browser.post("/portal/models/thermo/add", &[("numbers", &format!("{ID},{EVIL}"))]).expect(303);
    browser.post("/portal/models/thermo/groups", &[("id", ID), ("meta", EVIL)]).expect(303);
    let people = [("do", "invite"), ("role", "owner"), ("owner", EVIL), ("note", EVIL)];
    browser.get("/portal/people");
    browser.post("/portal/people", &people).expect(200);
    let number = format!("/portal/models/thermo/numbers/{}", cikada_tests::encode(ID));
    let group = format!("/portal/models/thermo/groups/{}", cikada_tests::encode(ID));
    for page in [
        "/portal/models/thermo/numbers",
        &number,
        "/portal/models/thermo/groups",
        &group,
        "/portal/people",
        "/portal/models/thermo/numbers?q=%3Cscript%3Ex&status=%22%3E%3Cscript%3E",
        "/portal/overview?said=%3Cscript%3E",
    ] {
        let text = browser.get(page).expect(200).text().to_owned();
        assert!(!text.contains("<script>x") && !text.contains("<img src=x"), "{page}");
    }
}
