//! haproxy and nginx before a server, as their packages bring them, with a configuration of a few lines.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

/// A proxy that keeps its connections to the server open and uses them for whoever comes next.
pub struct Proxy {
    folder: TempDir,
    child: Child,
    pub address: SocketAddr,
    pub name: &'static str,
}

impl Proxy {
    pub fn haproxy(server: SocketAddr) -> Proxy {
        let configuration = |_: &Path, address: SocketAddr| {
            format!(
                "global\n  log stdout format raw local0\ndefaults\n  mode http\n  log global\n  option http-keep-alive\n  \
                 http-reuse always\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\n  \
                 log-format \"%ST %s %{{+Q}}r\"\nfrontend f\n  bind {address}\n  default_backend b\nbackend b\n  server cikada {server} maxconn 4\n"
            )
        };
        Proxy::start("haproxy", configuration, |folder| {
            let mut command = Command::new("haproxy");
            command.args(["-db", "-f"]).arg(folder.join("conf"));
            command.stdout(File::create(folder.join("log")).unwrap());
            command
        })
    }

    pub fn nginx(server: SocketAddr) -> Proxy {
        let configuration = |folder: &Path, address: SocketAddr| {
            let root = folder.display();
            let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .iter()
                .map(|kind| format!("{kind}_temp_path {root}/{kind};\n"))
                .collect();
            format!(
                "daemon off; pid {root}/pid; worker_processes 1; error_log {root}/error.log;\nevents {{ worker_connections 512; }}\n\
                 http {{\n{temporary}log_format f '$status $upstream_status \"$request\"';\naccess_log {root}/log f;\n\
                 upstream u {{ server {server}; keepalive 4; }}\n\
                 server {{ listen {address}; location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection \"\"; \
                 proxy_request_buffering off; }} }}\n}}\n"
            )
        };
        Proxy::start("nginx", configuration, |folder| {
            let mut command = Command::new("nginx");
            command.arg("-p").arg(folder).arg("-c").arg(folder.join("conf")).args(["-e", "error.log"]);
            command
        })
    }

    fn start(
        name: &'static str,
        configuration: impl Fn(&Path, SocketAddr) -> String,
        command: impl Fn(&Path) -> Command,
    ) -> Proxy {
        let folder = tempfile::Builder::new().prefix("cikada-proxy-").tempdir().unwrap();
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        fs::write(folder.path().join("conf"), configuration(folder.path(), address)).unwrap();
        let mut command = command(folder.path());
        command.stdin(Stdio::null()).stderr(File::create(folder.path().join("errors")).unwrap());
        let child = command.spawn().unwrap_or_else(|why| panic!("{name}: {why}: scripts/test installs it"));
        let mut proxy = Proxy { folder, child, address, name };
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return proxy;
            }
            assert!(proxy.child.try_wait().unwrap().is_none(), "{name} ended: {}", proxy.read("errors"));
            sleep(Duration::from_millis(10));
        }
        panic!("{name} does not listen: {}", proxy.read("errors"));
    }

    /// The request lines of the requests that it handed to the server and got answered, in its own log.
    pub fn forwarded(&self) -> Vec<String> {
        let log = self.read("log");
        let handed_on = |line: &&str| match self.name {
            // A status of its own has no server behind it.
            "haproxy" => line.split(' ').nth(1) == Some("cikada"),
            _ => line.split(' ').nth(1).is_some_and(|status| status.starts_with(|c: char| c.is_ascii_digit())),
        };
        log.lines().filter(handed_on).map(str::to_owned).collect()
    }

    fn read(&self, file: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join(file)).unwrap_or_default()).into_owned()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The master ends its worker; a kill would leave that behind.
        let _ = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status();
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
