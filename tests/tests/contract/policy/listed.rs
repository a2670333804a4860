//! That there is a row for everything: what the server's source lists is what the rows of the other files name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::device::{DATA_ROUTES, DOWNLOADS, OPEN_ROUTES};
use super::management::OTHER_ROUTES;
use super::{coap, resource};
use crate::authority::MODEL_ROUTES;

#[test]
fn every_route_of_http_has_a_row() {
    let source = source("http/routes.rs");
    let (_, table) = source.split_once("\ntable! {\n").expect("the table of routes");
    let (table, _) = table.split_once("\n}\n").expect("its end");
    let listed: BTreeSet<(String, String)> = table
        .lines()
        .filter_map(|line| {
            let mut quoted = line.split('"').skip(1).step_by(2);
            Some((quoted.next()?.to_owned(), quoted.next()?.to_owned()))
        })
        .flat_map(|(template, methods)| {
            let methods: Vec<String> = methods.split(", ").map(str::to_owned).collect();
            methods.into_iter().map(move |method| (template.clone(), method))
        })
        .collect();
    assert!(listed.len() > 40, "{listed:?}");

    let mut rows: BTreeSet<(String, String)> = BTreeSet::new();
    let mut row = |method: &str, path: &str| {
        let template = template(path, &listed);
        // Each row of a GET is played with HEAD, too.
        if method == "GET" && listed.contains(&(template.clone(), "HEAD".into())) {
            rows.insert((template.clone(), "HEAD".into()));
        }
        rows.insert((template, method.to_owned()));
    };
    for (method, path, ..) in MODEL_ROUTES {
        row(method, &format!("/provision/manage/{}", path.replace("{m}", "boiler")));
    }
    for (method, path, ..) in OTHER_ROUTES {
        row(method, &format!("/provision/{path}"));
    }
    for (method, path, ..) in DATA_ROUTES {
        row(method, path);
    }
    for (method, ..) in DOWNLOADS {
        row(method, "/provision/download");
    }
    for (method, path, _, status) in OPEN_ROUTES {
        if ![404, 405].contains(status) || path.starts_with("/provision/activate") && *status == 404 {
            row(method, path);
        }
    }
    // Its rows are the procedures.
    row("POST", "/onep:v1/rpc/process");
    let without: Vec<_> = listed.difference(&rows).collect();
    assert!(without.is_empty(), "no row in the policy table: {without:?}");
}

/// The listed path that leads where this one does.
fn template(path: &str, listed: &BTreeSet<(String, String)>) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let is_like = |template: &str| {
        let (mut theirs, mut ours) = (template.split('/'), path.split('/'));
        loop {
            match (theirs.next(), ours.next()) {
                (None, None) => return true,
                (Some(their), Some(our)) if their == our || (their.starts_with('<') && !our.is_empty()) => {}
                _ => return false,
            }
        }
    };
    let exact = listed.iter().find(|(template, _)| template == path);
    let found = exact.or_else(|| listed.iter().find(|(template, _)| is_like(template)));
    found.unwrap_or_else(|| panic!("{path} is a row, and not in the router's table")).0.clone()
}

#[test]
fn every_procedure_has_a_row() {
    let source = source("common/rpc/decode.rs");
    let (_, arms) = source.split_once("match procedure.as_str() {").expect("the list of procedures");
    let (arms, _) = arms.split_once("_ =>").expect("its end");
    let listed: BTreeSet<&str> = arms.split('"').skip(1).step_by(2).collect();
    assert!(listed.len() >= 23, "{listed:?}");
    let rows: BTreeSet<&str> = resource::ROWS.iter().map(|(procedure, ..)| *procedure).collect();
    assert_eq!(listed, rows);
}

#[test]
fn every_resource_of_coap_has_a_row() {
    let source = source("coap/routes.rs");
    let listed: BTreeSet<(String, usize, String)> = source
        .lines()
        .filter(|line| line.contains("(Code::") && line.contains('[') && line.contains("=>"))
        .map(|line| {
            let method = line.split("Code::").nth(1).unwrap().split(',').next().unwrap().to_owned();
            let path = line.split_once('[').unwrap().1.split_once(']').unwrap().0;
            let words: Vec<&str> = path.split(", ").map(|word| word.trim_matches('"')).collect();
            (method, words.len(), words[0].to_owned() + if words.len() > 1 { words[1] } else { "" })
        })
        .map(|(method, length, words)| (method, length, words.replace("alias", "")))
        .collect();
    assert!(listed.len() >= 9, "{listed:?}");
    let rows: BTreeSet<(String, usize, String)> = coap::KEYED
        .iter()
        .map(|(method, path, ..)| (*method, (*path).replace("{m}", "v/m")))
        .chain(coap::OPEN.iter().map(|(method, path, _)| (*method, (*path).to_owned())))
        .chain([(2, "/rpc".to_owned()), (1, "/1a/x".to_owned())])
        .map(|(method, path)| {
            let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
            let second = words.get(1).filter(|_| words[0] != "1a").copied().unwrap_or_default();
            let method = if method == 1 { "GET" } else { "POST" };
            (method.to_owned(), words.len(), words[0].to_owned() + second)
        })
        .collect();
    let without: Vec<_> = listed.difference(&rows).collect();
    assert!(without.is_empty(), "no row in the policy table: {without:?}");
}

fn source(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join("crates/api/src").join(file)).unwrap()
}
