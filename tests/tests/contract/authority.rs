//! Who may do what (contract, manage.md and device.md): every route tried by every kind of caller.

use cikada_tests::{Answer, Request, Server, UNKNOWN_KEY, Vendor, fresh_name};

/// Method, path after `/provision/manage/`, body, then the answers to the vendor, to a foreign vendor, to a partner.
/// `{m}` is the model, `{owner}` the partner's client. A body is a form unless it says `csv:`, `json:` or `blob:`.
pub(super) type Route = (&'static str, &'static str, &'static str, u16, u16, &'static [u16]);

pub(super) const MODEL_ROUTES: &[Route] = &[
    ("GET", "model/{m}", "", 200, 404, &[403]),
    ("PUT", "model/{m}", "options[]=noaliases", 205, 404, &[403]),
    ("DELETE", "model/{m}", "", 205, 404, &[403]),
    ("GET", "model/{m}/", "", 200, 404, &[200]),
    ("GET", "model/{m}/?status=true&limit=20", "", 200, 404, &[200]),
    ("GET", "model/{m}/?shared=partner", "", 200, 404, &[200, 403]),
    ("GET", "model/{m}/?show=ranges", "", 200, 404, &[403]),
    ("POST", "model/{m}/", "sn=more", 205, 404, &[403]),
    ("POST", "model/{m}/", "sn[]=more&sn[]=evenmore", 205, 404, &[403]),
    ("POST", "model/{m}/", "csv:more,extra", 205, 404, &[403]),
    (
        "POST",
        "model/{m}/",
        "json:[{\"format\":\"mac:48\",\"length\":null,\"casing\":\"upper\",\"first\":0,\"last\":9}]",
        205,
        404,
        &[403],
    ),
    ("POST", "model/{m}/", "delete=true&sn=unused", 205, 404, &[403]),
    ("POST", "model/{m}/", "delete=true&sn[]=mine", 205, 404, &[403]),
    ("DELETE", "model/{m}/", "csv:unused", 205, 404, &[403]),
    (
        "DELETE",
        "model/{m}/",
        "json:{\"ranges\":[{\"format\":\"base10\",\"length\":4,\"casing\":\"upper\",\"first\":1,\"last\":20}]}",
        205,
        404,
        &[403],
    ),
    ("GET", "model/{m}/unused", "", 204, 404, &[403]),
    ("GET", "model/{m}/active", "", 200, 404, &[403]),
    ("GET", "model/{m}/mine", "", 200, 404, &[200]),
    ("GET", "model/{m}/0007", "", 204, 404, &[403]),
    ("GET", "model/{m}/absent", "", 404, 404, &[403]),
    ("GET", "model/{m}/active?show=groups", "", 200, 404, &[403]),
    ("GET", "model/{m}/mine?show=groups", "", 204, 404, &[403]),
    ("GET", "model/{m}/active?show=log", "", 200, 404, &[403]),
    ("POST", "model/{m}/unused", "enable=true&owner={owner}", 200, 404, &[200]),
    ("POST", "model/{m}/0007", "enable=true&owner={owner}", 200, 404, &[200]),
    ("POST", "model/{m}/active", "enable=true", 205, 404, &[403]),
    ("POST", "model/{m}/mine", "enable=true", 205, 404, &[205]),
    ("POST", "model/{m}/unused", "enable=true&oldsn=active", 205, 404, &[403]),
    ("POST", "model/{m}/unused", "enable=true&oldsn=mine", 205, 404, &[403]),
    ("POST", "model/{m}/active", "disable=true", 205, 404, &[403]),
    ("POST", "model/{m}/mine", "disable=true", 205, 404, &[205]),
    ("DELETE", "model/{m}/active", "", 205, 404, &[403]),
    ("DELETE", "model/{m}/mine", "", 205, 404, &[403]),
    ("GET", "content/{m}/", "", 200, 400, &[403]),
    ("GET", "content/{m}/?sn=active", "", 200, 400, &[403]),
    ("POST", "content/{m}/", "id=more&meta=", 205, 404, &[403]),
    ("POST", "content/{m}/", "delete=true&id=fw", 205, 404, &[403]),
    ("DELETE", "content/{m}/fw", "", 205, 404, &[403]),
    ("GET", "content/{m}/fw", "", 200, 400, &[403]),
    ("GET", "content/{m}/fw?sn=active", "", 200, 400, &[403]),
    ("GET", "content/{m}/fw?download=true", "", 200, 403, &[403]),
    ("GET", "content/{m}/secret?download=true&sn=active", "", 200, 403, &[403]),
    ("GET", "content/{m}/fw?show=groups", "", 204, 404, &[403]),
    ("POST", "content/{m}/fw", "blob:other bytes", 205, 404, &[403]),
    ("POST", "content/{m}/more", "blob:other bytes", 205, 404, &[403]),
    ("GET", "group/{m}/", "", 200, 404, &[403]),
    ("POST", "group/{m}/", "id=more&meta=", 205, 404, &[403]),
    ("POST", "group/{m}/", "id=beta&delete=true", 205, 404, &[403]),
    ("DELETE", "group/{m}/beta", "", 205, 404, &[403]),
    ("GET", "group/{m}/beta", "", 200, 404, &[403]),
    ("GET", "group/{m}/beta?show=groups", "", 204, 404, &[403]),
    ("GET", "group/{m}/beta/", "", 200, 404, &[403]),
    ("POST", "group/{m}/beta/", "type=sn&id=unused", 205, 404, &[403]),
    ("POST", "group/{m}/beta/", "csv:sn,unused", 205, 404, &[403]),
    ("POST", "group/{m}/beta/", "type=sn&id=active&delete=true", 205, 404, &[403]),
    ("DELETE", "group/{m}/beta/", "csv:sn,active", 205, 404, &[403]),
    ("GET", "share/{m}/", "", 200, 404, &[403]),
    ("POST", "share/{m}/", "vendor=foreign", 205, 404, &[403]),
    ("POST", "share/{m}/", "vendor=partner&delete=true", 205, 404, &[403]),
    ("DELETE", "share/{m}/partner", "", 205, 404, &[403]),
    ("GET", "share/{m}/partner", "", 204, 404, &[403]),
];

