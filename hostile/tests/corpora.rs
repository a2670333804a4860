//! Every target on the stable toolchain: the stored inputs, and what a seed makes of them in a short time (goal G7).
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::time::Duration;

use cikada_hostile::{TARGETS, corpus, drive, repository};

/// For each target; all of them together take some seconds.
const TIME: Duration = Duration::from_millis(250);

#[test]
fn nothing_that_is_stored_or_made_breaks_a_property() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let run = drive::drive(target, 1, TIME);
        println!("{}: {} inputs, {} ways", target.name, run.inputs, run.ways);
        assert!(run.inputs > 30, "{}: only {} inputs were tried", target.name, run.inputs);
        broken.extend(run.broken.into_iter().map(|(file, why)| format!("{}: {why}: {}", target.name, file.display())));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_target_is_in_every_place_where_targets_are() {
    let manifest = fs::read_to_string(repository().join("fuzz/Cargo.toml")).unwrap();
    for target in TARGETS {
        let name = target.name;
        let file = repository().join(format!("fuzz/fuzz_targets/{name}.rs"));
        let wrapper = fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        assert!(wrapper.contains(&format!("check({name:?}, bytes)")), "{}", file.display());
        assert!(manifest.contains(&format!("name = {name:?}")), "fuzz/Cargo.toml does not name {name}");
        assert!(!corpus(target).is_empty(), "{name} has no inputs");
    }
    assert!(TARGETS.len() >= 20);
    let wrappers = fs::read_dir(repository().join("fuzz/fuzz_targets")).unwrap().count();
    assert_eq!(wrappers, TARGETS.len(), "a wrapper without a target");
}

#[test]
fn a_target_that_breaks_is_caught_with_its_input() {
    let target = cikada_hostile::Target {
        name: "form",
        check: |bytes| {
            assert!(!bytes.contains(&b'%'), "a percent sign");
            0
        },
        words: &["%"],
        max_bytes: 100,
    };
    let run = drive::drive(&target, 1, Duration::from_secs(5));
    let (file, why) = &run.broken[0];
    assert_eq!(why, "a percent sign");
    assert!(fs::read(file).unwrap().contains(&b'%'));
    fs::remove_file(file).unwrap();
}
