//! Whole requests into a whole server: the listeners, the router, the rules and a store, in this process.
//!
//! In the input, [`KEY`] stands for the key of an activated device and [`VENDOR`] for that of its vendor.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use api::common::app::App;
use blob::BlobStore;
use domain::Settings;
use model::{Cik, Limits, SecretKey as _, VendorName};
use store::{Clock, MasterKey, Store};
use wire::coap::{Code, Kind, Message};

use crate::seen::{magnitude, seen};

/// Stands for the device's key.
const KEY: &[u8] = b"feedfacefeedfacefeedfacefeedfacefeedface";
/// Stands for the vendor's key.
const VENDOR: &[u8] = b"deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
/// A request may wait (a long poll, a batch); nobody waits for it longer than this.
const PATIENCE: Duration = Duration::from_millis(100);
/// A ping is answered at once, and on a busy machine a little later.
const PING_PATIENCE: Duration = Duration::from_secs(20);
/// More than all answers to one input together may be: many small requests in a row, or one long list.
const ANSWERS_BYTES: usize = 4 << 20;

struct Whole {
    http: SocketAddr,
    coap: SocketAddr,
    device: String,
    vendor: String,
    /// Keeps the runtime of the listeners.
    _folder: tempfile::TempDir,
}

/// The server, which lives as long as the process.
fn server() -> &'static Whole {
    static SERVER: OnceLock<Whole> = OnceLock::new();
    SERVER.get_or_init(start)
}

fn start() -> Whole {
    let folder = tempfile::Builder::new().prefix("cikada-hostile-").tempdir().expect("a temporary folder");
    let options = store::Options::new(folder.path().join("db"));
    let master = MasterKey::from_bytes([7; 32]);
    Store::create(&options, &master).expect("a store");
    let store = Store::open(options, &master, Clock::system(), |why| panic!("{why}")).expect("the store");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let name = VendorName::parse("acme", &Limits::default()).expect("a name");
    let founded = runtime.block_on(store.write(move |tx| domain::found::found(tx, &name))).expect("a vendor");
    let blobs = BlobStore::in_memory(blob::Bounds::default());
    let app = Arc::new(App::new(store, blobs, Settings::default(), Default::default()));
    let http = api::http::Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    let coap_options = api::coap::Options { workers: Some(1), ..api::coap::Options::default() };
    let coap = api::coap::Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), &coap_options).expect("a port");
    let (http_address, coap_address) = (http.address(), coap.address());
    std::thread::spawn(move || {
        let patience = api::http::Patience { head: Duration::from_secs(2), ..api::http::Patience::default() };
        let options = api::http::Options { workers: Some(1), patience, ..api::http::Options::default() };
        let site = Arc::clone(&app);
        let served = runtime.block_on(async {
            tokio::try_join!(http.serve(site, options, std::future::pending()), coap.serve(app, coap_options))
        });
        panic!("a listener ended: {served:?}");
    });
    let vendor = founded.vendor.cik.expose_hex();
    let device = furnish(http_address, &vendor, &founded.template.rid.to_string(), &founded.owner.rid.to_string());
    Whole { http: http_address, coap: coap_address, device, vendor, _folder: folder }
}

/// A model with content and a range, and an activated device with a dataport; its key.
fn furnish(http: SocketAddr, vendor: &str, template: &str, owner: &str) -> String {
    let ask = |method: &str, path: &str, kind: &str, body: &str, status: &str| {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Exosite-CIK: {vendor}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let answer = talk(http, request.as_bytes(), Duration::from_secs(20));
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{method} {path}: {answer}");
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    };
    let form = "application/x-www-form-urlencoded";
    ask("POST", "/provision/manage/model/", form, &format!("model=m&rid={template}"), "205");
    ask("POST", "/provision/manage/model/m/", "text/csv", "A1,x\nA2,y\n", "205");
    ask("POST", "/provision/manage/model/m/A1", form, &format!("enable=true&owner={owner}"), "200");
    ask("POST", "/provision/manage/content/m/fw", "application/octet-stream", &"firmware".repeat(500), "205");
    let device = ask("POST", "/provision/activate", form, "vendor=acme&model=m&sn=A1", "200");
    let client = format!(
        r#"{{"auth":{{"cik":"{device}"}},"calls":[{{"id":1,"procedure":"create","arguments":["dataport",{{"format":"string","name":"t"}}]}}]}}"#
    );
    let made = ask("POST", "/onep:v1/rpc/process", "application/json", &client, "200");
    let rid = made.split('"').find(|part| part.len() == 40).expect("a RID");
    let map = format!(
        r#"{{"auth":{{"cik":"{device}"}},"calls":[{{"id":1,"procedure":"map","arguments":["alias","{rid}","t"]}}]}}"#
    );
    ask("POST", "/onep:v1/rpc/process", "application/json", &map, "200");
    assert!(Cik::parse(&device).is_some(), "{device}");
    device
}

