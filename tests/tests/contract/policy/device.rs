//! Rows of what devices call over HTTP: activation, download, data by alias, and what everybody may ask.

use cikada_tests::{Request, fresh_address};

use super::cast::{ABSENT, Caller, Cast, FOREIGN, MODELS, OWN, Standing, UNSHARED};
use super::{Line, told};

/// Method and path, form, then the answers to nobody, to a living key, and to a token of a vendor. A living key acts on its own
/// profile only, so that there is nothing of another to name: an alias of another is none of its own.
pub(super) const DATA_ROUTES: &[(&str, &str, &str, [u16; 3])] = &[
    ("GET", "/onep:v1/stack/alias?nothing", "", [401, 204, 401]),
    ("HEAD", "/onep:v1/stack/alias?nothing", "", [401, 204, 401]),
    ("POST", "/onep:v1/stack/alias", "nothing=1", [401, 204, 401]),
    ("POST", "/onep:v1/stack/alias?nothing", "nothing=1", [401, 204, 401]),
    ("POST", "/onep:v1/stack/alias/nothing", "1=1", [401, 204, 401]),
    ("POST", "/onep:v1/stack/record", "alias=nothing&1=1", [401, 204, 401]),
];

/// What is answered to everybody alike.
pub(super) const OPEN_ROUTES: &[(&str, &str, &str, u16)] = &[
    ("GET", "/timestamp", "", 200),
    ("HEAD", "/timestamp", "", 200),
    ("GET", "/ip", "", 200),
    ("HEAD", "/ip", "", 200),
    ("GET", "/healthz", "", 200),
    ("HEAD", "/healthz", "", 200),
    ("GET", "/readyz", "", 200),
    ("HEAD", "/readyz", "", 200),
    ("GET", "/openapi.json", "", 200),
    ("POST", "/provision/activate", "vendor=acme&model=absent&sn=A1", 404),
    ("POST", "/provision/activate", "vendor=acme&model=boiler&sn=nobody", 404),
    ("POST", "/provision/activate", "vendor=nosuch&model=boiler&sn=A1", 404),
    ("POST", "/provision/activate", "vendor=acme&model=boiler", 400),
    ("GET", "/ws", "", 400),
    ("GET", "/nothing", "", 404),
    ("GET", "/provision/manage/nothing/boiler", "", 404),
    ("DELETE", "/timestamp", "", 405),
    ("GET", "/provision/activate", "", 405),
    ("GET", "/onep:v1/rpc/process", "", 405),
    ("POST", "/provision/download", "", 405),
];

pub(super) const DOWNLOADS: &[(&str, &str)] =
    &[("GET", ""), ("HEAD", "&id=firmware"), ("GET", "&id=firmware"), ("GET", "&id=firmware&info=true")];

/// A caller by its CIK alone, whatever else it shows.
fn has_living_cik(caller: &Caller) -> bool {
    caller.standing != Standing::Nobody && !is_by_token(caller)
}

fn is_by_token(caller: &Caller) -> bool {
    caller.headers.iter().any(|(name, _)| *name == "X-Exosite-Token") || caller.name == "the maker as a bearer"
}

#[test]
fn every_call_on_a_profile_by_every_caller() {
    let cast = Cast::assemble();
    let mut line = Line::new(&cast.server, &cast.witness);
    for caller in cast.callers() {
        for (method, path, form, [nobody, living, by_token]) in DATA_ROUTES {
            let expected = match caller.standing {
                Standing::Nobody => nobody,
                _ if is_by_token(&caller) => by_token,
                _ => living,
            };
            let answer = line.ask_in_vain(&caller.sign(Request::new(method, path).body(*form)));
            assert_eq!(answer.status, *expected, "{method} {path} by {}: {answer:?}", caller.name);
        }
    }
    println!("{} cells", line.cells);
}

#[test]
fn every_download_by_every_caller_of_every_model() {
    let cast = Cast::assemble();
    let mut line = Line::new(&cast.server, &cast.witness);
    for caller in cast.callers() {
        for (method, more) in DOWNLOADS {
            let mut refused = Vec::new();
            for (vendor, model) in
                [("acme", OWN), ("acme", UNSHARED), ("acme", ABSENT), ("lone", FOREIGN), ("none", OWN)]
            {
                let target = format!("/provision/download?vendor={vendor}&model={model}{more}");
                let answer = line.ask_in_vain(&caller.sign(Request::new(method, &target)));
                let of_the_model =
                    has_living_cik(&caller) && caller.name.starts_with("a device") && (vendor, model) == ("acme", OWN);
                let expected = match of_the_model {
                    true => 200,
                    false if !has_living_cik(&caller) => 401,
                    false if more.ends_with("info=true") => 400,
                    false => 403,
                };
                assert_eq!(answer.status, expected, "{target} by {}: {answer:?}", caller.name);
                if !of_the_model {
                    refused.push(told(&answer, &MODELS));
                }
            }
            assert!(
                refused.iter().all(|text| *text == refused[0]),
                "{} is told apart what it may not have: {refused:?}",
                caller.name
            );
        }
    }
    println!("{} cells", line.cells);
}

#[test]
fn what_everybody_may_ask_is_answered_to_everybody_alike() {
    let cast = Cast::assemble();
    let callers = cast.callers();
    for (method, path, form, expected) in OPEN_ROUTES {
        let mut first: Option<String> = None;
        for caller in &callers {
            // Each from an address of its own: too many failed tries from one are another matter.
            let request = caller.sign(Request::new(method, path).body(*form));
            let ask = || cast.server.call_from(fresh_address(), &request).expect(*expected);
            let answer = cast.witness.sees_no_change(ask, || format!("{method} {path} by {}", caller.name));
            if !["/timestamp", "/ip"].contains(path) {
                let text = told(&answer, &[]);
                let first = first.get_or_insert_with(|| text.clone());
                assert_eq!(text, *first, "{method} {path} by {}", caller.name);
            }
        }
    }
    println!("{} cells", OPEN_ROUTES.len() * callers.len());
}
