//! The library and the firmware example build without the standard library.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

use std::process::Command;

#[test]
fn the_bare_metal_example_builds_without_std() {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().find(|path| path.ends_with("deps")).and_then(|deps| deps.parent()?.parent()).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["check", "--quiet", "--lib", "--example", "bare_metal", "--no-default-features", "--target-dir"])
        .arg(target)
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
