//! Rows of the management API.

use cikada_tests::{Answer, Request};

use super::cast::{ABSENT, Caller, Cast, FOREIGN, MODELS, OWN, Standing, UNSHARED};
use super::{Line, told};
use crate::authority::{MODEL_ROUTES, Route, request};

/// Calls that are not on a model: the answers to nobody, to a client that is no vendor, to a vendor by its key, to one by its token.
type OtherRoute = (&'static str, &'static str, &'static str, [u16; 4]);

pub(super) const OTHER_ROUTES: &[OtherRoute] = &[
    ("GET", "manage/model/", "", [401, 403, 200, 200]),
    ("GET", "manage/model/?show=shared", "", [401, 403, 200, 200]),
    ("POST", "manage/model/", "model=boiler&rid={template}", [401, 403, 409, 409]),
    ("POST", "manage/model/", "delete=true&model=absent", [401, 403, 404, 404]),
    ("GET", "register", "", [401, 404, 200, 200]),
    ("POST", "register", "vendor=acme2", [401, 0, 409, 409]),
    ("POST", "register", "vendor=acme", [401, 409, 205, 205]),
    ("POST", "register", "delete=true&vendor=acme", [401, 404, 409, 409]),
    ("GET", "admin/auth/", "", [401, 403, 200, 403]),
    ("POST", "admin/auth/", "id=init", [401, 403, 409, 403]),
    ("GET", "admin/auth/absent", "", [401, 403, 404, 403]),
    ("DELETE", "admin/auth/absent", "", [401, 403, 404, 403]),
    ("POST", "admin/auth/", "delete=true&id=absent", [401, 403, 404, 403]),
];

/// What a caller is told of a model, where it is refused; None where it may.
fn refusal(route: &Route, standing: Standing, model: &str) -> Option<u16> {
    match (standing, model) {
        (Standing::Nobody, _) => Some(401),
        (Standing::NoVendor | Standing::NoPartner, _) => Some(403),
        (Standing::Maker, OWN | UNSHARED) | (Standing::Other, FOREIGN) => None,
        (Standing::Maker | Standing::Other | Standing::Stranger, _) => Some(route.4),
        (Standing::Partner, OWN) => (route.5 == [403]).then_some(403),
        (Standing::Partner, _) => Some(403),
    }
}

#[test]
fn every_management_call_by_every_caller_on_every_model() {
    let cast = Cast::assemble();
    let mut line = Line::new(&cast.server, &cast.witness);
    let held = cast.witness.held();
    for caller in cast.callers() {
        for route in &with_head() {
            let mut hidden: Vec<(&str, u16, String)> = Vec::new();
            for model in MODELS {
                let Some(expected) = refusal(route, caller.standing, model) else { continue };
                let answer = line.ask_in_vain(&caller.sign(request(route, model, &cast.server)));
                assert_status(route, &caller, model, &answer, expected);
                hidden.push((model, expected, told(&answer, &[model])));
            }
            // What is hidden and what is absent are told alike.
            let absent = hidden.iter().find(|(model, ..)| *model == ABSENT).expect("it is refused to all");
            for (model, status, text) in &hidden {
                // A partner knows the model that is shared with it.
                let known = caller.standing == Standing::Partner && *model == OWN;
                assert!(known || (*status, text) == (absent.1, &absent.2), "{} of {model}: {text}", caller.name);
            }
        }
    }
    assert_eq!(cast.witness.held(), held);
    println!("{} cells", line.cells);
    assert!(line.cells > 8_000, "{} cells only", line.cells);
}

#[test]
fn every_other_management_call_by_every_caller() {
    let cast = Cast::assemble();
    let mut line = Line::new(&cast.server, &cast.witness);
    let held = cast.witness.held();
    for caller in cast.callers() {
        let by_token = caller.headers.iter().any(|(name, value)| {
            *name == "X-Exosite-Token" || (*name == "Authorization" && value.ends_with(&cast.server.cast.vendor_token))
        });
        for (method, path, form, expected) in OTHER_ROUTES {
            let at_register = path.starts_with("register");
            let mut expected = match caller.standing {
                Standing::Nobody => expected[0],
                Standing::NoVendor => expected[1],
                // Only these two have the name and the things that the rows speak of.
                Standing::Maker if by_token => expected[3],
                Standing::Maker => expected[2],
                Standing::Other | Standing::Stranger | Standing::Partner | Standing::NoPartner => continue,
            };
            if at_register && caller.name == "a key as a token" {
                // Here, as one old tool does it, that is accepted.
                expected = if form.contains("acme2") || form.contains("delete") {
                    409
                } else if *method == "GET" {
                    200
                } else {
                    205
                };
            }
            if at_register
                && caller.name.starts_with("a device")
                && caller.standing == Standing::NoVendor
                && *method == "POST"
            {
                expected = if form.contains("delete") { 404 } else { 403 };
            }
            if expected == 0 {
                continue;
            }
            let form = form.replace("{template}", &cast.server.cast.template.rid);
            let methods: &[&str] = if *method == "GET" { &["GET", "HEAD"] } else { &[method] };
            for method in methods {
                let request = Request::new(method, &format!("/provision/{path}")).body(form.clone());
                let answer = line.ask_in_vain(&caller.sign(request));
                assert_eq!(answer.status, expected, "{method} {path} {form} by {}: {answer:?}", caller.name);
            }
        }
    }
    assert_eq!(cast.witness.held(), held);
    println!("{} cells", line.cells);
}

/// Every row, and for what is read a second time without the body.
fn with_head() -> Vec<Route> {
    let head = MODEL_ROUTES
        .iter()
        .filter(|route| route.0 == "GET")
        .map(|route| ("HEAD", route.1, route.2, route.3, route.4, route.5));
    MODEL_ROUTES.iter().copied().chain(head).collect()
}

#[track_caller]
fn assert_status(route: &Route, caller: &Caller, model: &str, answer: &Answer, expected: u16) {
    let (method, path, body, ..) = route;
    assert_eq!(answer.status, expected, "{method} {path} {body} on {model} by {}: {answer:?}", caller.name);
}
