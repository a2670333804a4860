//! The release binary as a process of its own, on a data folder of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, io};

use kit::Cast;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::process::{self, Memory, Watched};
use crate::{Outcome, failed};

const READY_IN: Duration = Duration::from_secs(60);

/// A data folder, and the server on it while it runs.
pub struct Server {
    folder: TempDir,
    /// The database, where the rows are not in the folder.
    store: Option<String>,
    child: Option<Child>,
    /// Where it listens, while it runs.
    pub address: SocketAddr,
    /// Where it takes datagrams, if it does.
    pub udp: Option<SocketAddr>,
    /// Where it speaks CoAP, if it does.
    pub coap: Option<SocketAddr>,
    /// Who is there.
    pub cast: Cast,
    arguments: Vec<&'static str>,
}

impl Server {
    /// Makes a data folder and starts the server.
    pub fn start() -> Outcome<Server> {
        Server::start_with("", &[])
    }

    /// The same with the rows elsewhere.
    pub fn start_on(store: Option<&str>) -> Outcome<Server> {
        Server::make(store, "", &[])
    }

    /// The same with a configuration that is not the default, and more arguments.
    pub fn start_with(configuration: &str, arguments: &[&'static str]) -> Outcome<Server> {
        Server::make(None, configuration, arguments)
    }

    fn make(store: Option<&str>, configuration: &str, arguments: &[&'static str]) -> Outcome<Server> {
        let folder = tempfile::Builder::new().prefix("cikada-bench-").tempdir()?;
        let mut init = Command::new(binary()?);
        init.args(["init", "--json", "--data"]).arg(folder.path().join("data"));
        let init = init.args(store.iter().flat_map(|url| ["--store", url])).output()?;
        if !init.status.success() {
            return failed(format!("cikada init failed: {}", String::from_utf8_lossy(&init.stderr)));
        }
        fs::write(folder.path().join("cikada.toml"), configuration)?;
        let cast = Cast::parse(&String::from_utf8(init.stdout)?);
        let (address, arguments) = (([127, 0, 0, 1], 0).into(), arguments.to_vec());
        let store = store.map(str::to_owned);
        let mut server = Server { folder, store, child: None, address, udp: None, coap: None, cast, arguments };
        server.resume()?;
        Ok(server)
    }

    /// Another node on the same rows.
    pub fn join(&self) -> Outcome<Server> {
        let folder = tempfile::Builder::new().prefix("cikada-bench-").tempdir()?;
        fs::create_dir(folder.path().join("data"))?;
        for file in ["data/master.key", "cikada.toml"] {
            fs::copy(self.folder.path().join(file), folder.path().join(file))?;
        }
        let (store, cast, arguments) = (self.store.clone(), self.cast.clone(), self.arguments.clone());
        let address = ([127, 0, 0, 1], 0).into();
        let mut server = Server { folder, store, child: None, address, udp: None, coap: None, cast, arguments };
        server.resume()?;
        Ok(server)
    }

    /// Serves the folder again; says how long it took from the call to the line that says it is ready.
    pub fn resume(&mut self) -> Outcome<Duration> {
        let (said, errors) = (self.folder.path().join("out"), self.folder.path().join("err"));
        let begin = Instant::now();
        let mut child = Command::new(binary()?)
            .args(["serve", "--http", "127.0.0.1:0", "--data"])
            .arg(self.data())
            .arg("--config")
            .arg(self.folder.path().join("cikada.toml"))
            .args(&self.arguments)
            .args(self.store.iter().flat_map(|url| ["--store", url]))
            .stdin(Stdio::null())
            .stdout(File::create(&said)?)
            .stderr(File::create(&errors)?)
            .spawn()?;
        while begin.elapsed() < READY_IN {
            let text = fs::read_to_string(&said)?;
            let listens = |prefix: &str| text.lines().find_map(|line| line.strip_prefix(prefix)?.trim().parse().ok());
            if let Some(address) = listens("listening on http://") {
                (self.udp, self.address) = (listens("listening on udp://"), address);
                // That is said before.
                self.coap = listens("listening on coap://");
                if self.udp.is_some() || !self.arguments.contains(&"--udp") {
                    self.child = Some(child);
                    return Ok(begin.elapsed());
                }
            }
            if let Some(status) = child.try_wait()? {
                return failed(format!("cikada serve ended ({status}): {}", fs::read_to_string(&errors)?));
            }
            sleep(Duration::from_millis(1));
        }
        end(&mut child);
        failed("cikada serve was not ready within a minute")
    }

    /// Stops the server as an operator does.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The bytes of the database's files.
    pub fn database_bytes(&self) -> Outcome<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(self.data())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_file() && (name.contains(".db") || name.contains("sqlite")) {
                bytes += entry.metadata()?.len();
            }
        }
        if bytes == 0 { failed(format!("no database in {}", self.data().display())) } else { Ok(bytes) }
    }

    /// Whose CPU time counts.
    pub fn watched(&self) -> Watched {
        Watched::Processes(self.child.iter().map(Child::id).collect())
    }

    /// Its resident memory.
    pub fn memory(&self) -> Outcome<Memory> {
        process::memory(self.id()?)
    }

    /// Begins a new peak of resident memory.
    pub fn forget_peak(&self) -> Outcome<()> {
        process::forget_peak(self.id()?)
    }

    fn id(&self) -> Outcome<u32> {
        Ok(self.child.as_ref().ok_or("the server does not run")?.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Asks a process to end, waits, and ends it by force after 40 seconds.
pub fn end(child: &mut Child) {
    if let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(id, Signal::TERM);
    }
    let since = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if since.elapsed() > Duration::from_secs(40) {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        sleep(Duration::from_millis(2));
    }
}

/// `CIKADA_BIN`, or the binary beside this one, brought up to date first.
fn binary() -> Outcome<PathBuf> {
    if let Some(path) = env::var_os("CIKADA_BIN") {
        return Ok(path.into());
    }
    let bench = env::current_exe()?;
    let folder = bench.parent().ok_or("a program is in a folder")?;
    static BUILT: std::sync::Once = std::sync::Once::new();
    let mut built = Ok(());
    BUILT.call_once(|| built = build(folder));
    built?;
    Ok(folder.join("cikada"))
}

fn build(folder: &Path) -> io::Result<()> {
    if folder.file_name().is_some_and(|name| name != "release") {
        return Err(io::Error::other("figures of anything but a release build mean nothing: cargo run --release"));
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(workspace).args(["build", "--quiet", "--release", "--package", "cikada", "--target-dir"]);
    let status = build.arg(folder.parent().unwrap_or(folder)).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("cikada does not build")) }
}
