//! Clusters of PostgreSQL for tests, with the settings of production: one that the tests of a run share, each with databases of its
//! own, and others for tests that stop and kill them.
//!
//! `scripts/test` installs the server. It does not run as root: there, it runs as the user `postgres`.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, process, thread};

use tempfile::TempDir;

const USER: &str = "cikada";
const PASSWORD: &str = "a password: with @, / and %";
/// The same as it stands in a URL.
const PASSWORD_IN_URL: &str = "a%20password%3A%20with%20%40%2C%20%2F%20and%20%25";
const READY_IN: Duration = Duration::from_secs(30);

/// A cluster and where it listens.
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    /// Of one that ends with this value.
    _own: Option<TempDir>,
}

/// How a cluster is stopped.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// Transactions are aborted, and the server ends in order.
    Fast,
    /// It ends at once, and recovers at its next start.
    Immediate,
    /// Its first process is killed with signal 9, and with it all others.
    Kill,
}

impl Postgres {
    /// The cluster that all tests of a run share. Whoever uses it last leaves it to be ended.
    pub fn shared() -> &'static Postgres {
        static SHARED: OnceLock<(Postgres, File)> = OnceLock::new();
        &SHARED.get_or_init(join).0
    }

    /// A cluster of one's own.
    pub fn start() -> Postgres {
        let own = tempfile::Builder::new().prefix("cikada-postgres-").tempdir().expect("a temporary folder");
        let folder = own.path().to_path_buf();
        let postgres = Postgres { port: free_port(), folder, _own: Some(own) };
        postgres.make();
        postgres.run();
        postgres
    }

    /// An empty database, as `--store` takes it.
    pub fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let name = format!("t{}_{now}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.query("postgres", &format!("CREATE DATABASE {name}"));
        self.url(self.address(), &name)
    }

    /// The same database by another way, such as through a relay.
    pub fn url_by(&self, url: &str, address: SocketAddr) -> String {
        let (_, database) = url.rsplit_once('/').expect("a URL ends with the database");
        self.url(address, database)
    }

    fn url(&self, address: SocketAddr, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD_IN_URL}@{address}/{database}")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What a statement answers, as psql prints it without decoration.
    pub fn query(&self, url_or_database: &str, sql: &str) -> String {
        let database = url_or_database.rsplit('/').next().unwrap_or_default();
        let mut psql = Command::new(program("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", USER, "-d", database]);
        psql.args(["-p", &self.port.to_string(), "-c", sql]).env("PGPASSWORD", PASSWORD);
        let output = psql.output().expect("psql can be started");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Ends it.
    pub fn stop(&self, how: Stop) {
        match how {
            Stop::Fast => self.ask_to_stop("fast"),
            Stop::Immediate => self.ask_to_stop("immediate"),
            Stop::Kill => {
                let id = self.process_id().expect("it runs");
                run(Command::new("kill").args(["-9", &id.to_string()]));
                let since = Instant::now();
                while is_alive(id) || fs::exists(format!("/proc/{id}")).unwrap_or(false) {
                    assert!(since.elapsed() < READY_IN, "PostgreSQL does not die");
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }

    /// Starts it again, on the same port.
    pub fn run(&self) {
        // Those of a killed one may be there for a moment yet, and it does not start beside them.
        let since = Instant::now();
        let started = || {
            let log = self.folder.join("log");
            let options = format!("-p {} -c listen_addresses=127.0.0.1", self.port);
            let mut start = self.control();
            start.arg("-l").arg(log).args(["-w", "-t", "30", "-o", &options, "start"]);
            // It must not hold what the test's output goes to.
            start.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("pg_ctl can be started").success()
        };
        while !started() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(since.elapsed() < READY_IN, "PostgreSQL does not start:\n{log}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn make(&self) {
        let data = self.data();
        let password = self.folder.join("password");
        fs::write(&password, PASSWORD).unwrap();
        if is_root() {
            run(Command::new("chown").args(["-R", "postgres"]).arg(&self.folder));
            run(Command::new("chmod").arg("0755").arg(&self.folder));
        }
        let mut init = as_postgres("initdb");
        init.args(["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--username", USER]);
        run(init.arg("--pwfile").arg(&password).arg("-D").arg(&data));
        // Room for the nodes of many tests; everything else is as it comes.
        let settings = format!("max_connections = 400\nunix_socket_directories = '{}'\n", self.folder.display());
        let file = data.join("postgresql.conf");
        let mut text = fs::read_to_string(&file).unwrap();
        text.push_str(&settings);
        fs::write(&file, text).unwrap();
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn control(&self) -> Command {
        let mut control = as_postgres("pg_ctl");
        control.arg("-D").arg(self.data());
        control
    }

    fn ask_to_stop(&self, mode: &str) {
        let _ = self.control().args(["-w", "-t", "30", "-m", mode, "stop"]).output();
    }

    fn process_id(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let id = text.lines().next()?.trim().parse().ok()?;
        is_alive(id).then_some(id)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self._own.is_some() {
            self.ask_to_stop("immediate");
        }
    }
}

/// Joins those who use the shared cluster, and starts it where it does not run. As long as somebody holds `users`, it is left alone.
fn join() -> (Postgres, File) {
    let mark = workspace_mark();
    let folder = env::temp_dir().join(format!("cikada-shared-postgres-{mark}"));
    fs::create_dir_all(&folder).expect("a folder for PostgreSQL");
    let open = |name: &str| File::create(folder.join(name)).expect("a lock file");
    let lock = open("lock");
    lock.lock().expect("a lock");
    let users = open("users");
    users.lock_shared().expect("a lock");
    let port_file = folder.join("port");
    let port = fs::read_to_string(&port_file).ok().and_then(|text| text.parse().ok());
    let running = port.map(|port| Postgres { folder: folder.join("cluster"), port, _own: None });
    if let Some(running) = running.filter(|running| running.process_id().is_some()) {
        return (running, users);
    }
    let postgres = Postgres { folder: folder.join("cluster"), port: free_port(), _own: None };
    let _ = fs::remove_dir_all(&postgres.folder);
    fs::create_dir_all(&postgres.folder).unwrap();
    postgres.make();
    postgres.run();
    fs::write(&port_file, postgres.port.to_string()).unwrap();
    // Ends it when nobody has used it for a while.
    let stop = postgres.control();
    let words = [stop.get_program()].into_iter().chain(stop.get_args()).map(|word| format!("'{}'", word.display()));
    let stop = words.collect::<Vec<_>>().join(" ");
    let script = format!(
        "cd '{}'; idle=0; while [ $idle -lt 3 ]; do sleep 5; if flock -n -x users true; then idle=$((idle + 1)); else idle=0; fi; done; \
         exec 9>lock; flock -x 9; flock -n -x users true && {stop} -m immediate stop && rm -rf cluster port",
        folder.display()
    );
    let mut watch = Command::new("setsid");
    watch.args(["--fork", "sh", "-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    watch.status().expect("setsid can be started");
    (postgres, users)
}

/// Tells work trees apart.
fn workspace_mark() -> u64 {
    let folder = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or_else(|| env::current_dir().ok());
    folder
        .and_then(|folder| fs::metadata(folder.ancestors().find(|up| up.join("Cargo.lock").exists())?).ok())
        .map_or(0, |data| data.ino())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// A program of the newest server that is installed.
fn program(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = match fs::read_dir("/usr/lib/postgresql") {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name))).collect(),
        Err(_) => Vec::new(),
    };
    versions.retain(|path| path.exists());
    versions
        .sort_by_key(|path| path.components().nth(4).and_then(|part| part.as_os_str().to_str()?.parse::<u32>().ok()));
    // Elsewhere it is on the path.
    versions.pop().unwrap_or_else(|| PathBuf::from(name))
}

fn as_postgres(name: &str) -> Command {
    if !is_root() {
        return Command::new(program(name));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program(name));
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|data| data.uid() == 0)
}

fn is_alive(id: u32) -> bool {
    // A zombie is not.
    let status = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat"));
    status.is_ok_and(|status| status.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
}

fn run(command: &mut Command) -> Output {
    let output =
        command.output().unwrap_or_else(|why| panic!("{command:?}: {why}; `scripts/test` installs what is missing"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
