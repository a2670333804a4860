//! Data from a device that uses the library, over HTTP and over CoAP: written, read, waited for and observed.

use std::time::Duration;

use cikada_tests::{Request, Server, fresh_name};
use device::activation::{Activation, Coap, Http, Origin};
use device::blocking::{Device, FileMemory, System, Tcp, Udp};
use device::board::Board;
use device::coap::{Call, Request as Ask, code};
use device::download::{BlockFetch, Download, Sizes, Stop, Target};
use device::http::Stamp;
use device::{Event, Identity, Machine, Pace};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const PACE: Pace = Pace { start_ms: 1, least_ms: 5, first_ms: 50, most_ms: 200, trust_ms: 60_000 };

/// Makes the dataports `temperature` and `interval` in a device's profile, as its owner does.
fn add_dataports(server: &Server, rid: &str) {
    let owner = &server.cast.owner.cik;
    let rpc = |calls: &str| {
        let body = format!("{{\"auth\":{{\"cik\":\"{owner}\",\"client_id\":\"{rid}\"}},\"calls\":[{calls}]}}");
        let request =
            Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json").body(body);
        let answer = server.call(&request).expect(200);
        serde_json::from_str::<serde_json::Value>(answer.text()).unwrap()
    };
    for (alias, format) in [("temperature", "float"), ("interval", "integer")] {
        let made = rpc(&format!(
            "{{\"id\":1,\"procedure\":\"create\",\"arguments\":[{{\"alias\":\"\"}},\"dataport\",{{\"format\":\"{format}\"}}]}}"
        ));
        let port = made[0]["result"].as_str().unwrap_or_else(|| panic!("no RID in {made}")).to_owned();
        let named =
            rpc(&format!("{{\"id\":1,\"procedure\":\"map\",\"arguments\":[\"alias\",\"{port}\",\"{alias}\"]}}"));
        assert_eq!(named[0]["status"], "ok", "{named}");
    }
}

fn memory(folder: &TempDir) -> FileMemory {
    FileMemory::open(folder.path()).unwrap()
}

fn world() -> System {
    System::default().for_at_most(Duration::from_secs(60))
}

#[test]
fn a_device_writes_reads_and_waits_over_http() {
    let server = Server::shared();
    let (vendor, model) = (server.vendor(), fresh_name("data"));
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["1"]);
    add_dataports(&server, &vendor.enable(&model, "1"));
    let (folder, address) = (tempfile::tempdir().unwrap(), server.address.to_string());
    let identity = Identity::new(&vendor.name, &model, "1").unwrap();
    let board = Board { link: Tcp::new(address.clone()), memory: memory(&folder), world: world() };
    let mut buffer = [0; Activation::<Http<'_>>::BUFFER];
    let mut device = Device::new(identity, &address, PACE, board, &mut buffer).unwrap();

    assert_eq!(device.read(&["temperature"]).unwrap(), []);
    device.write(&[("temperature", "21.50"), ("interval", "7"), ("nobody", "x")]).unwrap();
    let values = device.read(&["temperature", "interval", "nobody"]).unwrap();
    let text = |alias: &str, value: &str| (alias.to_owned(), value.to_owned());
    assert_eq!(values, [text("interval", "7"), text("temperature", "21.5")]);
    assert!(device.write(&[("interval", "soon")]).is_err());

    // Nobody writes: the wait ends empty. Then a value that is there already, later than `since`, comes at once.
    let mut since = Stamp::NONE;
    assert_eq!(device.wait("interval", &mut since, 50).unwrap(), None);
    let mut since = Stamp::new(b"1");
    assert_eq!(device.wait("interval", &mut since, 5_000).unwrap().as_deref(), Some("7"));
    assert!(!since.as_bytes().is_empty() && since != Stamp::new(b"1"));
    assert_eq!(device.wait("interval", &mut since, 50).unwrap(), None);
}