/// Who it is, the header it shows, and what it is told everywhere.
type Outsider<'a> = (&'static str, &'static str, &'a str, u16);

/// Everybody who is nobody, and everybody who is no vendor.
fn outsiders(keys: &Keys) -> [Outsider<'_>; 14] {
    [
        ("nobody", "X-Nothing", "", 401),
        ("an empty key", "X-Exosite-CIK", "", 401),
        ("a malformed key", "X-Exosite-CIK", "zz", 401),
        ("a malformed token", "X-Exosite-Token", "zz", 401),
        ("a malformed bearer", "Authorization", "Bearer zz", 401),
        ("another scheme", "Authorization", "Basic eDp5", 401),
        ("an unknown key", "X-Exosite-CIK", UNKNOWN_KEY, 401),
        ("an unknown token", "X-Exosite-Token", UNKNOWN_KEY, 401),
        ("an unknown bearer", "Authorization", "Bearer 00112233445566778899aabbccddeeff00112233", 401),
        ("a disabled device", "X-Exosite-CIK", &keys.dead, 401),
        ("an ended token", "X-Exosite-Token", &keys.ended_token, 401),
        ("a device", "X-Exosite-CIK", &keys.device, 403),
        ("a plain client", "X-Exosite-CIK", &keys.plain, 403),
        ("a plain client as a bearer", "Authorization", &keys.plain_bearer, 403),
    ]
}

struct Keys {
    device: String,
    dead: String,
    plain: String,
    plain_bearer: String,
    ended_token: String,
}

