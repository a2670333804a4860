//! The server of the demo: a process of this same binary on a temporary folder, started, killed, started again, stopped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use model::{Cik, SecretKey, Token};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;

use super::narrator::{Narrator, expect};
use crate::client::{Credential, Server};
use crate::failure::{Doing, Failure, Outcome};
use crate::when::span;

/// How long a server may take to be ready, or to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// The windows of the demo close while one watches.
const ANY_PORT: &str = "127.0.0.1:0";
const CONFIGURATION: &str = "[activation]\nminimum_timeout_s = 1\n";

/// Who is there on a fresh server, as `cikada init --json` prints it.
#[derive(Deserialize)]
pub struct Cast {
    pub vendor: VendorClient,
    pub owner: Client,
    pub template: Client,
}

/// A client: its public name.
#[derive(Deserialize)]
pub struct Client {
    pub rid: String,
}

/// The vendor's client.
#[derive(Deserialize)]
pub struct VendorClient {
    pub name: String,
    pub cik: String,
    pub token: String,
}

/// The folder, the server's process and its address.
pub struct Stage {
    pub cast: Cast,
    addresses: Mutex<Addresses>,
    binary: PathBuf,
    folder: Mutex<Option<TempDir>>,
    path: PathBuf,
    child: Mutex<Option<Child>>,
}

/// Where the server listens.
#[derive(Clone, Copy)]
struct Addresses {
    http: SocketAddr,
    coap: SocketAddr,
}

impl Stage {
    /// Makes the folder and starts the server.
    pub fn set(narrator: &mut Narrator) -> Outcome<Arc<Stage>> {
        let binary = std::env::current_exe().doing("find this program's own file")?;
        let folder = tempfile::Builder::new().prefix("cikada-demo-").tempdir().doing("make a temporary folder")?;
        let path = folder.path().to_owned();
        let configuration = path.join("cikada.toml");
        fs::write(&configuration, CONFIGURATION).doing("write the configuration")?;
        let data = path.join("data");
        let printed =
            Command::new(&binary).arg("init").arg("--data").arg(&data).args(["--vendor", "acme", "--json"]).output();
        let printed = printed.doing("run cikada init")?;
        expect(printed.status.success(), || {
            format!("cikada init failed: {}", String::from_utf8_lossy(&printed.stderr))
        })?;
        let cast: Cast =
            serde_json::from_slice(&printed.stdout).map_err(|_| Failure::new("cikada init printed no JSON"))?;
        narrator.command(
            &format!("cikada init --data {} --vendor acme", data.display()),
            "made the vendor acme, an owner, a template, and their keys",
        )?;
        let begun = Instant::now();
        let (child, addresses) = start(&binary, &path, ANY_PORT, ANY_PORT)?;
        narrator.command(
            &format!("cikada serve --data {} --config {} --coap {ANY_PORT}", data.display(), configuration.display()),
            &format!(
                "listening on http://{} and coap://{}, ready after {}",
                addresses.http,
                addresses.coap,
                span(begun.elapsed())
            ),
        )?;
        Ok(Arc::new(Stage {
            cast,
            addresses: Mutex::new(addresses),
            binary,
            folder: Mutex::new(Some(folder)),
            path,
            child: Mutex::new(Some(child)),
        }))
    }

    /// A file of the demo.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Where the server listens for HTTP.
    pub fn address(&self) -> SocketAddr {
        self.addresses().http
    }

    /// The base of what is asked over CoAP.
    pub fn coap_base(&self) -> String {
        format!("coap://{}", self.addresses().coap)
    }

