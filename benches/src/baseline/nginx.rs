//! nginx with one worker and sendfile, serving the files of a folder.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Watched;
use crate::server::end;
use crate::{Outcome, failed};

pub struct Nginx {
    folder: TempDir,
    child: Child,
    pub address: SocketAddr,
}

impl Nginx {
    /// Starts it on an empty folder; files come by [`Nginx::put`].
    pub fn start() -> Outcome<Nginx> {
        install()?;
        let folder = tempfile::Builder::new().prefix("cikada-bench-nginx-").tempdir()?;
        fs::create_dir(folder.path().join("files"))?;
        let address = free_address()?;
        fs::write(folder.path().join("nginx.conf"), configuration(folder.path(), address))?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .args(["-e", "error.log"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut nginx = Nginx { folder, child, address };
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return Ok(nginx);
            }
            if let Some(status) = nginx.child.try_wait()? {
                let log = fs::read_to_string(nginx.folder.path().join("error.log")).unwrap_or_default();
                return failed(format!("nginx ended ({status}): {log}"));
            }
            sleep(Duration::from_millis(10));
        }
        failed("nginx does not listen")
    }

    pub fn put(&self, name: &str, bytes: &[u8]) -> Outcome<()> {
        Ok(fs::write(self.folder.path().join("files").join(name), bytes)?)
    }

    /// The worker: the master only waits.
    pub fn watched(&self) -> Outcome<Watched> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        Ok(Watched::Processes(children.split_whitespace().filter_map(|id| id.parse().ok()).collect()))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn configuration(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    // Only read by a master that runs as root; the folder is for its owner alone.
    let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
    format!(
        "{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 75;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {address};
        root {folder}/files;
    }}
}}
"
    )
}

fn install() -> Outcome<()> {
    let is_there = || Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_ok();
    if is_there() {
        return Ok(());
    }
    eprintln!("nginx is missing: installing it with apt-get");
    let apt = Command::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends", "nginx-light"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null())
        .status();
    if is_there() { Ok(()) } else { failed(format!("these rows need nginx: apt-get install nginx-light ({apt:?})")) }
}

/// A port that was free a moment ago; nginx cannot say which one it took.
fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
