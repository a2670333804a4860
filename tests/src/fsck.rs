//! `cikada fsck` as the oracle of the suites, and folders that are copied before something is done to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::cikada;

/// What fsck says of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it exits with 0.
    pub success: bool,
    /// Promise and finding of each violation.
    pub violations: Vec<(String, String)>,
    /// All that it looks for.
    pub looked_for: Vec<(String, String)>,
    /// What it says besides.
    pub said: String,
}

/// Checks a data folder.
pub fn fsck(data: &Path) -> Verdict {
    let output =
        Command::new(cikada()).args(["fsck", "--json", "--data"]).arg(data).output().expect("it can be started");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let list = |name: &str| {
        let all = json[name].as_array().cloned().unwrap_or_default();
        let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
        all.iter().map(|one| (text(one, "promise"), text(one, "what"))).collect::<Vec<_>>()
    };
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let (violations, looked_for) = (list("violations"), list("looked_for"));
    assert_eq!(json["clean"].as_bool().unwrap_or(false), output.status.success(), "{said}");
    Verdict { success: output.status.success(), violations, looked_for, said }
}

/// Ends the test unless all that must hold does.
#[track_caller]
pub fn assert_sound(data: &Path, when: &str) {
    let verdict = fsck(data);
    assert!(verdict.success, "{when}: {}", verdict.said);
}

/// A copy of a data folder.
pub struct Copy {
    folder: TempDir,
}

impl Copy {
    /// Copies a folder as it is at this moment; nobody should be writing to it.
    pub fn of(data: &Path) -> Copy {
        let folder = tempfile::Builder::new().prefix("cikada-copy-").tempdir().expect("a temporary folder");
        copy(data, &folder.path().join("data"));
        Copy { folder }
    }

    /// Where it is.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => fs::copy(entry.path(), target).map(|_| ()).unwrap(),
        }
    }
}