/// The input with the true keys in it.
fn with_keys(bytes: &[u8], server: &Whole) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (stand_in, key) in [(KEY, &server.device), (VENDOR, &server.vendor)] {
        let places: Vec<usize> =
            bytes.windows(KEY.len()).enumerate().filter(|(_, piece)| *piece == stand_in).map(|(at, _)| at).collect();
        places.into_iter().for_each(|at| bytes[at..at + KEY.len()].copy_from_slice(key.as_bytes()));
    }
    bytes
}

/// Loopback addresses in turn, so that the ports of one do not run out, nor its budget of failed tries.
fn fresh_address() -> Ipv4Addr {
    thread_local!(static NEXT: Cell<u16> = const { Cell::new(1) });
    let [high, low] = NEXT.replace(NEXT.get().wrapping_add(1)).to_be_bytes();
    Ipv4Addr::new(127, high.max(1), low, 7)
}

fn talk(to: SocketAddr, bytes: &[u8], patience: Duration) -> Vec<u8> {
    let mut stream = connect(to);
    stream.set_read_timeout(Some(patience)).expect("a positive time");
    // The server may have refused already.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let (mut answers, mut piece, begin) = (Vec::new(), vec![0; 64 << 10], Instant::now());
    while begin.elapsed() < patience {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answers.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(_) => break,
        }
        assert!(answers.len() <= ANSWERS_BYTES, "answers without an end");
    }
    answers
}

fn connect(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).expect("the server listens")
}

/// The bytes of one connection.
pub fn http(bytes: &[u8]) -> u64 {
    let server = server();
    let answers = talk(server.http, &with_keys(bytes, server), PATIENCE);
    let mut rest = &answers[..];
    let mut statuses = Vec::new();
    while !rest.is_empty() {
        let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else { break };
        let head = std::str::from_utf8(&rest[..end]).expect("a head is text");
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|line| line.get(..3)).expect("a status line");
        assert!(status != "500" && status != "501" && status != "502", "a fault of the server: {head}");
        let lengths: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix("Content-Length: ")).collect();
        assert!(lengths.len() <= 1, "two lengths: {head}");
        assert!(!head.contains('\n') || !head.replace("\r\n", "").contains(['\r', '\n']), "a bare line end: {head:?}");
        statuses.push(status.to_owned());
        let length = lengths.first().map_or(0, |length| length.parse::<usize>().expect("a length"));
        rest = &rest[end + 4..];
        // A HEAD has the length and not the body: what follows is the next head or nothing.
        let is_next_head = rest.starts_with(b"HTTP/1.1 ");
        rest = if is_next_head { rest } else { rest.get(length..).unwrap_or_default() };
    }
    assert!(statuses.len() <= bytes.len() / 9 + 1, "more answers than requests");
    statuses.truncate(3);
    seen((statuses, magnitude(answers.len())))
}

/// Datagrams, each behind its length.
pub fn coap(bytes: &[u8]) -> u64 {
    let server = server();
    let socket = UdpSocket::bind((fresh_address(), 0)).expect("a port");
    socket.connect(server.coap).expect("an address");
    let bytes = with_keys(bytes, server);
    let knows_a_key = [&server.device, &server.vendor].iter().any(|key| contains(&bytes, key.as_bytes()));
    let (mut rest, mut came) = (&bytes[..], 4);
    while let [length, after @ ..] = rest {
        let (datagram, after) = after.split_at(usize::from(*length).min(after.len()));
        socket.send(datagram).expect("loopback takes it");
        came += datagram.len();
        rest = after;
    }
    // Datagrams are worked on in order: what the ping brings back comes after what came before it.
    let ping = [0x40, 0, 0xff, 0xfe];
    socket.send(&ping).expect("loopback takes it");
    let (mut went, mut codes, begin) = (0, Vec::new(), Instant::now());
    let mut buffer = [0; 2048];
    loop {
        let left = PING_PATIENCE.checked_sub(begin.elapsed()).filter(|left| !left.is_zero());
        socket.set_read_timeout(Some(left.expect("a ping is answered"))).expect("a positive time");
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        let message = Message::decode(&buffer[..length]).expect("what comes back is in form");
        went += length;
        assert!(message.code != Code::INTERNAL_SERVER_ERROR, "a fault of the server");
        assert!(!message.code.is_request());
        codes.push(message.code);
        if message.kind == Kind::Reset && message.id == 0xfffe {
            break;
        }
    }
    assert!(knows_a_key || went <= 3 * came, "{went} bytes for {came} to a stranger");
    codes.truncate(4);
    seen((codes, magnitude(went)))
}

fn contains(bytes: &[u8], piece: &[u8]) -> bool {
    bytes.windows(piece.len()).any(|window| window == piece)
}
