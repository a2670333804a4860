//! Where the binary under test is: `CIKADA_BIN`, or `cikada` beside this test executable, built first when it is missing
//! or older than what it is made of.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;
use std::{env, fs};

/// The path of the binary; looked up, and built if need be, once a process.
pub fn cikada() -> &'static Path {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| match env::var_os("CIKADA_BIN") {
        Some(path) => Ok(PathBuf::from(path)),
        None => beside_the_test(),
    });
    found.as_deref().unwrap_or_else(|why| panic!("{why}"))
}

fn beside_the_test() -> Result<PathBuf, String> {
    let test = env::current_exe().expect("a test knows its own file");
    let folder = test.ancestors().find(|path| path.ends_with("deps")).and_then(Path::parent);
    let folder = folder.expect("cargo keeps test executables in target/<profile>/deps");
    let binary = folder.join("cikada");
    if !is_fresh(&binary) {
        build(folder)?;
    }
    Ok(binary)
}

fn is_fresh(binary: &Path) -> bool {
    let Ok(built) = fs::metadata(binary).and_then(|data| data.modified()) else { return false };
    let root = workspace();
    let made_of = [root.join("crates"), root.join("Cargo.toml"), root.join("Cargo.lock")];
    made_of.iter().filter_map(|path| newest(path)).max().is_some_and(|changed| changed <= built)
}

/// The last change below a path; manuals and hidden files don't count.
fn newest(path: &Path) -> Option<SystemTime> {
    let name = path.file_name()?.to_string_lossy();
    if name.starts_with('.') || name.ends_with(".md") {
        return None;
    }
    match fs::read_dir(path) {
        Ok(entries) => entries.filter_map(|entry| newest(&entry.ok()?.path())).max(),
        Err(_) => fs::metadata(path).ok()?.modified().ok(),
    }
}

fn build(folder: &Path) -> Result<(), String> {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace())
        .args(["build", "--quiet", "--package", "cikada", "--bin", "cikada", "--profile", profile, "--target-dir"])
        .arg(folder.parent().expect("target/<profile> has a parent"))
        .output()
        .expect("cargo can be started");
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("cikada doesn't build:\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// The workspace: cargo runs tests in their package's folder, one below it.
fn workspace() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| env::current_dir().expect("a current folder"));
    package.parent().expect("the workspace is above its packages").to_path_buf()
}
