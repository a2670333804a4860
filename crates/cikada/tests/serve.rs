//! `cikada serve` as an operator meets it: an empty folder, a configuration file, the log, the end.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A running server and what it has printed.
struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What came before the line that says where it listens.
    before: String,
    address: String,
    errors: PathBuf,
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cikada"));
    command.args(["serve", "--data"]).arg(folder.join("data")).args(arguments).env_remove("CIKADA_LOG");
    command
}

fn serve(folder: &Path, arguments: &[&str]) -> Serving {
    spawn(folder, command(folder, arguments))
}

fn spawn(folder: &Path, mut command: Command) -> Serving {
    let errors = folder.join("errors");
    let mut child = command.stdout(Stdio::piped()).stderr(File::create(&errors).unwrap()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut serving = Serving { child, stdout, before: String::new(), address: String::new(), errors };
    while serving.address.is_empty() {
        let mut line = String::new();
        let read = serving.stdout.read_line(&mut line).unwrap();
        assert_ne!(read, 0, "it ended before it listened: {}", fs::read_to_string(&serving.errors).unwrap());
        match line.strip_prefix("listening on http://") {
            Some(address) => serving.address = address.trim_end().to_owned(),
            None => serving.before.push_str(&line),
        }
    }
    serving
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a server that is expected to end by itself.
fn refused(folder: &Path, arguments: &[&str]) -> Output {
    let output = command(folder, arguments).output().unwrap();
    assert!(!output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("listening"), "{output:?}");
    output
}

impl Serving {
    fn get(&self, path: &str, fields: &str) -> String {
        let mut tcp = TcpStream::connect(&self.address).unwrap();
        write!(tcp, "GET {path} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n").unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks the server to end; gives what it printed after it listened, and its log.
    fn stop(mut self, signal: Signal) -> (String, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let mut after = String::new();
        self.stdout.read_to_string(&mut after).unwrap();
        assert!(self.child.wait().unwrap().success());
        (after, fs::read_to_string(&self.errors).unwrap())
    }
}

#[test]
fn an_empty_folder_becomes_a_server_and_its_credentials_are_shown_once() {
    let folder = folder();
    let first = serve(folder.path(), &["--http", "127.0.0.1:0"]);
    let token = first.before.lines().find_map(|line| line.trim().strip_prefix("token ")).unwrap().trim().to_owned();
    assert!(first.get("/healthz", "").ends_with("\r\n\r\nok"));
    let models = format!("X-Exosite-Token: {token}\r\n");
    assert!(first.get("/provision/manage/model/", &models).starts_with("HTTP/1.1 200 OK\r\n"));
    let (after, _) = first.stop(Signal::TERM);
    assert_eq!(after, "", "one line says that it is ready, and that is all");

    let second = serve(folder.path(), &["--http", "127.0.0.1:0"]);
    assert_eq!(second.before, "");
    assert!(second.get("/provision/manage/model/", &models).starts_with("HTTP/1.1 200 OK\r\n"));
    second.stop(Signal::INT);
}

#[test]
fn a_key_that_does_not_exist_is_refused_with_its_name_and_its_place() {
    let folder = folder();
    let file = folder.path().join("cikada.toml");
    fs::write(&file, "[http]\nworkers = 1\nworker = 2\n").unwrap();
    let output = refused(folder.path(), &["--config", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`worker`") && said.contains("line 3"), "{said}");
    assert!(!folder.path().join("data").exists(), "nothing is made before the configuration is read");
}

#[test]
fn the_command_line_is_above_the_file() {
    let folder = folder();
    let file = folder.path().join("cikada.toml");
    fs::write(&file, "[http]\naddr = \"192.0.2.1:1\"\n[log]\nlevel = \"off\"\nformat = \"json\"\n").unwrap();
    let config = ["--config", file.to_str().unwrap()];
    refused(folder.path(), &config);
    let server = serve(folder.path(), &[&config[..], &["--http", "127.0.0.1:0", "--log", "info"]].concat());
    let (_, log) = server.stop(Signal::TERM);
    assert!(log.lines().any(|line| line.contains("\"message\":\"serving\"")), "{log}");
}

#[test]
fn a_request_is_one_line_of_the_log_without_what_is_secret() {
    let folder = folder();
    let server = serve(folder.path(), &["--http", "127.0.0.1:0", "--log", "debug", "--log-format", "json"]);
    let secret = "0123456789abcdef0123456789abcdef01234567";
    server.get(&format!("/timestamp?cik={secret}"), &format!("X-Exosite-CIK: {secret}\r\n"));
    server.get(&format!("/{secret}%0a%1b%5b2J"), "");
    let (_, log) = server.stop(Signal::TERM);
    assert!(!log.contains(secret), "{log}");
    let objects: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered: Vec<_> = objects.iter().filter(|object| object["message"] == "answered").collect();
    assert_eq!(answered.len(), 2);
    assert_eq!((&answered[0]["route"], &answered[0]["status"]), (&"/timestamp".into(), &200.into()));
    assert_eq!((&answered[0]["method"], &answered[0]["peer"]), (&"GET".into(), &"127.0.0.1".into()));
    assert!(answered[0]["micros"].is_u64());
}

#[test]
fn an_address_that_is_taken_is_named() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = refused(folder.path(), &["--http", &address]);
    assert!(String::from_utf8(output.stderr).unwrap().contains(&address));
    assert!(!folder.path().join("data").exists(), "nothing is made for a server that cannot serve");
}

#[test]
fn a_folder_has_one_server_at_a_time() {
    let folder = folder();
    let server = serve(folder.path(), &["--http", "127.0.0.1:0"]);
    let output = refused(folder.path(), &["--http", "127.0.0.1:0"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("another server uses"));
    server.stop(Signal::TERM);
}
