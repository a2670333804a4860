//! The examples do what they say, against a server in a thread.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

mod bench;

#[allow(dead_code, reason = "its main is not called here")]
#[path = "../examples/activate.rs"]
mod activate;
#[allow(dead_code, reason = "its main is not called here")]
#[path = "../examples/firmware_update.rs"]
mod firmware_update;
#[allow(dead_code, reason = "its main is not called here")]
#[path = "../examples/sensor.rs"]
mod sensor;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bench::server::{Act, serve, serve_datagrams};
use bench::{Answer, body, http, http_with};
use cikada_device::Identity;
use sha2::{Digest, Sha256};

const KEY: &str = "00112233445566778899aabbccddeeff00112233";

/// The contents of a model, by id, and what has been written.
#[derive(Default)]
struct Platform {
    contents: Vec<(String, String)>,
    written: Vec<String>,
}

fn platform(contents: &[(&str, &str)]) -> (SocketAddr, Arc<Mutex<Platform>>) {
    let contents = contents.iter().map(|(id, text)| (id.to_string(), text.to_string())).collect();
    let platform = Arc::new(Mutex::new(Platform { contents, written: Vec::new() }));
    let served = Arc::clone(&platform);
    let address = serve(move |request| match answer(request, &mut served.lock().unwrap()) {
        Answer::Bytes(bytes) => Act::Answer(bytes),
        _ => unreachable!("answers are bytes"),
    });
    (address, platform)
}

fn answer(request: &[u8], platform: &mut Platform) -> Answer {
    let text = String::from_utf8_lossy(request).into_owned();
    let target = text.split(' ').nth(1).unwrap().to_owned();
    match target.rsplit_once("&id=") {
        _ if target == "/provision/activate" => http("200 OK", KEY),
        _ if target == "/onep:v1/stack/alias" => {
            platform.written.push(body(request));
            http("204 No Content", "")
        }
        _ if target == "/onep:v1/stack/alias?interval" => {
            http_with("200 OK", "Last-Modified: Thu, 01 Jan 1970 00:00:01 GMT\r\n", b"interval=1")
        }
        None => http("200 OK", &platform.contents.iter().map(|(id, _)| format!("{id}\n")).collect::<String>()),
        Some((_, id)) => {
            let (_, content) = platform.contents.iter().find(|content| content.0 == id).unwrap();
            let digest: [u8; 32] = Sha256::digest(content).into();
            let range = text.lines().find_map(|line| line.strip_prefix("Range: bytes=")).unwrap();
            let (first, last) = range.split_once('-').unwrap();
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse::<usize>().unwrap());
            let last = last.min(content.len() - 1);
            let fields = format!(
                "ETag: \"{id}\"\r\nContent-Range: bytes {first}-{last}/{}\r\nRepr-Digest: sha-256=:{}:\r\n",
                content.len(),
                bench::base64(&digest)
            );
            http_with("206 Partial Content", &fields, &content.as_bytes()[first..=last])
        }
    }
}

#[test]
fn activate_gets_a_key_and_keeps_it() {
    let (address, _) = platform(&[]);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    assert_eq!(activate::run(&address.to_string(), "acme", "lamp", "1", folder).unwrap(), "Activated, key 0011…");
    assert_eq!(activate::run("127.0.0.1:1", "acme", "lamp", "1", folder).unwrap(), "Stored, key 0011…");
    assert!(activate::run("127.0.0.1:1", "ac me", "lamp", "1", folder).unwrap_err().contains("Vendor"));
}

#[test]
fn a_good_image_is_confirmed_and_a_bad_one_rolled_back() {
    let big = "x".repeat(50_000);
    let good = format!("firmware_v2\nworks\n{big}");
    let bad = format!("firmware_v3\nhangs\n{big}");
    let better = format!("firmware_v4\nworks\n{big}");
    let (address, platform) = platform(&[("firmware_v1", "firmware_v1\n"), ("firmware_v2", &good)]);
    let address = address.to_string();
    let folder = tempfile::tempdir().unwrap();
    let run = || firmware_update::run(&address, "acme", "lamp", "1", folder.path()).unwrap();
    assert_eq!(run(), "firmware_v2");
    platform.lock().unwrap().contents.push(("firmware_v3".to_owned(), bad));
    assert_eq!(run(), "firmware_v2");
    assert_eq!(run(), "firmware_v2", "what was rolled back is not tried again");
    platform.lock().unwrap().contents.push(("firmware_v4".to_owned(), better.clone()));
    assert_eq!(run(), "firmware_v4");
    let slots: Vec<_> = (0..2).map(|slot| std::fs::read(folder.path().join(format!("slot.{slot}"))).unwrap()).collect();
    assert!(slots.contains(&better.into_bytes()) && slots.contains(&good.into_bytes()));
}

#[test]
fn a_sensor_writes_over_http_and_over_coap() {
    let (address, platform) = platform(&[]);
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::new("acme", "lamp", "1").unwrap();
    let path = folder.path().join("http");
    assert_eq!(sensor::run(&format!("http://{address}"), identity, path.to_str().unwrap(), 3), Ok(3));
    assert_eq!(platform.lock().unwrap().written, ["temperature=20.0", "temperature=20.7", "temperature=21.4"]);

    let written = Arc::new(Mutex::new(Vec::new()));
    let served = Arc::clone(&written);
    let address = serve_datagrams(move |datagram| {
        use wire::coap::{Code, Draft, Kind, Message, number};
        let message = Message::decode(datagram).unwrap();
        let path: Vec<_> = message.values(number::URI_PATH).collect();
        let mut draft = Draft::new(Kind::Acknowledgement, Code::CONTENT, message.id, message.token);
        match (&path[..], message.code) {
            ([b"provision", ..], _) => draft.payload = KEY.as_bytes(),
            ([_, b"temperature"], Code::POST) => {
                draft.code = Code::CHANGED;
                served.lock().unwrap().push(String::from_utf8(message.payload.to_vec()).unwrap());
            }
            _ => draft.payload = b"1",
        }
        let mut bytes = Vec::new();
        draft.encode(&mut bytes).unwrap();
        vec![bytes]
    });
    let path = folder.path().join("coap");
    assert_eq!(sensor::run(&format!("coap://{address}"), identity, path.to_str().unwrap(), 3), Ok(3));
    assert_eq!(*written.lock().unwrap(), ["20.0", "20.7", "21.4"]);
}
