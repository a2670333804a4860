//! The house keeps its own rules: which room may use which, where SQL stands, what code may not do (ARCHITECTURE.md,
//! STYLE.md).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &["model"]),
    ("store", &["model"]),
    ("blob", &["model"]),
    ("domain", &["model", "store"]),
    ("api", &["model", "wire", "store", "domain", "blob"]),
    ("device", &[]),
    ("device-c", &["device"]),
    ("portal", &["model", "wire", "store", "domain", "blob"]),
    ("cikada", &["model", "wire", "store", "domain", "blob", "api", "portal", "device"]),
];

#[test]
fn arrows_point_down_only() {
    let rooms: BTreeSet<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (_, allowed) = ARROWS
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("crates/{room} has no line in the table of arrows"));
        let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap();
        let dependencies = section(&manifest, "[dependencies]");
        for line in dependencies.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let is_ours = rooms.contains(name);
            assert!(!is_ours || allowed.contains(&name), "crates/{room} may not use {name}");
        }
    }
}

#[test]
fn rules_name_no_transport_and_no_runtime() {
    let manifest = fs::read_to_string(root().join("crates/domain/Cargo.toml")).unwrap();
    for stranger in ["tokio", "hyper", "http", "rusqlite", "postgres"] {
        let named = section(&manifest, "[dependencies]").lines().any(|line| line.starts_with(stranger));
        assert!(!named, "crates/domain uses {stranger}");
    }
}

#[test]
fn sql_stands_in_the_store_only_and_is_never_put_together() {
    for file in sources("crates") {
        let text = product(&file);
        let is_store = file.starts_with(root().join("crates/store"));
        for word in ["SELECT ", "INSERT INTO ", "DELETE FROM ", "UPDATE "] {
            let quoted = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains(&format!("\"{word}")) || code.trim_start().starts_with(word)
            });
            assert!(is_store || !quoted, "{} holds SQL", file.display());
        }
        if is_store && file.components().any(|part| part.as_os_str() == "table") {
            assert!(!text.contains("format!("), "{} puts a text together beside its SQL", file.display());
        }
    }
}

#[test]
fn no_file_is_called_after_nothing() {
    for file in sources("crates") {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let vague = ["core", "util", "utils", "manager", "service", "helper", "helpers", "misc"];
        assert!(!vague.contains(&stem), "{}", file.display());
    }
}

/// The lines of one section of a manifest.
fn section<'m>(manifest: &'m str, name: &str) -> &'m str {
    let Some(start) = manifest.find(name) else { return "" };
    let rest = &manifest[start + name.len()..];
    rest.find("\n[").map_or(rest, |end| &rest[..end])
}

/// The text of a file without the tests at its foot.
fn product(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    if file.ends_with("tests.rs") {
        return String::new();
    }
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 1 || folder != "crates");
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}