#[test]
fn outsiders_are_refused_on_every_route_and_change_nothing() {
    let server = cast();
    let keys = keys(&server);
    let model = stage(&server);
    let before = server.vendor().snapshot(&model);
    for route in MODEL_ROUTES {
        for (who, header, value, expected) in outsiders(&keys) {
            let answer = server.call(&request(route, &model, &server).header(header, value));
            assert_status(route, who, &answer, &[expected]);
        }
    }
    assert_eq!(server.vendor().snapshot(&model), before);
}

#[test]
fn the_vendor_may_do_everything_with_its_key_its_token_and_as_a_bearer() {
    let server = cast();
    let cast = &server.cast;
    let (cik, token) = (format!("Bearer {}", cast.vendor.cik), format!("Bearer {}", cast.vendor_token));
    let ways = [
        ("X-Exosite-CIK", &cast.vendor.cik),
        ("X-Exosite-Token", &cast.vendor_token),
        ("Authorization", &cik),
        ("Authorization", &token),
    ];
    for (at, route) in MODEL_ROUTES.iter().enumerate() {
        // The two main ways on every route, the bearers on every other one.
        for (name, value) in ways.iter().take(if at % 2 == 0 { 2 } else { 4 }) {
            let model = stage(&server);
            let answer = server.call(&request(route, &model, &server).header(name, value));
            assert_status(route, name, &answer, &[route.3]);
        }
    }
}

#[test]
fn a_foreign_vendor_sees_what_it_would_see_of_a_model_that_isnt_there() {
    let server = cast();
    let model = stage(&server);
    let before = server.vendor().snapshot(&model);
    for route in MODEL_ROUTES {
        // The partner without the header is a foreign vendor too.
        for cik in [&server.cast.root.cik, &server.cast.owner.cik] {
            let ask = |model: &str| server.call(&request(route, model, &server).header("X-Exosite-CIK", cik));
            let (foreign, absent) = (ask(&model), ask("nothing"));
            assert_status(route, "a foreign vendor", &foreign, &[route.4]);
            assert_status(route, "on an absent model", &absent, &[route.4]);
            assert_eq!(foreign.text().replace(&model, "nothing"), absent.text(), "{route:?}");
            assert_eq!(names(&foreign), names(&absent), "{route:?}");
        }
    }
    assert_eq!(server.vendor().snapshot(&model), before);
}

#[test]
fn a_partner_may_do_what_a_share_gives_and_nothing_else() {
    let server = cast();
    let refused_on = stage(&server);
    let before = server.vendor().snapshot(&refused_on);
    let (refused, allowed): (Vec<&Route>, Vec<&Route>) = MODEL_ROUTES.iter().partition(|route| route.5 == [403]);
    for route in refused {
        let answer = server.call(&as_partner(&server, request(route, &refused_on, &server)));
        assert_status(route, "a partner", &answer, &[403]);
    }
    assert_eq!(server.vendor().snapshot(&refused_on), before);
    for route in allowed {
        let answer = server.call(&as_partner(&server, request(route, &stage(&server), &server)));
        assert_status(route, "a partner", &answer, route.5);
        if answer.status == 200 {
            assert!(!answer.text().contains("confidential"), "a partner sees no extra: {route:?} {answer:?}");
            assert!(!answer.text().contains("active"), "a partner sees its own numbers only: {route:?} {answer:?}");
        }
    }
}

#[test]
fn a_partner_whose_share_has_ended_may_do_nothing() {
    let server = cast();
    let (model, other) = (stage(&server), stage(&server));
    let vendor = server.vendor();
    vendor.call("DELETE", &format!("/manage/share/{model}/partner")).expect(205);
    let before = vendor.snapshot(&model);
    for route in MODEL_ROUTES {
        let ended = server.call(&as_partner(&server, request(route, &model, &server)));
        let absent = server.call(&as_partner(&server, request(route, "nothing", &server)));
        assert_status(route, "a former partner", &ended, &[403]);
        assert_eq!(ended.text().replace(&model, "nothing"), absent.text(), "{route:?}");
    }
    assert_eq!(vendor.snapshot(&model), before);
    // The share of another model is as good as ever.
    let list = Request::get(&format!("/provision/manage/model/{other}/"));
    server.call(&as_partner(&server, list)).expect(200);
}

