//! A real server on a folder of its own: started, looked at, killed, started again.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use std::{io, thread};

use tempfile::TempDir;

use crate::{Answer, Cast, Connection, Device, Postgres, Request, Vendor, cikada, fsck, rules};

const READY_IN: Duration = Duration::from_secs(30);
const STOPPED_IN: Duration = Duration::from_secs(10);

/// One `cikada serve` and its data. Dropping it ends the process and looks for panics in what it wrote.
pub struct Server {
    folder: TempDir,
    /// The database, where the rows are not in the folder.
    store: Option<String>,
    child: Child,
    starts: u32,
    clock: Mutex<i64>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Who is there.
    pub cast: Cast,
}

impl Server {
    /// Makes a data folder and serves it.
    pub fn start() -> Server {
        Server::start_with("")
    }

    /// The same with a configuration file of this text.
    pub fn start_with(config: &str) -> Server {
        let store = of_this_suite().then(|| Postgres::shared().database());
        Server::start_on(store.as_deref(), config)
    }

    /// The same on a database of PostgreSQL.
    pub fn start_on(store: Option<&str>, config: &str) -> Server {
        let folder = new_folder(config);
        let mut init = Command::new(cikada());
        init.args(["init", "--json", "--data"]).arg(folder.path().join("data"));
        name_store(&mut init, store);
        let init = init.output().expect("cikada can be started");
        assert!(init.status.success(), "init failed: {init:?}");
        let cast = Cast::parse(std::str::from_utf8(&init.stdout).expect("UTF-8"));
        let (child, address) = serve(folder.path(), store, 0);
        Server { folder, store: store.map(str::to_owned), child, starts: 1, clock: Mutex::new(0), address, cast }
    }

    /// Another server on the same rows, with a folder of its own. `store` is its way to them, the same where None.
    pub fn join(&self, store: Option<&str>) -> Server {
        let config = fs::read_to_string(self.folder.path().join("cikada.toml")).unwrap();
        let folder = new_folder(&config);
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::copy(self.data().join("master.key"), folder.path().join("data/master.key")).unwrap();
        let store = store.map(str::to_owned).or_else(|| self.store.clone());
        let (child, address) = serve(folder.path(), store.as_deref(), 0);
        Server { folder, store, child, starts: 1, clock: Mutex::new(0), address, cast: self.cast.clone() }
    }

    /// The rows are elsewhere from its next start on.
    pub fn move_to(&mut self, store: Option<&str>) {
        self.store = store.map(str::to_owned);
    }

    /// Its way to the rows, where they are not in its folder.
    pub fn store(&self) -> Option<&str> {
        self.store.as_deref()
    }

    /// Serves a data folder that somebody else has made, with its master key in it; it is moved to a place of this server's.
    pub fn over(data: &Path, cast: Cast) -> Server {
        let folder = tempfile::Builder::new().prefix("cikada-test-").tempdir().expect("a temporary folder");
        fs::rename(data, folder.path().join("data")).unwrap();
        fs::write(folder.path().join("clock"), "0").unwrap();
        fs::write(folder.path().join("cikada.toml"), "").unwrap();
        let (child, address) = serve(folder.path(), None, 0);
        Server { folder, store: None, child, starts: 1, clock: Mutex::new(0), address, cast }
    }

    /// Serves a copy of a data folder; `cast` is who is there.
    pub fn on_copy_of(data: &Path, cast: &Cast) -> Server {
        let folder = tempfile::Builder::new().prefix("cikada-test-").tempdir().expect("a temporary folder");
        fsck::copy(data, &folder.path().join("data"));
        fs::write(folder.path().join("clock"), "0").unwrap();
        fs::write(folder.path().join("cikada.toml"), "").unwrap();
        let (child, address) = serve(folder.path(), None, 0);
        Server { folder, store: None, child, starts: 1, clock: Mutex::new(0), address, cast: cast.clone() }
    }

