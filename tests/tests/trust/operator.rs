//! The operator's hands: commands on data folders.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cikada_tests::cikada;
use serde_json::Value;

/// Runs a subcommand.
pub fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    Command::new(cikada()).args(args).output().expect("cikada can be started")
}

/// The same, and it works.
#[track_caller]
pub fn succeed(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let output = run(args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same, and it is refused with these words and leaves everything else alone.
#[track_caller]
pub fn fail(args: impl IntoIterator<Item = impl AsRef<OsStr>>, words: &str) {
    let output = run(args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(words), "not refused for {words:?}: {output:?}");
    assert!(!said.contains("panicked"), "{said}");
}

/// Backs a data folder up.
#[track_caller]
pub fn back_up(data: &Path, to: &Path) -> Value {
    let said = succeed([
        OsStr::new("backup"),
        "--json".as_ref(),
        "--data".as_ref(),
        data.as_ref(),
        "--to".as_ref(),
        to.as_ref(),
    ]);
    serde_json::from_str(&said).unwrap()
}

/// The arguments of a restore with the master key of the old folder.
pub fn restoring(from: &Path, data: &Path, master_key: &Path) -> Vec<PathBuf> {
    let mut args: Vec<PathBuf> = vec!["restore".into(), "--from".into(), from.into(), "--data".into(), data.into()];
    args.extend(["--master-key".into(), master_key.into()]);
    args
}

/// Checks a data folder.
#[track_caller]
pub fn check(data: &Path, master_key: &Path) {
    let args: [&OsStr; 5] =
        ["fsck".as_ref(), "--data".as_ref(), data.as_ref(), "--master-key".as_ref(), master_key.as_ref()];
    succeed(args);
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

/// The permissions of a file.
pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
