//! Rows of CoAP: every resource by every key, its own vendor's model and others'. The resource API over CoAP is in `resource`.

use cikada_tests::coap::number::{GET, POST};
use cikada_tests::coap::{Message, Peer};
use cikada_tests::{UNKNOWN_KEY, fresh_address};

use super::cast::{ABSENT, Cast, FOREIGN, OWN, UNSHARED};

/// Method and path (`{m}` is `<vendor>/<model>`), payload, then the answers to nobody, to a device of that model, to any other
/// living key.
type Row = (u8, &'static str, &'static str, [&'static str; 3]);

pub(super) const KEYED: &[Row] = &[
    (GET, "/provision/download/{m}", "", ["4.01", "2.05", "4.03"]),
    (GET, "/provision/download/{m}/firmware", "", ["4.01", "2.05", "4.03"]),
    (GET, "/provision/download/{m}/firmware/info", "", ["4.01", "2.05", "4.00"]),
    (GET, "/1a/nothing", "", ["4.01", "4.03", "4.03"]),
    (POST, "/1a/nothing", "1", ["4.01", "4.03", "4.03"]),
    (POST, "/1a", "\u{a0}", ["4.01", "2.05", "2.05"]),
];

/// What needs no key: the answer to everybody.
pub(super) const OPEN: &[(u8, &str, &str)] = &[
    (POST, "/provision/activate/acme/absent/A1", "4.04"),
    (POST, "/provision/activate/nosuch/boiler/A1", "4.04"),
    (GET, "/ts", "2.05"),
    (GET, "/.well-known/core", "2.05"),
    (POST, "/ts", "4.05"),
    (GET, "/nothing", "4.04"),
];

#[test]
fn every_coap_resource_by_every_key() {
    let cast = Cast::assemble();
    let who = &cast.server.cast;
    let living = [
        &cast.plain_key,
        &who.owner.cik,
        &who.root.cik,
        &who.vendor.cik,
        &cast.world.partner.cik,
        &cast.world.lone.cik,
    ];
    let dead = [
        "",
        "zz",
        UNKNOWN_KEY,
        &cast.dead_key,
        &cast.waiting_key,
        &who.vendor_token,
        &cast.grant_token,
        &cast.share_code,
        &who.vendor.rid,
        &cast.ended_token,
    ];
    let mut keys: Vec<(&str, usize)> = dead.into_iter().map(|key| (key, 0)).collect();
    keys.push((&cast.world.device_cik, 1));
    keys.extend(living.into_iter().map(|key| (key.as_str(), 2)));
    let mut peer = Peer::new(cast.server.coap());
    let (mut cells, held) = (0, cast.witness.held());
    for (key, kind) in keys {
        for (method, path, payload, expected) in KEYED {
            let mut refused = Vec::new();
            let models: &[_] = match path.contains("{m}") {
                true => &[("acme", OWN), ("acme", UNSHARED), ("acme", ABSENT), ("lone", FOREIGN), ("none", OWN)],
                false => &[("acme", OWN)],
            };
            for (vendor, model) in models {
                let of_the_model = kind == 1 && (*vendor, *model) == ("acme", OWN);
                let column = if kind == 1 && !of_the_model { 2 } else { kind };
                let expected = if path.contains("{m}") { expected[column] } else { expected[kind] };
                let path = path.replace("{m}", &format!("{vendor}/{model}"));
                let target = if key.is_empty() { path } else { format!("{path}?{key}") };
                let mut message = Message::request(*method, &target);
                // An empty map in CBOR is one byte.
                message.payload = payload.chars().map(|c| c as u8).collect();
                let answer = cast.witness.sees_no_change(|| peer.ask(message), || target.clone());
                assert_eq!(answer.status(), expected, "{target} with {payload:?}: {answer:?}");
                cells += 1;
                if !of_the_model {
                    refused.push((answer.status(), answer.payload.clone()));
                }
            }
            assert!(
                refused.windows(2).all(|pair| pair[0] == pair[1]),
                "told apart what is refused: {path} {refused:?}"
            );
        }
    }
    for (method, path, expected) in OPEN {
        for key in dead.iter().copied().chain([cast.world.device_cik.as_str(), &who.vendor.cik]) {
            let mut peer = Peer::from(fresh_address(), cast.server.coap());
            let target = if key.is_empty() { (*path).to_owned() } else { format!("{path}?{key}") };
            let ask = || peer.ask(Message::request(*method, &target));
            let answer = cast.witness.sees_no_change(ask, || target.clone());
            assert_eq!(answer.status(), *expected, "{target}: {answer:?}");
            cells += 1;
        }
    }
    assert_eq!(cast.witness.held(), held);
    println!("{cells} cells");
}
