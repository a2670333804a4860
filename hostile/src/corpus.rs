//! Inputs that are kept: `fuzz/corpus/<target>/`, a file each. Those that once broke something are called after it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Target;

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate is in a folder")
}

/// The stored inputs of a target, in the order of their names.
pub fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = repository().join("fuzz/corpus").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).expect("a readable file"))).collect()
}

/// Keeps an input that broke something where git does not look; says where.
pub fn keep(target: &Target, bytes: &[u8]) -> PathBuf {
    let folder = repository().join("fuzz/artifacts").join(target.name);
    let name = format!("{:016x}", crate::seen::seen(bytes));
    let file = folder.join(name);
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, bytes));
    kept.unwrap_or_else(|why| eprintln!("{} cannot be written: {why}", file.display()));
    file
}
