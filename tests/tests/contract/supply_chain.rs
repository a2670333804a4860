//! What is built of (THREATS T44, goal G24): licences, one source, no second versions, few build scripts, all as `deny.toml` says
//! it; `unsafe` forbidden in every crate of ours but the one that says why; and a bill of materials that is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crate that takes pointers from C.
const SHIM: &str = "device-c";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// All crates that are built on Linux, ours included.
fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform"];
    let output =
        Command::new(cargo).current_dir(root()).args(arguments).arg("x86_64-unknown-linux-gnu").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    // What is only for other systems is listed, and not resolved.
    let resolved = metadata["resolve"]["nodes"].as_array().unwrap();
    let resolved: BTreeSet<&str> = resolved.iter().map(|node| node["id"].as_str().unwrap()).collect();
    let all = metadata["packages"].as_array().unwrap();
    all.iter().filter(|package| resolved.contains(package["id"].as_str().unwrap())).cloned().collect()
}

fn rules() -> toml::Table {
    fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

fn words(list: &toml::Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn crates(list: &toml::Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|one| one["crate"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_licence_is_one_that_we_allow() {
    let rules = rules();
    let allowed = words(&rules["licenses"]["allow"]);
    let exceptions = crates(&rules["licenses"]["exceptions"]);
    for package in packages() {
        let (name, licence) = (package["name"].as_str().unwrap(), package["license"].as_str().unwrap_or_default());
        assert!(exceptions.contains(name) || allows(licence, &allowed), "{name} is under {licence:?}");
    }
}

/// Whether an expression of licences can be met: one of what `OR` joins, all of what `AND` joins.
fn allows(licence: &str, allowed: &BTreeSet<String>) -> bool {
    let plain = licence.replace(['(', ')'], "").replace('/', " OR ");
    // No crate nests deeper than (A OR B) AND C.
    let choice = |part: &str| part.split(" OR ").any(|one| allowed.contains(one.trim()));
    match licence.contains(") AND") || !plain.contains(" OR ") {
        true => plain.split(" AND ").all(choice),
        false => plain.split(" OR ").any(|one| one.split(" AND ").all(|both| allowed.contains(both.trim()))),
    }
}

#[test]
fn licences_are_read_as_they_are_meant() {
    let allowed: BTreeSet<String> = ["MIT", "ISC"].map(str::to_owned).into();
    for (licence, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND ISC", true),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("(MIT OR GPL-3.0) AND GPL-2.0", false),
    ] {
        assert_eq!(allows(licence, &allowed), expected, "{licence}");
    }
}

#[test]
fn all_comes_from_one_place() {
    let allowed: BTreeSet<String> = words(&rules()["sources"]["allow-registry"]);
    for package in packages() {
        let Some(source) = package["source"].as_str() else { continue };
        let from = source.strip_prefix("registry+").unwrap_or(source);
        assert!(allowed.contains(from), "{} comes from {source}", package["name"]);
    }
}

#[test]
fn no_crate_is_there_twice_but_those_with_a_reason() {
    let excused = crates(&rules()["bans"]["skip"]);
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        let (name, version) = (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        versions.entry(name.to_owned()).or_default().push(version.to_owned());
    }
    for (name, versions) in &versions {
        assert!(versions.len() == 1 || excused.contains(name), "{name} is there as {versions:?}");
    }
    for name in excused {
        assert!(versions.get(&name).is_some_and(|versions| versions.len() > 1), "{name} needs no excuse any more");
    }
}

#[test]
fn build_scripts_are_few_and_known() {
    let allowed = words(&rules()["bans"]["build"]["allow-build-scripts"]);
    for package in packages() {
        let targets = package["targets"].as_array().unwrap();
        let is_script = |target: &Value| target["kind"].as_array().unwrap().iter().any(|kind| kind == "custom-build");
        let name = package["name"].as_str().unwrap();
        assert!(!targets.iter().any(is_script) || allowed.contains(name), "{name} runs code while it is built");
    }
}

#[test]
fn unsafe_code_is_forbidden_everywhere_but_in_the_shim() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    let mut manifests: Vec<PathBuf> =
        fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    manifests.extend([root().join("tests"), root().join("benches")]);
    for folder in manifests {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let inherits = manifest.contains("[lints]\nworkspace = true");
        if folder.ends_with(SHIM) {
            assert!(!inherits && manifest.contains("[lints.rust]"), "the shim says for itself what it allows");
            continue;
        }
        assert!(inherits, "{} does not take over the lints of the workspace", folder.display());
        let mut sources = vec![folder.join("src")];
        while let Some(path) = sources.pop() {
            if path.is_dir() {
                sources.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                assert!(!text.contains("allow(unsafe_code"), "{}", path.display());
            }
        }
    }
}

#[test]
fn the_bill_of_materials_names_every_crate_with_its_checksum() {
    let output = Command::new(root().join("scripts/sbom")).output().expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bill: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components = bill["components"].as_array().unwrap();
    let named: BTreeSet<(&str, &str)> =
        components.iter().map(|one| (one["name"].as_str().unwrap(), one["version"].as_str().unwrap())).collect();
    for component in components {
        let is_foreign = component["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/"));
        let checksum = component["hashes"][0]["content"].as_str().unwrap_or_default();
        assert!(is_foreign && checksum.len() == 64, "{component}");
    }
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    for package in lock["package"].as_array().unwrap().iter().filter(|package| package.get("source").is_some()) {
        let one = (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        assert!(named.contains(&one), "{one:?} is not in the bill");
    }
}