    /// The server that the tests of this process share as long as one of them runs. Use fresh names; don't turn its clock.
    pub fn shared() -> Arc<Server> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Server::start());
        *shared = Arc::downgrade(&server);
        server
    }

    /// Where it speaks CoAP.
    pub fn coap(&self) -> SocketAddr {
        self.listening("coap")
    }

    /// Where it speaks a protocol.
    pub fn listening(&self, protocol: &str) -> SocketAddr {
        let said = self.folder.path().join(format!("serve.{}.out", self.starts - 1));
        let since = Instant::now();
        while since.elapsed() < READY_IN {
            if let Some(address) = listening_on(protocol, &read(&said)) {
                return address;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the server doesn't speak {protocol}: {}", read(&said));
    }

    /// The data folder.
    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The files of the database.
    pub fn database_files(&self) -> [std::path::PathBuf; 2] {
        [self.data().join("cikada.db"), self.data().join("cikada.db-wal")]
    }

    /// The id of the running process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// How much memory the process has at this moment, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process_id())).expect("the server is running");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Everything the server has written on its standard error, over all its starts.
    pub fn errors(&self) -> String {
        (0..self.starts).map(|n| read(&self.folder.path().join(format!("serve.{n}.err")))).collect()
    }

    /// Ends the process with SIGKILL: it has no time to say good-bye.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server was running");
        self.child.wait().expect("the server has ended");
    }

    /// Waits for a process that somebody else has killed.
    pub fn wait_until_gone(&mut self) {
        self.end(STOPPED_IN).expect("the server has been killed");
    }

    /// Whether the process has ended, also while somebody else still holds what is left of it.
    pub fn is_gone(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process_id())).unwrap_or_default();
        !status.lines().any(|line| line.starts_with("State:") && !line.contains('Z') && !line.contains('X'))
    }

    /// How the process ends by itself within a time, if it does.
    pub fn end(&mut self, at_most: Duration) -> Option<ExitStatus> {
        wait(&mut self.child, at_most)
    }

    /// Asks the process to end, and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        terminate(&mut self.child);
        wait(&mut self.child, Duration::from_secs(40)).expect("an orderly stop takes at most 30 s")
    }

    /// Serves the same folder again, on another port, after [`Server::kill`] or [`Server::stop`].
    pub fn restart(&mut self) {
        let (child, address) = serve(self.folder.path(), self.store.as_deref(), self.starts);
        self.child = child;
        self.address = address;
        self.starts += 1;
    }

    /// Stops and serves again, so that nothing is in its memory.
    pub fn restart_with_cold_memory(&mut self) {
        assert!(self.stop().success());
        self.restart();
    }

    /// Runs another subcommand on this server's data.
    pub fn run_on_data(&self, subcommand: &str) -> Output {
        let mut command = Command::new(cikada());
        command.arg(subcommand).arg("--data").arg(self.data());
        name_store(&mut command, self.store.as_deref());
        command.output().expect("cikada can be started")
    }

    /// Turns the server's clock forward, and makes sure that it went.
    pub fn jump(&self, seconds: i64) {
        let before = self.now();
        self.turn_clock(seconds);
        let moved = self.now() - before;
        assert!(
            (seconds..seconds + 5).contains(&moved),
            "the clock went {moved} s, not {seconds}: only a build with debug assertions reads CIKADA_TEST_CLOCK_FILE"
        );
    }

    /// The same while it is down.
    pub fn turn_clock(&self, seconds: i64) {
        let mut ahead = self.clock.lock().unwrap();
        *ahead += seconds;
        let (file, fresh) = (self.folder.path().join("clock"), self.folder.path().join("clock.new"));
        fs::write(&fresh, ahead.to_string()).unwrap();
        fs::rename(fresh, file).unwrap();
    }

    /// Turns the server's clock by so many seconds from this machine's, whatever it does with that.
    pub fn set_clock(&self, seconds: i64) {
        *self.clock.lock().unwrap() = seconds;
        let (file, fresh) = (self.folder.path().join("clock"), self.folder.path().join("clock.new"));
        fs::write(&fresh, seconds.to_string()).unwrap();
        fs::rename(fresh, file).unwrap();
    }

    /// The server's own time in Unix seconds.
    pub fn now(&self) -> i64 {
        self.call(&Request::get("/timestamp")).expect(200).text().parse().expect("a number")
    }

    /// A connection from the usual address.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address).expect("the server listens")
    }

    /// A connection from a chosen address.
    pub fn connect_from(&self, from: Ipv4Addr) -> Connection {
        Connection::open_from(self.address, from).expect("the server listens")
    }

    /// One request on a connection of its own; the answer must keep the rules of every answer.
    #[track_caller]
    pub fn call(&self, request: &Request) -> Answer {
        self.call_from(Ipv4Addr::LOCALHOST, request)
    }

    /// The same from a chosen address.
    #[track_caller]
    pub fn call_from(&self, from: Ipv4Addr, request: &Request) -> Answer {
        let answer = self.connect_from(from).ask(request);
        let answer =
            answer.unwrap_or_else(|why| panic!("no answer to {} {}: {why}", request.method(), request.target()));
        if let Some(broken) = rules::broken(&answer, request.method()) {
            panic!("{} {}: {broken}", request.method(), request.target());
        }
        answer
    }

    /// The same where the server may be gone.
    pub fn try_call_from(&self, from: Ipv4Addr, request: &Request) -> io::Result<Answer> {
        Connection::open_from(self.address, from)?.ask(request)
    }

    /// The vendor of `cikada init`.
    pub fn vendor(&self) -> Vendor<'_> {
        Vendor::with_cik(self, &self.cast.vendor_name, &self.cast.vendor.cik)
    }

    /// A device that says it is that serial number of the vendor's model, calling from an address of its own.
    pub fn device(&self, model: &str, serial_number: &str) -> Device<'_> {
        Device::new(self, &self.cast.vendor_name, model, serial_number)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            terminate(&mut self.child);
            if wait(&mut self.child, STOPPED_IN).is_none() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
        let said = self.errors();
        if said.contains("panicked") && !thread::panicking() {
            panic!("the server panicked:\n{said}");
        }
        if thread::panicking() && !said.is_empty() {
            let from = said.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
            eprintln!("--- the server's last words ---\n{}", &said[from..]);
        }
    }
}

