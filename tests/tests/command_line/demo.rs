//! `cikada demo`

use std::process::Command;

use cikada_tests::cikada;

use crate::terminal::{names, text};

#[test]
fn the_demo_does_every_step_and_cleans_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(cikada());
    command.args(["demo", "--once", "--devices", "24"]).env("TMPDIR", folder.path()).env("NO_COLOR", "1");
    let output = command.output().unwrap();
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert!(told.contains("24 different keys") && told.contains("Every step did what it should."), "{told}");
    assert!(told.contains("the watcher saw both") && told.contains("21.25 °C"), "{told}");
    assert_eq!(names(folder.path()), [] as [&str; 0], "the temporary folder is gone");
}
