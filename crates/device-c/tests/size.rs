//! The activation stays small, and cannot panic: `scripts/device-size` measures it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

use std::path::Path;
use std::process::Command;

#[test]
fn the_activation_is_smaller_than_16_kib_and_cannot_panic() {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().find(|path| path.ends_with("deps")).and_then(|deps| deps.parent()?.parent()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/device-size");
    let output = Command::new(script).env("CARGO_TARGET_DIR", target).output().expect("it can be started");
    let (table, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{table}{complaints}");
    assert_eq!(
        table.lines().filter(|line| line.contains("activation") && line.ends_with("none")).count(),
        2,
        "{table}"
    );
}