/// Suites that are mounted twice run on PostgreSQL in the binary whose name says so.
fn of_this_suite() -> bool {
    let binary = std::env::current_exe().expect("a test knows its own file");
    binary.file_name().is_some_and(|name| name.to_string_lossy().contains("_postgres"))
}

fn new_folder(config: &str) -> TempDir {
    let folder = tempfile::Builder::new().prefix("cikada-test-").tempdir().expect("a temporary folder");
    fs::write(folder.path().join("clock"), "0").unwrap();
    fs::write(folder.path().join("cikada.toml"), config).unwrap();
    folder
}

fn name_store(command: &mut Command, store: Option<&str>) {
    if let Some(url) = store {
        command.args(["--store", url]);
    }
}

/// Starts the process and waits until it says where it listens.
fn serve(folder: &Path, store: Option<&str>, start: u32) -> (Child, SocketAddr) {
    let said = folder.join(format!("serve.{start}.out"));
    let errors = folder.join(format!("serve.{start}.err"));
    let mut command = Command::new(cikada());
    command.args(["serve", "--http", "127.0.0.1:0", "--coap", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
    command.arg("--config").arg(folder.join("cikada.toml"));
    command.env("CIKADA_TEST_CLOCK_FILE", folder.join("clock"));
    name_store(&mut command, store);
    command.stdin(Stdio::null()).stdout(File::create(&said).unwrap()).stderr(File::create(&errors).unwrap());
    let mut child = command.spawn().expect("cikada can be started");
    let since = Instant::now();
    while since.elapsed() < READY_IN {
        if let Some(address) = listening_on("http", &read(&said)) {
            return (child, address);
        }
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            panic!("the server ended ({status}) before it listened:\n{}{}", read(&said), read(&errors));
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("the server didn't listen within {READY_IN:?}:\n{}{}", read(&said), read(&errors));
}

fn listening_on(protocol: &str, said: &str) -> Option<SocketAddr> {
    let whole_lines = &said[..=said.rfind('\n')?];
    let place = |line: &str| {
        line.strip_prefix("listening on ")?.strip_prefix(protocol)?.strip_prefix("://")?.trim().parse().ok()
    };
    whole_lines.lines().find_map(place)
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
}

/// SIGTERM, by the shell: the standard library can only kill.
fn terminate(child: &mut Child) {
    let _ = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).status();
}

fn wait(child: &mut Child, at_most: Duration) -> Option<ExitStatus> {
    let since = Instant::now();
    while since.elapsed() < at_most {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}
