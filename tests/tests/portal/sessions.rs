//! Signing in and out, links, cookies, hosts (threats T13, T34, T35, T36).

use cikada_tests::{Browser, PASSWORD, Request, Server};

const ADMIN: &str = "admin@example.org";
const SESSION: &str = "__Host-cikada";

#[test]
fn the_first_administrator_follows_the_link_once() {
    let server = Server::start();
    let link = server.cast.administrator_link.clone();
    let path = link[link.find("/portal/").unwrap()..].to_owned();
    let mut browser = Browser::new(&server);
    let page = browser.get(&path).expect(200);
    assert!(page.text().contains("platform administrator"));
    for (password, again) in [("short", "short"), ("Password1234", "Password1234"), (PASSWORD, "plum gravel nine tidf")]
    {
        browser.post(&path, &[("name", ADMIN), ("password", password), ("again", again)]).expect(400);
    }
    browser.post(&path, &[("name", "a b"), ("password", PASSWORD), ("again", PASSWORD)]).expect(400);
    let entered = browser.post(&path, &[("name", ADMIN), ("password", PASSWORD), ("again", PASSWORD)]).expect(303);
    assert_eq!(entered.header("location"), Some("/portal/"));
    let cookie = entered.header("set-cookie").unwrap();
    for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));
    browser.get("/portal/account").expect(200);
    Browser::new(&server).get(&path).expect(404);
}

#[test]
fn every_sign_in_has_a_key_of_its_own_and_signing_out_ends_it() {
    let server = Server::start();
    let first = Browser::first_administrator(&server);
    let mut browser = Browser::new(&server);
    browser.plant(SESSION, &"a5".repeat(32));
    browser.sign_in(&ADMIN.to_uppercase()).expect(303);
    let key = browser.cookie(SESSION).unwrap().to_owned();
    assert!(key != "a5".repeat(32) && Some(key.as_str()) != first.cookie(SESSION));
    let mut thief = browser.clone();
    browser.get("/portal/account").expect(200);
    browser.post("/portal/sign-out", &[]).expect(303);
    assert_eq!(browser.cookie(SESSION), None);
    thief.get("/portal/account").expect(303);
}

#[test]
fn a_wrong_password_says_nothing_about_the_name() {
    let server = Server::start();
    Browser::first_administrator(&server);
    let mut browser = Browser::new(&server);
    let mut said = Vec::new();
    for name in [ADMIN, "nobody@example.org"] {
        browser.get("/portal/sign-in");
        let answer =
            browser.post("/portal/sign-in", &[("name", name), ("password", "plum gravel nine tidf")]).expect(403);
        said.push(answer.text().replace(name, "").replace(browser.token(), ""));
    }
    assert_eq!(said[0], said[1]);
    browser.sign_in(ADMIN).expect(303);
}

#[test]
fn a_form_from_elsewhere_is_refused() {
    let server = Server::start();
    let mut browser = Browser::first_administrator(&server);
    let page = browser.get("/portal/account").expect(200);
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'; script-src 'self'"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let token = browser.token().to_owned();
    let origin = format!("http://{}", server.address);
    let body = format!("csrf={token}");
    let kind = "application/x-www-form-urlencoded";
    for (origin, site, body) in [
        (Some("http://evil.example"), None, body.as_str()),
        (Some("null"), None, &body),
        (None, None, &body),
        (Some(&*origin), Some("cross-site"), &body),
        (Some(&*origin), None, "csrf="),
        (Some(&*origin), None, ""),
        (Some(&*origin), None, "csrf=00000000000000000000000000000000"),
    ] {
        let request = browser.request("POST", "/portal/sign-out").maybe("Origin", origin).maybe("Sec-Fetch-Site", site);
        browser.send(&request.header("Content-Type", kind).body(body)).expect(403);
    }
    browser.get("/portal/sign-out").expect(404);
    browser.get("/portal/account").expect(200);
    browser.post("/portal/sign-out", &[]).expect(303);
}

#[test]
fn a_session_ends_without_use_and_after_half_a_day() {
    let server = Server::start();
    let mut browser = Browser::first_administrator(&server);
    browser.get("/portal/account").expect(200);
    server.jump(29 * 60);
    browser.get("/portal/account").expect(200);
    server.jump(31 * 60);
    let lost = browser.get("/portal/account").expect(303);
    assert_eq!(lost.header("location"), Some("/portal/sign-in?back=%2Fportal%2Faccount"));
    browser.sign_in(ADMIN).expect(303);
    for _ in 0..26 {
        server.jump(28 * 60);
        browser.get("/portal/account");
    }
    browser.get("/portal/account").expect(303);
}

#[test]
fn only_the_names_of_the_portal_are_answered_to() {
    let server = Server::start_with("[portal]\nbase_url = \"https://portal.example.org\"\n");
    let ask = |host: &str| server.connect().ask(&Request::get("/portal/sign-in").header("Host", host)).unwrap();
    ask("portal.example.org").expect(200);
    for host in ["127.0.0.1", "evil.example", "portal.example.org.evil.example", "portal.example.org:81"] {
        let answer = ask(host).expect(421);
        assert!(!answer.text().contains("evil"));
    }
    server.connect().ask(&Request::get("/timestamp").header("Host", "evil.example")).unwrap().expect(200);
    let server = Server::start();
    let ask = |host: &str| server.connect().ask(&Request::get("/portal/sign-in").header("Host", host)).unwrap();
    ask("localhost:1234").expect(200);
    ask("evil.example").expect(421);
}

#[test]
fn a_cookie_is_nothing_to_the_api_and_a_key_is_nothing_to_the_portal() {
    let server = Server::start();
    let browser = Browser::first_administrator(&server);
    server.connect().ask(&browser.request("GET", "/provision/manage/model/")).unwrap().expect(401);
    let with_key = Request::get("/portal/account").header("X-Exosite-CIK", &server.cast.vendor.cik);
    let with_key = with_key.header("Host", &server.address.to_string());
    server.connect().ask(&with_key.clone()).unwrap().expect(303);
    let as_cookie = with_key.header("Cookie", &format!("{SESSION}={}", server.cast.vendor.cik));
    server.connect().ask(&as_cookie).unwrap().expect(303);
}

#[test]
fn a_server_without_a_portal_has_none() {
    let server = Server::start_with("[portal]\nenabled = false\n");
    server.call(&Request::get("/portal/sign-in")).expect(404);
    server.call(&Request::get("/")).expect(404);
}
