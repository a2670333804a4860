//! The blocking board on real sockets and files.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod bench;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bench::server::{Act, serve, serve_datagrams};
use bench::{body, field};
use cikada_device::activation::{Activation, Origin, Stop};
use cikada_device::blocking::{Device, FileImage, FileMemory, System, Tcp, Trouble, Udp};
use cikada_device::board::{Board, Link, Received};
use cikada_device::coap::{Call, Request, code};
use cikada_device::download::{self, Sizes};
use cikada_device::http::{Failure, Stamp};
use cikada_device::{Cik, Event, Identity, Pace};

const PACE: Pace = Pace { start_ms: 5, least_ms: 1, first_ms: 10, most_ms: 50, trust_ms: 1_000 };
const KEYS: [&str; 2] = ["00112233445566778899aabbccddeeff00112233", "ffffffffffffffffffffffffffffffffffffffff"];
/// SHA-256 of `firmware image`, as the header writes it.
const DIGEST: &str = "sha-256=:HfLzhT0QowWqUtNv1KA/VyHXzn2u9vfl6NUQdNMTYfE=:";

fn answer(status: &str, fields: &str, body: &str) -> Act {
    Act::Answer(format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

/// A small platform: one serial number, one content, the aliases `a` and `b`. The key is the one of that number.
fn platform(request: &[u8], key: &AtomicUsize) -> Act {
    let key = KEYS[key.load(Ordering::SeqCst)];
    let text = String::from_utf8_lossy(request).into_owned();
    let target = text.split(' ').nth(1).unwrap().to_owned();
    if target == "/provision/activate" {
        assert!(field(&body(request), "nonce").is_some());
        return answer("200 OK", "Content-Type: text/plain\r\n", key);
    }
    if !text.contains(&format!("\r\nX-Exosite-CIK: {key}\r\n")) {
        return answer("401 Unauthorized", "", "no\n");
    }
    match &target[..] {
        "/onep:v1/stack/alias" => {
            assert_eq!(body(request), "a=1&b=x%20y");
            Act::Answer(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())
        }
        "/onep:v1/stack/alias?a&b" => answer("200 OK", "", "b=x+y&a=1"),
        "/onep:v1/stack/alias?none" => Act::Close(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec()),
        "/onep:v1/stack/alias?a" if text.contains("If-Modified-Since: Thu") => {
            Act::Answer(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec())
        }
        "/onep:v1/stack/alias?a" => answer("200 OK", "Last-Modified: Thu, 01 Jan 1970 00:00:09 GMT\r\n", "a=2"),
        "/provision/download?vendor=acme&model=lamp" => {
            let many: String = (0..500).map(|n| format!("firmware_v{n}\n")).collect();
            answer("200 OK", "", &many)
        }
        "/provision/download?vendor=acme&model=lamp&id=firmware_v499&info=true" => {
            answer("200 OK", "", "application/octet-stream,14,1700000000,\"1.2, stable\"\n")
        }
        "/provision/download?vendor=acme&model=lamp&id=firmware_v499" => {
            let fields = format!("ETag: \"x\"\r\nRepr-Digest: {DIGEST}\r\n");
            answer("200 OK", &fields, "firmware image")
        }
        _ => answer("404 Not Found", "", "no\n"),
    }
}

fn world() -> System {
    System::default().for_at_most(Duration::from_secs(20))
}

#[test]
fn a_device_does_everything_and_gets_a_new_key_when_its_own_is_dead() {
    let key = Arc::new(AtomicUsize::new(0));
    let server = Arc::clone(&key);
    let address = serve(move |request| platform(request, &server)).to_string();
    let folder = tempfile::tempdir().unwrap();
    let memory = FileMemory::open(folder.path()).unwrap();
    let mut buffer = [0; 1536];
    let identity = Identity::new("acme", "lamp", "1").unwrap();
    let board = Board { link: Tcp::new(address.clone()), memory: memory.clone(), world: world() };
    let mut device = Device::new(identity, &address, PACE, board, &mut buffer).unwrap();

    assert_eq!(device.activate().unwrap().origin, Origin::Activated);
    device.write(&[("a", "1"), ("b", "x y")]).unwrap();
    let values = device.read(&["a", "b"]).unwrap();
    assert_eq!(values, [("b".to_owned(), "x y".to_owned()), ("a".to_owned(), "1".to_owned())]);
    assert_eq!(device.read(&["none"]).unwrap(), []);
    let mut since = Stamp::NONE;
    assert_eq!(device.wait("a", &mut since, 10).unwrap().as_deref(), Some("2"));
    assert_eq!(device.wait("a", &mut since, 10).unwrap(), None);
    assert_eq!(device.list().unwrap().len(), 500);
    assert_eq!(device.find_newer("firmware_v9").unwrap().as_deref(), Some("firmware_v499"));
    assert_eq!(device.find_newer("firmware_v499").unwrap(), None);
    assert_eq!(
        device.info("firmware_v499", |info| (info.size, info.meta.to_owned())).unwrap(),
        (14, "1.2, stable".into())
    );
    assert_eq!(device.info("other", |_| ()).unwrap_err(), Trouble::Refused(404));

    key.store(1, Ordering::SeqCst);
    device.write(&[("a", "1"), ("b", "x y")]).unwrap();
    assert_eq!(device.activate().unwrap().cik.as_str(), KEYS[1]);

    key.store(0, Ordering::SeqCst);
    let path = folder.path().join("slot");
    let mut image = FileImage::open(&path).unwrap();
    let sizes = Sizes { capacity: 1_000, piece: 1_000, block: 4, checkpoint: 8 };
    let got = device.download("firmware_v499", 0, sizes, None, &mut image).unwrap();
    assert_eq!((got.length, &std::fs::read(&path).unwrap()[..]), (14, &b"firmware image"[..]));
    let sizes = Sizes { capacity: 13, ..sizes };
    let stop = device.download("firmware_v499", 1, sizes, None, &mut image).unwrap_err();
    assert_eq!(stop, Trouble::NoImage(download::Stop::TooLarge));

    // After a reboot the key is there, and nobody is asked.
    let board = Board { link: Tcp::new("127.0.0.1:1"), memory, world: world() };
    let mut buffer = [0; 1536];
    let mut device = Device::new(identity, &address, PACE, board, &mut buffer).unwrap();
    let ready = device.activate().unwrap();
    assert_eq!((ready.cik.as_str(), ready.origin), (KEYS[0], Origin::Stored));
    assert_eq!(device.read(&["a"]).unwrap_err(), Trouble::NoAnswer(Failure::NoAnswer));
}

#[test]
fn a_device_that_gives_up_waiting_can_be_asked_again() {
    let enabled = Arc::new(AtomicUsize::new(0));
    let server = Arc::clone(&enabled);
    let address = serve(move |_| match server.load(Ordering::SeqCst) {
        0 => answer("409 Conflict", "", "not enabled\n"),
        1 => answer("200 OK", "", KEYS[0]),
        _ => answer("404 Not Found", "", "unknown\n"),
    })
    .to_string();
    let folder = tempfile::tempdir().unwrap();
    let mut buffer = [0; 1536];
    let identity = Identity::new("acme", "lamp", "1").unwrap();
    let memory = FileMemory::open(folder.path()).unwrap();
    let impatient = System::default().for_at_most(Duration::from_millis(100));
    let board = Board { link: Tcp::new(address.clone()), memory, world: impatient };
    let mut device = Device::new(identity, &address, PACE, board, &mut buffer).unwrap();
    assert_eq!(device.activate().err(), Some(Trouble::GaveUp));
    enabled.store(1, Ordering::SeqCst);
    device.board.world = world();
    assert_eq!(device.activate().unwrap().origin, Origin::Activated);

    let folder = tempfile::tempdir().unwrap();
    let board =
        Board { link: Tcp::new(address.clone()), memory: FileMemory::open(folder.path()).unwrap(), world: world() };
    let mut buffer = [0; 1536];
    enabled.store(2, Ordering::SeqCst);
    let mut device = Device::new(identity, &address, PACE, board, &mut buffer).unwrap();
    assert_eq!(device.activate().err(), Some(Trouble::NoKey(Stop::Unknown)));
}

#[test]
fn coap_goes_over_a_udp_socket() {
    let values = Mutex::new(Vec::new());
    let address = serve_datagrams(move |datagram| {
        use wire::coap::{Code, Draft, Kind, Message};
        let message = Message::decode(datagram).unwrap();
        let mut values = values.lock().unwrap();
        // The first copy of every request is lost.
        if values.last() != Some(&message.id) {
            values.push(message.id);
            return Vec::new();
        }
        let mut draft = Draft::new(Kind::Acknowledgement, Code::CONTENT, message.id, message.token);
        draft.payload = b"1700000000";
        let mut bytes = Vec::new();
        draft.encode(&mut bytes).unwrap();
        vec![Vec::new(), b"\x60".to_vec(), bytes]
    })
    .to_string();
    let folder = tempfile::tempdir().unwrap();
    let memory = FileMemory::open(folder.path()).unwrap();
    let mut board = Board { link: Udp::new(address), memory, world: world() };
    let mut buffer = [0; 1200];
    let mut call = Call::new(Request::Time, Cik::parse(KEYS[0].as_bytes()).unwrap(), &mut buffer);
    assert_eq!(board.run(&mut call, Event::Begin).unwrap().unwrap().code, code::CONTENT);
    assert_eq!(call.body(), b"1700000000");
}

#[test]
fn a_link_says_what_happened() {
    let address = serve(|_| Act::Close(b"bye".to_vec())).to_string();
    let mut link = Tcp::new(address);
    assert!(!link.is_connected());
    assert_eq!(link.receive(&mut [0; 8], 10), Received::Closed);
    link.connect().unwrap();
    assert_eq!(link.receive(&mut [0; 8], 10), Received::Nothing);
    link.send(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut into = [0; 8];
    assert_eq!(link.receive(&mut into, 5_000), Received::Bytes(3));
    assert_eq!(link.receive(&mut into, 5_000), Received::Closed);
    link.disconnect();
    assert!(link.send(b"x").is_err());
    assert!(Tcp::new("127.0.0.1:1").connect().is_err());
    assert!(Tcp::new("no port").connect().is_err());
}

#[cfg(feature = "tls")]
mod tls {
    use std::sync::Arc;

    use cikada_device::blocking::{BadRoots, Tls};
    use cikada_device::board::Link;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::bench::server::serve_wrapped;
    use super::*;

    const AUTHORITY: &[u8] = include_bytes!("tls/authority.pem");

    fn serve_tls() -> u16 {
        let chain = vec![CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let config = Arc::new(config);
        let wrap = move |stream| Some(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).ok()?, stream));
        serve_wrapped(wrap, |_| answer("200 OK", "", KEYS[0])).port()
    }

    #[test]
    fn a_device_activates_inside_tls_with_its_own_authority() {
        let address = format!("localhost:{}", serve_tls());
        let folder = tempfile::tempdir().unwrap();
        let link = Tls::with_roots(&address[..], AUTHORITY).unwrap();
        let mut board = Board { link, memory: FileMemory::open(folder.path()).unwrap(), world: world() };
        let mut buffer = [0; 1536];
        let identity = Identity::new("acme", "lamp", "1").unwrap();
        let http = cikada_device::activation::Http::new(&address).unwrap();
        let mut machine = Activation::new(identity, http, PACE, &mut buffer);
        let ready = board.run(&mut machine, Event::Begin).unwrap().ok().unwrap();
        assert_eq!(ready.cik.as_str(), KEYS[0]);
    }

    #[test]
    fn a_server_of_another_authority_or_name_is_not_spoken_to() {
        let port = serve_tls();
        assert!(Tls::new(format!("localhost:{port}")).unwrap().connect().is_err());
        assert!(Tls::with_roots(format!("127.0.0.1:{port}"), AUTHORITY).unwrap().connect().is_err());
        assert!(Tls::with_roots(format!("localhost:{port}"), AUTHORITY).unwrap().connect().is_ok());
        assert_eq!(Tls::with_roots("localhost:1", b"").err(), Some(BadRoots));
        assert_eq!(
            Tls::with_roots("localhost:1", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n").err(),
            Some(BadRoots)
        );
    }
}
