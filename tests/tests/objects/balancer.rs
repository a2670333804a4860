//! The load balancers of `deploy/`, run as they are there but for the addresses: an answer comes through as it was written, and a
//! server that goes is not missed.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cikada_tests::{Connection, Request, Server};
use tempfile::TempDir;

struct Balancer {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn deploy(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join("deploy").join(file)).unwrap()
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Puts addresses of this machine into an example, and runs it.
fn start(file: &str, servers: [SocketAddr; 2], run: impl FnOnce(&Path, &Path) -> Command) -> Balancer {
    let (folder, address) = (TempDir::new().unwrap(), free());
    let mut text = deploy(file);
    for (name, server) in [("node1", servers[0]), ("node2", servers[1])] {
        assert!(text.contains(&format!("{name}:8080")));
        text = text.replace(&format!("{name}:8080"), &server.to_string());
    }
    // There are two.
    text = text.lines().filter(|line| !line.contains("node3")).collect::<Vec<_>>().join("\n") + "\n";
    for listening in ["bind :8080", "listen 8080;"] {
        let there = listening.replace(":8080", &address.to_string()).replace(" 8080", &format!(" {address}"));
        text = text.replace(listening, &there);
    }
    // As many as a test's machine lets one have.
    text = text.replace("50000", "500").replace("worker_processes auto", "worker_processes 1");
    let configuration = folder.path().join(file);
    fs::write(&configuration, text).unwrap();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut command = run(&configuration, folder.path());
    let process = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
    let mut balancer = Balancer { process: process.unwrap(), address, _folder: folder };
    let since = Instant::now();
    while TcpStream::connect(address).is_err() {
        let ended = balancer.process.try_wait().unwrap();
        let said = || fs::read_to_string(balancer._folder.path().join("log")).unwrap_or_default();
        assert!(ended.is_none() && since.elapsed() < Duration::from_secs(20), "{file}: {}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
    balancer
}

fn haproxy(configuration: &Path, _: &Path) -> Command {
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(configuration);
    command
}

fn nginx(configuration: &Path, folder: &Path) -> Command {
    let modules = PathBuf::from("/usr/lib/nginx/modules");
    assert!(modules.join("ngx_stream_module.so").exists(), "install libnginx-mod-stream: scripts/test does");
    std::os::unix::fs::symlink(&modules, folder.join("modules")).unwrap();
    let text = fs::read_to_string(configuration).unwrap();
    fs::write(configuration, format!("daemon off; pid {}/pid; error_log stderr;\n{text}", folder.display())).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(configuration).args(["-e", "stderr"]);
    command
}

fn play(start: impl FnOnce([SocketAddr; 2]) -> Balancer) {
    let (mut first, second) = (Server::start(), Server::start());
    let balancer = start([first.address, second.address]);
    let ask = |to: SocketAddr, request: &Request| Connection::open(to).unwrap().ask(request).unwrap();
    let through = |request: &Request| ask(balancer.address, request);
    // Until the balancer has seen that both are there.
    let since = Instant::now();
    while !Connection::open(balancer.address)
        .and_then(|mut it| it.ask(&Request::get("/readyz")))
        .is_ok_and(|it| it.status == 200)
    {
        assert!(since.elapsed() < Duration::from_secs(20), "no server is taken for ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    for request in [
        Request::get("/provision/download?vendor=acme&model=m"),
        Request::post("/provision/activate", &[("vendor", "acme"), ("model", "m"), ("sn", "1")]),
        Request::new("PUT", "/ip"),
        Request::get("/healthz").http_1_0(),
    ] {
        let (here, there) = (ask(first.address, &request), through(&request));
        let plain = |answer: &cikada_tests::Answer| {
            let text = String::from_utf8_lossy(&answer.to_bytes()).into_owned();
            let lines = text.split("\r\n").filter(|line| !line.starts_with("Date: "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(plain(&here), plain(&there), "{} {}", request.method(), request.target());
    }
    first.kill();
    let since = Instant::now();
    let mut missed = 0;
    // Whoever was on the server that died has to come again, as devices do; soon nobody meets it any more.
    for _ in 0..200 {
        let answered = Connection::open(balancer.address).and_then(|mut it| it.ask(&Request::get("/timestamp")));
        missed += u32::from(!answered.is_ok_and(|answer| answer.status == 200));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(missed <= 2, "{missed} of 200 requests in {:?} got no answer", since.elapsed());
    drop(second);
}

#[test]
fn haproxy_carries_answers_as_they_are_and_leaves_out_a_server_that_died() {
    play(|servers| start("haproxy.cfg", servers, haproxy));
}

#[test]
fn nginx_carries_answers_as_they_are_and_leaves_out_a_server_that_died() {
    play(|servers| start("nginx.conf", servers, nginx));
}
