//! A server over a store in a folder of its own, clients with dataports in it, and connections that see bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use blob::{BlobStore, Bounds};
use cikada_api::common::app::App;
use cikada_api::http::{Listener, Options};
use domain::Settings;
use domain::caller::{self, Caller, Credential, Right};
use domain::resource::{self, Description, Named, plant_client};
use model::{Limits, Result, SecretKey};
use serde_json::{Map, Value, json};
use store::table::alias;
use store::table::resource::{Format, Kind, find, find_by_rid};
use store::{Clock, MasterKey, Store, Tx};
use tokio::sync::oneshot;

pub struct World {
    pub app: Arc<App>,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
    _folder: tempfile::TempDir,
}

/// A client that was made, and its key.
#[derive(Clone)]
pub struct Device {
    pub id: i64,
    pub cik: String,
    pub owner_cik: String,
}

impl World {
    pub fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let options = store::Options::new(folder.path().join("db"));
        let master = MasterKey::from_bytes([7; 32]);
        Store::create(&options, &master).unwrap();
        let store = Store::open(options, &master, Clock::system(), |why| panic!("{why}")).unwrap();
        let blobs = BlobStore::in_memory(Bounds::default());
        let app = Arc::new(App::new(store, blobs, Settings::default(), Default::default()));
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, (stop, stopped), site) = (listener.address(), oneshot::channel(), app.clone());
        let options = Options { workers: Some(2), drain: Duration::from_secs(5), ..Options::default() };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(listener.serve(site, options, async {
                let _ = stopped.await;
            }))
        });
        World { app, address, stop: Some(stop), thread: Some(thread), _folder: folder }
    }

    /// Runs a rule that writes, as another part of the server would.
    pub fn write<T: Send + 'static>(&self, rule: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static) -> T {
        block_on(self.app.store.write(rule)).unwrap()
    }

    pub fn now(&self) -> i64 {
        self.app.store.clock().now()
    }

    /// A client with a key that works.
    pub fn device(&self) -> Device {
        self.write(|tx| {
            let limits = json!({"client": "inherit", "dataport": "inherit"});
            let describe = |name: &str| {
                let given = fields(json!({"name": name, "limits": limits}));
                Description::new(Kind::Client, given, &Limits::default())
            };
            let owner = plant_client(tx, None, &describe("owner")?, None)?;
            let made = plant_client(tx, Some(owner.id), &describe("device")?, None)?;
            Ok(Device { id: made.id, cik: made.cik.expose_hex(), owner_cik: owner.cik.expose_hex() })
        })
    }

    /// A device with one dataport of each format, named by it.
    pub fn furnished(&self) -> Device {
        let device = self.device();
        for (name, format) in [("integer", Format::Integer), ("float", Format::Float), ("string", Format::String)] {
            self.dataport(&device, name, format);
        }
        device
    }

    pub fn dataport(&self, device: &Device, name: &'static str, format: Format) -> i64 {
        let format = match format {
            Format::Integer => "integer",
            Format::Float => "float",
            Format::String => "string",
        };
        self.dataport_of(device, name, json!({"name": name, "format": format}))
    }

    /// A dataport with that description, and an alias.
    pub fn dataport_of(&self, device: &Device, name: &'static str, description: serde_json::Value) -> i64 {
        let (client_id, cik) = (device.id, device.cik.clone());
        self.write(move |tx| {
            let caller = calling(tx, &cik)?;
            let client = caller.client_within(tx, Right::Create, &Named::Itself)?;
            let given = fields(description.clone());
            let rid = resource::create(tx, &Limits::default(), &caller, &client, Kind::Dataport, given)?;
            let id = find_by_rid(tx, rid)?.unwrap().id;
            assert!(alias::insert(tx, client_id, name, id)?);
            Ok(id)
        })
    }

    pub fn connect(&self) -> Peer {
        let tcp = TcpStream::connect(self.address).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        tcp.set_nodelay(true).unwrap();
        Peer { tcp, rest: Vec::new() }
    }

    /// One request on a connection of its own.
    pub fn ask(&self, request: impl AsRef<[u8]>) -> Answered {
        let mut peer = self.connect();
        peer.send(request);
        peer.answer()
    }

    /// Begins an orderly stop.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.begin_stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(std::thread::panicking() || matches!(ended, Ok(Ok(()))), "the listener ended badly: {ended:?}");
        }
    }
}

impl Device {
    /// A GET with this device's key and more header lines.
    pub fn get(&self, path: &str, lines: &[&str]) -> String {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Exosite-CIK: {}\r\n{lines}\r\n", self.cik)
    }

    /// Its owner drops it, or one of its resources.
    pub fn dropped_by_owner(&self, tx: &mut Tx<'_>, id: i64) -> Result<()> {
        let owner = calling(tx, &self.owner_cik)?;
        let rid = find(tx, id)?.unwrap().rid;
        let dropped = owner.controlled(tx, Right::Drop, &Named::Rid(rid))?;
        resource::drop(tx, &owner, &dropped)
    }

    pub fn post(&self, path: &str, body: &str) -> String {
        let (cik, length) = (&self.cik, body.len());
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nX-Exosite-CIK: {cik}\r\nContent-Length: {length}\r\n\r\n{body}")
    }
}

fn calling(tx: &mut Tx<'_>, cik: &str) -> Result<Caller> {
    caller::calling(tx, &Credential::from_cik(cik))
}

fn fields(object: Value) -> Map<String, Value> {
    object.as_object().cloned().unwrap_or_default()
}

pub const ALIAS: &str = "/onep:v1/stack/alias";
pub const RECORD: &str = "/onep:v1/stack/record";

/// One connection to the server.
pub struct Peer {
    pub tcp: TcpStream,
    rest: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub struct Answered {
    pub head: String,
    pub body: String,
}

impl Peer {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.tcp.write_all(bytes.as_ref()).unwrap();
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answered {
        let end = loop {
            if let Some(end) = self.rest.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read_on();
        };
        let head = String::from_utf8(self.rest.drain(..end).collect()).unwrap();
        let length =
            head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or(0, |n| n.parse().unwrap());
        while self.rest.len() < length {
            self.read_on();
        }
        let body = String::from_utf8(self.rest.drain(..length).collect()).unwrap();
        Answered { head, body }
    }

    /// Makes sure that nothing comes for so long.
    pub fn stays_silent(&mut self, duration: Duration) {
        self.tcp.set_read_timeout(Some(duration)).unwrap();
        let read = self.tcp.read(&mut [0; 1]);
        assert!(read.is_err(), "something came: {read:?}");
        self.tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    }

    fn read_on(&mut self) {
        let mut bytes = [0; 64 << 10];
        let read = self.tcp.read(&mut bytes).unwrap();
        assert_ne!(read, 0, "the connection ended in {:?}", String::from_utf8_lossy(&self.rest));
        self.rest.extend_from_slice(&bytes[..read]);
    }
}

impl Answered {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Waits until something is so.
pub fn until(mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(10), "it did not come to that");
        std::thread::sleep(Duration::from_millis(5));
    }
}