#[test]
fn a_partner_may_not_take_a_number_of_the_vendor_by_naming_itself_its_owner() {
    let server = cast();
    let model = stage(&server);
    let partner = Vendor::with_cik(&server, "partner", &server.cast.owner.cik).at(&server.cast.vendor_name);
    partner.enable_under(&model, "active", &server.cast.owner.rid).expect_any(&[403, 409]);
    assert_eq!(server.vendor().status(&model, "active"), "activated");
}

#[test]
fn the_device_download_is_for_activated_devices_of_the_model() {
    let server = cast();
    let keys = keys(&server);
    let model = stage(&server);
    let device = server.device(&model, "active");
    let cik = {
        server.vendor().re_enable(&model, "active").expect(205);
        device.activate_ok()
    };
    for (more, refused) in [("", 403), ("&id=fw", 403), ("&id=fw&info=true", 400)] {
        let target = format!("/provision/download?vendor={}&model={model}{more}", server.cast.vendor_name);
        let ask = |name: &str, value: &str| server.call(&Request::get(&target).header(name, value)).status;
        assert_eq!(ask("X-Exosite-CIK", &cik), 200, "{more}");
        assert_eq!(ask("Authorization", &format!("Bearer {cik}")), 200, "{more}");
        for (who, key) in [
            ("a device of another model", &keys.device),
            ("a plain client", &keys.plain),
            ("the vendor", &server.cast.vendor.cik),
            ("a foreign vendor", &server.cast.root.cik),
            ("the device's owner", &server.cast.owner.cik),
        ] {
            assert_eq!(ask("X-Exosite-CIK", key), refused, "{who} {more}");
        }
        for (who, name, key) in [
            ("nobody", "X-Unknown", ""),
            ("an empty key", "X-Exosite-CIK", ""),
            ("a malformed key", "X-Exosite-CIK", "zz"),
            ("an unknown key", "X-Exosite-CIK", UNKNOWN_KEY),
            ("a disabled device", "X-Exosite-CIK", &keys.dead),
            ("the vendor's token", "X-Exosite-Token", &server.cast.vendor_token),
            ("the vendor's token as a CIK", "X-Exosite-CIK", &server.cast.vendor_token),
        ] {
            assert_eq!(ask(name, key), 401, "{who} {more}");
        }
    }
}

#[test]
fn lists_registration_and_tokens_answer_each_caller_for_itself() {
    let server = cast();
    let keys = keys(&server);
    let cast = &server.cast;
    let table: &[(&str, &str, &str, [u16; 5])] = &[
        // method, path, form: vendor CIK, vendor token, plain client, device, unknown
        ("GET", "/provision/manage/model/", "", [200, 200, 403, 403, 401]),
        ("GET", "/provision/manage/model/?show=shared", "", [200, 200, 403, 403, 401]),
        ("POST", "/provision/manage/model/", "model=&rid=", [400, 400, 403, 403, 401]),
        ("GET", "/provision/register", "", [200, 200, 404, 404, 401]),
        ("GET", "/provision/admin/auth/", "", [200, 403, 403, 403, 401]),
        ("POST", "/provision/admin/auth/", "id=", [400, 403, 403, 403, 401]),
        ("GET", "/provision/admin/auth/absent", "", [404, 403, 403, 403, 401]),
        ("DELETE", "/provision/admin/auth/absent", "", [404, 403, 403, 403, 401]),
        ("POST", "/provision/admin/auth/", "delete=true&id=absent", [404, 403, 403, 403, 401]),
    ];
    for (method, path, form, expected) in table {
        let callers = [
            ("X-Exosite-CIK", &*cast.vendor.cik),
            ("X-Exosite-Token", &cast.vendor_token),
            ("X-Exosite-CIK", &keys.plain),
            ("X-Exosite-CIK", &keys.device),
            ("X-Exosite-CIK", UNKNOWN_KEY),
        ];
        for ((name, key), status) in callers.into_iter().zip(expected) {
            let answer = server.call(&Request::new(method, path).header(name, key).body(*form));
            assert_eq!(answer.status, *status, "{method} {path} {form} with {name}: {answer:?}");
        }
    }
}

