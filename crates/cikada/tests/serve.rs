//! `cikada serve` as an operator meets it: an empty folder, a configuration file, the log, the end.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

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

/// The same where the system allows so many open files.
fn serve_with_files(folder: &Path, files: u32) -> Serving {
    let within = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
    let command = command(folder, &["--http", "127.0.0.1:0"]);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(within).arg(command.get_program()).args(command.get_args());
    spawn(folder, shell)
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

    fn post(&self, path: &str, kind: &str, body: &str) -> String {
        let mut tcp = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(tcp, "POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The time that it has had the processor.
    fn busy(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
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

/// A thousand clients, where a hundred and twenty-eight files may be open (fault F16).
#[test]
fn where_files_are_few_those_who_only_wait_make_room() {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let enough = rustix::process::Rlimit { current: Some(most.map_or(4096, |most| most.min(4096))), maximum: most };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, enough).unwrap();
    let folder = folder();
    let server = serve_with_files(folder.path(), 128);
    let owner = server.before.lines().find(|line| line.trim().starts_with("owner ")).unwrap();
    let owner = owner.split_whitespace().last().unwrap().to_owned();
    // A request that is under way: its body comes later.
    let mut under_way = TcpStream::connect(&server.address).unwrap();
    let form = "vendor=nobody&model=none&sn=1";
    write!(under_way, "POST /provision/activate HTTP/1.1\r\nContent-Length: {}\r\n\r\nvendor=", form.len()).unwrap();
    std::thread::sleep(Duration::from_millis(300));

    let waiting: Vec<TcpStream> = (0..1_000).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let (began, busy) = (Instant::now(), server.busy());
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert!(server.get("/healthz", "").ends_with("\r\n\r\nok"), "nobody is refused or reset");
                }
            });
        }
    });
    // The stores have what they need: this one writes.
    let create = format!(
        r#"{{"auth":{{"cik":"{owner}"}},"calls":[{{"id":1,"procedure":"create","arguments":["dataport",{{"format":"float"}}]}}]}}"#
    );
    assert!(server.post("/onep:v1/rpc/process", "application/json", &create).contains("\"status\":\"ok\""));
    // A while in which nothing happens but that some wait.
    std::thread::sleep(Duration::from_secs(2));
    let share = (server.busy() - busy).as_secs_f64() / began.elapsed().as_secs_f64();
    assert!(share < 0.2, "it had the processor for {share:.2} of the time");
    write!(under_way, "{}", &form["vendor=".len()..]).unwrap();
    let mut answer = [0; 12];
    under_way.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404", "a request that was under way is answered");
    drop(waiting);
    let (_, log) = server.stop(Signal::TERM);
    assert!(log.contains("fewer open files") && !log.contains("cannot accept"), "{log}");
}

#[test]
fn an_operator_sees_in_numbers_what_the_server_did() {
    let folder = folder();
    let serving = serve(folder.path(), &["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
    let metrics = serving.before.lines().find_map(|line| line.strip_prefix("metrics on http://")).unwrap();
    let metrics = metrics.strip_suffix("/metrics").unwrap().to_owned();
    let ask = |path: &str| {
        let mut tcp = TcpStream::connect(&metrics).unwrap();
        write!(tcp, "GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(serving.get("/metrics", "").starts_with("HTTP/1.1 404"), "devices do not see it");
    assert!(ask("/").starts_with("HTTP/1.1 404") && ask("/healthz").starts_with("HTTP/1.1 404"));
    for _ in 0..3 {
        assert!(serving.get("/timestamp", "").starts_with("HTTP/1.1 200"));
    }
    let form = "application/x-www-form-urlencoded";
    assert!(serving.post("/provision/activate", form, "vendor=acme&model=none&sn=1").starts_with("HTTP/1.1 404"));
    assert!(serving.post("/onep:v1/stack/alias", form, "a=1").starts_with("HTTP/1.1 401"));
    let answer = ask("/metrics");
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    for line in [
        "cikada_build_info{version=\"0.1.0\"} 1",
        "cikada_http_requests_total{route=\"/timestamp\",status=\"200\"} 3",
        "cikada_http_requests_total{route=\"/provision/activate\",status=\"404\"} 1",
        "cikada_http_requests_total{route=\"/onep:v1/stack/alias\",status=\"401\"} 1",
        "cikada_http_request_seconds_count{route=\"/timestamp\"} 3",
        "cikada_http_request_seconds_bucket{route=\"/timestamp\",le=\"+Inf\"} 3",
        "cikada_store_healthy 1",
        "cikada_store_queue 0",
    ] {
        assert!(page.lines().any(|there| there == line), "{line} is not in\n{page}");
    }
    let commits = page.lines().find_map(|line| line.strip_prefix("cikada_store_commit_seconds_count ")).unwrap();
    assert!(commits.parse::<u64>().unwrap() > 0);
    // Every line is a comment or a name, labels and a number; every name was introduced.
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = name.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let known = |name: &str| page.contains(&format!("# TYPE {name} "));
        assert!(known(name) || known(family), "{line}");
    }
    // What the dashboard asks for is there.
    let dashboard =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/grafana-dashboard.json")).unwrap();
    let words = dashboard.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let mut asked = 0;
    for name in words.filter(|word| word.starts_with("cikada_") || word.starts_with("process_")) {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(page.contains(&format!("# TYPE {family} ")), "the dashboard asks for {name}, which there is not");
        asked += 1;
    }
    assert!(asked >= 18, "the dashboard has its panels");
}