    /// The base URL.
    pub fn base(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The server as the vendor sees it.
    pub fn vendor(&self) -> Outcome<Server> {
        let token =
            Token::parse(&self.cast.vendor.token).ok_or_else(|| Failure::new("cikada init printed no token"))?;
        Server::at(&self.base(), None, Some(Credential::Token(token)))
    }

    /// The server as the holder of a key sees it.
    pub fn holder_of(&self, cik: &str) -> Outcome<Server> {
        let cik = Cik::parse(cik).ok_or_else(|| Failure::new("a key is not 40 hex digits"))?;
        Server::at(&self.base(), None, Some(Credential::Cik(cik)))
    }

    /// Runs a command of this binary as the vendor; gives what it printed on standard output and error.
    pub fn run(&self, arguments: &[&str]) -> Outcome<Ran> {
        let output = Command::new(&self.binary)
            .args(arguments)
            .current_dir(&self.path)
            .env("CIKADA_SERVER", self.base())
            .env("CIKADA_TOKEN", &self.cast.vendor.token)
            .env_remove("CIKADA_CIK")
            .env_remove("CIKADA_CA")
            .stdin(Stdio::null())
            .output()
            .doing("run this program")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Ok(Ran { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    /// Runs a command that must succeed, and tells of it.
    pub fn show(&self, narrator: &Narrator, arguments: &[&str]) -> Outcome<String> {
        let ran = self.run(arguments)?;
        narrator.command(&typed(arguments), &ran.stdout)?;
        expect(ran.status.success(), || format!("it should have worked: {}", ran.stderr))?;
        Ok(ran.stdout)
    }

    /// The same as the holder of a key, whose name nobody else sees.
    pub fn show_as(&self, cik: &str, narrator: &Narrator, arguments: &[&str]) -> Outcome<String> {
        let printed = self.start_as(cik, arguments)?.finish()?;
        narrator.command(&typed(arguments), &printed)?;
        Ok(printed)
    }

    /// Starts a command as the holder of a key.
    pub fn start_as(&self, cik: &str, arguments: &[&str]) -> Outcome<Running> {
        let mut command = Command::new(&self.binary);
        command.args(arguments).current_dir(&self.path).env("CIKADA_SERVER", self.base()).env("CIKADA_CIK", cik);
        command.env_remove("CIKADA_TOKEN").env_remove("CIKADA_CA");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Running { child: command.spawn().doing("run this program")? })
    }

    /// The power goes: the process is killed where it stands.
    pub fn kill(&self) -> Outcome {
        if let Some(mut child) = self.child().take() {
            child.kill().doing("kill the server")?;
            child.wait().doing("wait for the server")?;
        }
        Ok(())
    }

    /// Starts again, at the same addresses unless somebody took one meanwhile.
    pub fn restart(&self) -> Outcome {
        let Addresses { http, coap } = self.addresses();
        let started = start(&self.binary, &self.path, &http.to_string(), &coap.to_string());
        let (child, addresses) = started.or_else(|_| start(&self.binary, &self.path, ANY_PORT, ANY_PORT))?;
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
        *self.child() = Some(child);
        Ok(())
    }

    /// Asks the server to end; its exit status.
    pub fn stop(&self) -> Outcome<Option<ExitStatus>> {
        let Some(mut child) = self.child().take() else { return Ok(None) };
        kill_process(Pid::from_child(&child), Signal::TERM).doing("stop the server")?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait().doing("wait for the server")? {
                return Ok(Some(status));
            }
            thread::sleep(Duration::from_millis(10));
        }
        child.kill().doing("kill the server")?;
        child.wait().doing("wait for the server")?;
        Err(Failure::new("the server did not end in time"))
    }

    /// Whether the server still runs.
    pub fn is_up(&self) -> bool {
        self.child().as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Ends the server, if it still runs, and removes the folder.
    pub fn strike(&self) -> Outcome {
        let stopped = self.stop();
        let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner).take();
        let removed = folder.map_or(Ok(()), TempDir::close).doing("remove the temporary folder");
        stopped.and(removed)
    }

    fn addresses(&self) -> Addresses {
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a command did.
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// A command that runs beside the story.
pub struct Running {
    child: Child,
}

impl Running {
    /// Waits for its end, which must be a good one and come in time; what it printed.
    pub fn finish(mut self) -> Outcome<String> {
        let begun = Instant::now();
        while self.child.try_wait().doing("wait for a command")?.is_none() {
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return Err(Failure::new("a command did not end in time"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        // What these commands print fits in a pipe.
        let output = self.child.wait_with_output().doing("read what a command printed")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        expect(output.status.success(), || format!("it should have worked: {}", text(&output.stderr)))?;
        Ok(text(&output.stdout))
    }
}

/// A command as it is typed; words with blanks in quotes.
pub fn typed(arguments: &[&str]) -> String {
    let quoted = |word: &&str| {
        if word.contains([' ', '*', '?', '$', '{', '[', '"']) { format!("'{word}'") } else { (*word).to_owned() }
    };
    let words: Vec<String> = arguments.iter().map(quoted).collect();
    format!("cikada {}", words.join(" "))
}

/// Starts a server and waits until it says where it listens.
fn start(binary: &Path, folder: &Path, http: &str, coap: &str) -> Outcome<(Child, Addresses)> {
    let log =
        fs::OpenOptions::new().create(true).append(true).open(folder.join("server.log")).doing("write the log")?;
    let mut child = Command::new(binary)
        .arg("serve")
        .arg("--data")
        .arg(folder.join("data"))
        .arg("--config")
        .arg(folder.join("cikada.toml"))
        .args(["--http", http, "--coap", coap])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .doing("start the server")?;
    let stdout = child.stdout.take().ok_or_else(|| Failure::new("the server has no output"))?;
    let (told, addresses) = std::sync::mpsc::channel();
    // The server may write more later: somebody has to read it for as long as it runs.
    thread::spawn(move || {
        let (mut http, mut coap) = (None, None);
        for text in BufReader::new(stdout).lines().map_while(Result::ok) {
            let address = |scheme: &str| text.strip_prefix("listening on ")?.strip_prefix(scheme)?.trim().parse().ok();
            http = http.or_else(|| address("http://"));
            coap = coap.or_else(|| address("coap://"));
            if let (Some(http), Some(coap)) = (http, coap) {
                let _ = told.send(Addresses { http, coap });
            }
        }
    });
    match addresses.recv_timeout(PATIENCE) {
        Ok(addresses) => Ok((child, addresses)),
        _ => {
            let _ = child.kill();
            let _ = child.wait();
            let log = fs::read_to_string(folder.join("server.log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(5).collect();
            Err(Failure::new(format!(
                "the server did not start: {}",
                last.into_iter().rev().collect::<Vec<_>>().join(" | ")
            )))
        }
    }
}

/// A thread that ends server and folder when the demo is interrupted; it lives as long as the process.
pub fn clean_up_on_signal(stage: &Arc<Stage>) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("listen for signals")?;
    let stage = stage.clone();
    thread::spawn(move || {
        let was_asked = runtime.block_on(async {
            let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => interrupted,
                _ = terminated.recv() => Ok(()),
            }
        });
        if was_asked.is_ok() {
            let struck = stage.strike();
            std::process::exit(i32::from(struck.is_err()));
        }
    });
    Ok(())
}
