//! The C program is compiled against the header and the library as firmware gets them, without std, and run.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

#[allow(dead_code, reason = "a part of it is used here")]
#[path = "../../device/tests/bench/server.rs"]
mod server;
#[path = "../../device/tests/bench/text.rs"]
mod text;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use server::{Act, serve};
use text::{body, field, http, http_with};

const KEYS: [&str; 2] = ["00112233445566778899aabbccddeeff00112233", "ffffffffffffffffffffffffffffffffffffffff"];

/// Builds the library and a program, once a process.
fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let test = std::env::current_exe().unwrap();
        let target =
            test.ancestors().find(|path| path.ends_with("deps")).and_then(|deps| deps.parent()?.parent()).unwrap();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        run(Command::new(cargo)
            .current_dir(package)
            .args(["build", "--quiet", "--lib", "--no-default-features", "--profile", "size", "--target-dir"])
            .arg(target));
        // Tests may run in processes of their own, and none may write a program that another runs.
        let program = target.join(format!("size/device-example-{}", std::process::id()));
        run(Command::new("cc")
            .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-O1", "-I"])
            .arg(package.join("include"))
            .arg(package.join("examples/device.c"))
            .arg(target.join("size/libcikada_device_c.a"))
            .arg("-o")
            .arg(&program));
        program
    })
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("it can be started");
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A small platform with one serial number, one value, and `firmware_v2`.
fn platform(request: &[u8], key: usize, image: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request).into_owned();
    let target = text.split(' ').nth(1).unwrap();
    if target == "/provision/activate" {
        assert!(body(request).starts_with("vendor=acme&model=lamp&sn=00%3A1A&nonce="));
        return match key {
            0 | 1 => http("200 OK", KEYS[key]),
            _ => http("404 Not Found", "unknown\n"),
        };
    }
    if key > 1 || !text.contains(&format!("\r\nX-Exosite-CIK: {}\r\n", KEYS[key])) {
        return http("401 Unauthorized", "no\n");
    }
    match target {
        "/onep:v1/stack/alias" => {
            assert_eq!(field(&body(request), "temperature").as_deref(), Some("21.5"));
            http("204 No Content", "")
        }
        "/provision/download?vendor=acme&model=lamp" => http("200 OK", "boot_v7\nfirmware_v1\nfirmware_v2\n"),
        "/provision/download?vendor=acme&model=lamp&id=firmware_v2" => {
            let range = text.lines().find_map(|line| line.strip_prefix("Range: bytes=")).unwrap();
            let (first, last) = range.split_once('-').unwrap();
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            let last = last.min(image.len() - 1);
            let digest = "sha-256=:DNC/kwZ3lglR3ahYjty2spPAw7Ju87pyzd/03fxoIsc=:";
            let fields = format!(
                "ETag: \"2\"\r\nRepr-Digest: {digest}\r\nContent-Range: bytes {first}-{last}/{}\r\n",
                image.len()
            );
            http_with("206 Partial Content", &fields, &image[first..=last])
        }
        other => panic!("nobody asks for {other}"),
    }
}

#[test]
fn a_device_in_c_activates_writes_and_updates_itself() {
    let key = Arc::new(AtomicUsize::new(0));
    let image: Vec<u8> = (0..10_000u32).map(|at| (at % 251) as u8).collect();
    let (served_key, served_image) = (Arc::clone(&key), image.clone());
    let address =
        serve(move |request| Act::Answer(platform(request, served_key.load(Ordering::SeqCst), &served_image)));
    let folder = tempfile::tempdir().unwrap();
    let device = |installed: &str| {
        let output = Command::new(program())
            .args(["127.0.0.1", &address.port().to_string(), "acme", "lamp", "00:1A"])
            .arg(folder.path())
            .arg(installed)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(
        device("firmware_v1"),
        (Some(0), "key 0011 (new)\ntemperature written\nfirmware_v2: 10000 bytes, digest verified\n".to_owned())
    );
    assert!(std::fs::read(folder.path().join("slot1")).unwrap() == image);

    // The key has been replaced meanwhile: the stored one is refused, and a new one fetched.
    key.store(1, Ordering::SeqCst);
    assert_eq!(
        device("firmware_v2"),
        (Some(0), "key 0011 (stored)\ntemperature written\nnothing newer than firmware_v2\n".to_owned())
    );
    assert_eq!(device("firmware_v2").1.lines().next(), Some("key ffff (stored)"));

    key.store(2, Ordering::SeqCst);
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(program())
        .args(["127.0.0.1", &address.port().to_string(), "acme", "lamp", "00:1A"])
        .arg(empty.path())
        .arg("firmware_v1")
        .output()
        .unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b"no key (0)\n"[..]));
}

#[test]
fn the_program_in_the_manual_compiles() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/firmware-library.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let (_, rest) = manual.split_once("```c\n").expect("a program in C");
    let (code, _) = rest.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("main.c");
    std::fs::write(&main, code).unwrap();
    let library = program().parent().unwrap().join("libcikada_device_c.a");
    run(Command::new("cc")
        .args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-I",
            concat!(env!("CARGO_MANIFEST_DIR"), "/include"),
        ])
        .arg(&main)
        .arg(library)
        .arg("-o")
        .arg(folder.path().join("main")));
}

#[test]
fn the_header_is_also_cplusplus() {
    let header = concat!(env!("CARGO_MANIFEST_DIR"), "/include/cikada_device.h");
    run(Command::new("cc")
        .args(["-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"])
        .arg(header));
}