#[test]
fn a_device_does_all_of_it_over_coap() {
    let server = Server::shared();
    let (vendor, model) = (server.vendor(), &*fresh_name("coap"));
    vendor.add_model(model, &[]);
    vendor.add(model, &["00:1A 7"]);
    add_dataports(&server, &vendor.enable(model, "00:1A 7"));
    let image: Vec<u8> = (0..9_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    vendor.post(&format!("/manage/content/{model}/"), &[("id", "firmware_v2"), ("meta", "1.2, stable")]).expect(205);
    vendor.upload(model, "firmware_v2", "application/x-firmware", &image[..]);

    let folder = tempfile::tempdir().unwrap();
    let mut board = Board { link: Udp::new(server.coap().to_string()), memory: memory(&folder), world: world() };
    let mut buffer = [0; 1_024];
    let identity = Identity::new(&vendor.name, model, "00:1A 7").unwrap();
    let mut activation = Activation::new(identity, Coap::new(), PACE, &mut buffer);
    let ready = board.run(&mut activation, Event::Begin).unwrap().ok().unwrap();
    assert_eq!(ready.origin, Origin::Activated);
    let cik = ready.cik;

    let mut ask = |request| {
        let mut buffer = [0; 4_096];
        let mut call = Call::new(request, cik, &mut buffer);
        let reply = run(&mut board, &mut call).unwrap();
        (reply.code, String::from_utf8(call.body().to_vec()).unwrap())
    };
    assert_eq!(ask(Ask::Read { alias: "temperature" }), (code::CONTENT, String::new()));
    assert_eq!(ask(Ask::Write { alias: "temperature", value: "21.50" }).0, code::CHANGED);
    assert_eq!(ask(Ask::Read { alias: "temperature" }), (code::CONTENT, "21.5".to_owned()));
    assert_eq!(ask(Ask::Read { alias: "nobody" }).0, code::FORBIDDEN);
    assert_eq!(ask(Ask::List { vendor: &vendor.name, model }), (code::CONTENT, "firmware_v2\n".to_owned()));
    let (_, info) = ask(Ask::Info { vendor: &vendor.name, model, id: "firmware_v2" });
    assert!(info.starts_with("application/x-firmware,9000,") && info.contains("1.2, stable"), "{info}");
    assert!(ask(Ask::Time).1.parse::<u64>().is_ok());

    // Registered, then told of each new value.
    let mut buffer = [0; 1_200];
    let mut watch = Call::new(Ask::Observe { alias: "temperature" }, cik, &mut buffer);
    let mut told = Vec::new();
    for value in ["22.0", "23.0", ""] {
        assert_eq!(run(&mut board, &mut watch).unwrap().code, code::CONTENT);
        told.push(String::from_utf8(watch.body().to_vec()).unwrap());
        if !value.is_empty() {
            let write = Request::new("POST", "/onep:v1/stack/alias").header("X-Exosite-CIK", cik.as_str());
            server.call(&write.body(format!("temperature={value}"))).expect(204);
        }
    }
    assert_eq!(told, ["21.5", "22.0", "23.0"]);

    let digest: [u8; 32] = Sha256::digest(&image).into();
    let target = Target { vendor: &vendor.name, model, id: "firmware_v2", place: 0 };
    for (piece, promised, outcome) in
        [(1_024, Some(digest), Ok(9_000)), (64, Some(digest), Ok(9_000)), (1_024, None, Err(Stop::NoDigest))]
    {
        let path = folder.path().join(format!("slot-{piece}-{}", promised.is_some()));
        let mut file = device::blocking::FileImage::open(&path).unwrap();
        let sizes = Sizes { capacity: 10_000, piece, block: 256, checkpoint: 1_024 };
        let mut buffer = [0; 2_048];
        // Each on a memory of its own: progress of one must not help the next.
        let memory = FileMemory::open(folder.path().join(format!("memory-{piece}-{}", promised.is_some()))).unwrap();
        board.memory = memory;
        let mut machine = Download::new(target, cik, BlockFetch::new(), sizes, PACE, promised, &mut buffer);
        let got = board.run_with(&mut machine, Event::Begin, &mut file).unwrap();
        assert_eq!(got.map(|image| image.length), outcome);
        assert!(outcome.is_err() || std::fs::read(&path).unwrap() == image);
    }
}

fn run<M: Machine>(board: &mut Board<Udp, FileMemory, System>, machine: &mut M) -> M::Outcome {
    board.run(machine, Event::Begin).expect("it does not wait for ever")
}