/// A server on which root is the vendor `foreign` and the owner is the vendor `partner`.
fn cast() -> Server {
    let server = Server::start();
    for (cik, name) in [(&server.cast.root.cik, "foreign"), (&server.cast.owner.cik, "partner")] {
        Vendor::with_cik(&server, name, cik).post("/register", &[("vendor", name)]).expect(205);
    }
    server
}

fn keys(server: &Server) -> Keys {
    let vendor = server.vendor();
    let model = fresh_name("others");
    vendor.add_model(&model, &[]);
    let (device, dead) = (vendor.activated(&model, "A1"), vendor.activated(&model, "A2"));
    vendor.disable(&model, "A2").expect(205);
    let ended_token = vendor.post("/admin/auth/", &[("id", "ended")]).expect(200).text().to_owned();
    vendor.call("DELETE", "/admin/auth/ended").expect(205);
    let plain = server.cast.template.cik.clone();
    Keys { device, dead, plain_bearer: format!("Bearer {plain}"), plain, ended_token }
}

/// A model with something of everything, shared with the partner.
fn stage(server: &Server) -> String {
    let vendor = server.vendor();
    let model = fresh_name("stage");
    vendor.add_model(&model, &[]);
    vendor
        .send("POST", &format!("/manage/model/{model}/"), "text/csv", "unused,confidential\nmine,confidential\n")
        .expect(205);
    vendor.add_range(&model, r#"{"format":"base10","length":4,"casing":"upper","first":1,"last":20}"#);
    vendor.activated(&model, "active");
    vendor.upload(&model, "fw", "text/plain", "bytes");
    vendor.upload_protected(&model, "secret", "bytes");
    vendor.add_group(&model, "beta");
    vendor.add_member(&model, "beta", "sn", "active", "");
    vendor.add_member(&model, "beta", "content", "secret", "");
    vendor.post(&format!("/manage/share/{model}/"), &[("vendor", "partner")]).expect(205);
    let partner = Vendor::with_cik(server, "partner", &server.cast.owner.cik).at(&server.cast.vendor_name);
    partner.enable_under(&model, "mine", &server.cast.owner.rid).expect(200);
    model
}

pub(super) fn request(route: &Route, model: &str, server: &Server) -> Request {
    let path = route.1.replace("{m}", model);
    let body = route.2.replace("{owner}", &server.cast.owner.rid);
    let request = Request::new(route.0, &format!("/provision/manage/{path}"));
    match body.split_once(':') {
        Some(("csv", csv)) => request.header("Content-Type", "text/csv").body(csv),
        Some(("json", json)) => request.header("Content-Type", "application/json").body(json),
        Some(("blob", blob)) => request.header("Content-Type", "application/octet-stream").body(blob),
        _ => request.body(body),
    }
}

fn as_partner(server: &Server, request: Request) -> Request {
    request.header("X-Exosite-CIK", &server.cast.owner.cik).header("X-Exosite-Vendor", &server.cast.vendor_name)
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.headers.iter().map(|(name, _)| name.as_str()).collect()
}

#[track_caller]
fn assert_status(route: &Route, who: &str, answer: &Answer, expected: &[u16]) {
    assert!(
        expected.contains(&answer.status),
        "{} {} {} by {who}: expected {expected:?}, got {answer:?}",
        route.0,
        route.1,
        route.2
    );
}
