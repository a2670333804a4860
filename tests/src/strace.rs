//! Faults at system calls: strace holds a server's threads and kills it, or answers in the kernel's place, at the calls that a
//! test names. `scripts/test` installs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use crate::{Request, Server};

const LET_GO_IN: Duration = Duration::from_millis(500);

/// A strace that holds on to a process. Dropping it lets the process go on untouched.
pub struct Strace {
    child: Child,
    _said: NamedTempFile,
}

impl Strace {
    /// Holds all threads of a server, with an expression as strace takes it after `-e inject=`: `fsync:error=EIO:when=3`. Each thread
    /// counts for itself.
    pub fn inject(server: &Server, expression: &str) -> Strace {
        Strace::inject_on(server, expression, &[])
    }

    /// The same for calls on these files only.
    pub fn inject_on(server: &Server, expression: &str, files: &[PathBuf]) -> Strace {
        let said = NamedTempFile::new().expect("a temporary file");
        let mut command = strace(said.path(), calls_of(expression), Some(expression));
        for file in files {
            command.arg("-P").arg(file);
        }
        let path = said.path().to_path_buf();
        Strace::attach(server, command, said, files.is_empty().then_some(&*path))
    }

    /// Writes down these calls with all their bytes, and some answers to `GET /timestamp` before all else.
    pub fn record(server: &Server, calls: &str, file: &Path, inject: Option<&str>) -> Strace {
        let mut command = strace(file, calls, inject);
        // Hexadecimal, so that every byte can be read back.
        command.args(["-y", "-xx", "-s", "8388608"]);
        let said = NamedTempFile::new().expect("a temporary file");
        Strace::attach(server, command, said, Some(file))
    }

    fn attach(server: &Server, mut command: Command, said: NamedTempFile, heard: Option<&Path>) -> Strace {
        let child = command.args(["-p", &server.process_id().to_string()]).spawn();
        let child = child.expect("strace can be started: apt-get install strace");
        let since = Instant::now();
        let patience = |what: &str| assert!(since.elapsed() < Duration::from_secs(20), "{what}");
        while !is_held(server.process_id()) {
            patience("strace doesn't get hold of the server");
            thread::sleep(Duration::from_millis(2));
        }
        // It holds them, and may not look at what they do yet.
        let hears = |file: &Path| fs::read(file).is_ok_and(|said| said.windows(7).any(|seven| seven == b"writev("));
        while heard.is_some_and(|file| !hears(file)) {
            patience("strace doesn't hear the server");
            // What is to happen may have happened already.
            if server.try_call_from(std::net::Ipv4Addr::LOCALHOST, &Request::get("/timestamp")).is_err() {
                break;
            }
        }
        thread::sleep(Duration::from_millis(if heard.is_some() { 20 } else { 80 }));
        Strace { child, _said: said }
    }

    /// Lets the process go, and waits until everything is written down.
    pub fn release(mut self) {
        let _ = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status();
        self.child.wait().expect("strace ends");
    }

    /// Ends at once. For a process that it has killed: it may wait for ever for one of its threads, and nobody else learns of the
    /// end before it is gone.
    pub fn abandon(mut self) {
        let _ = self.child.kill();
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status();
        }
        let since = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            // It may wait for ever for a thread that it has killed itself.
            if since.elapsed() > LET_GO_IN {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A command that runs another one under strace, to be completed with that.
pub fn strace(file: &Path, calls: &str, inject: Option<&str>) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-q", "-q", "-o"]).arg(file).args([
        "-e",
        &format!("trace={calls},writev"),
        "-e",
        "signal=none",
    ]);
    if let Some(inject) = inject {
        command.args(["-e", &format!("inject={inject}")]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The calls before the first colon.
fn calls_of(expression: &str) -> &str {
    expression.split(':').next().unwrap_or_default()
}

/// Whether every thread is held.
fn is_held(process_id: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process_id}/task")) else { return false };
    let held = |status: String| !status.lines().any(|line| line == "TracerPid:\t0");
    threads.flatten().all(|thread| fs::read_to_string(thread.path().join("status")).is_ok_and(held))
}
