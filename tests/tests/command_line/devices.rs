//! `cikada device`

use cikada_tests::{Server, is_hex40};
use sha2::{Digest, Sha256};

use crate::terminal::{Terminal, names, text};

fn enabled(server: &Server) -> (Terminal<'_>, String) {
    let vendor = Terminal::of_vendor(server);
    let model = vendor.model();
    vendor.run(&format!("sn add {model} A1 A2"));
    vendor.run(&format!("sn enable {model} A1 --owner {}", server.cast.owner.rid));
    vendor.write("fw.bin", "firmware");
    vendor.run(&format!("content upload {model} fw-1 fw.bin --meta release"));
    (vendor, model)
}

#[test]
fn a_device_keeps_its_key_in_a_file_and_fetches_its_firmware() {
    let server = Server::shared();
    let (_vendor, model) = enabled(&server);
    let device = Terminal::of_nobody(&server);
    let who = format!("--vendor {} --model {model}", server.cast.vendor_name);
    let printed = device.run(&format!("device activate {who} --sn A1 --state a1.json"));
    let state: serde_json::Value = serde_json::from_slice(&std::fs::read(device.file("a1.json")).unwrap()).unwrap();
    let cik = state["cik"].as_str().unwrap();
    assert!(is_hex40(cik) && !printed.contains(cik), "the key goes to the file, not to the terminal");
    assert!(device.fails("device activate --state a1.json").contains("activated before"));
    assert!(device.fails("device activate --sn A2 --state a1.json").contains("is of"));

    assert_eq!(device.run("device list --state a1.json"), "fw-1\n");
    let info = device.json("device info fw-1 --state a1.json");
    assert_eq!((&info["size"], &info["meta"]), (&8.into(), &"release".into()));
    device.run("device download fw-1 --state a1.json");
    assert_eq!(std::fs::read(device.file("fw-1")).unwrap(), b"firmware");
    assert_eq!(names(&device.file(".")), ["a1.json", "fw-1"]);
    assert!(device.fails("device download nothing --state a1.json").contains("404"));

    let holder = Terminal::of_holder(&server, cik);
    assert_eq!(holder.run(&format!("device list {who}")), "fw-1\n");
    assert!(holder.fails("device list").contains("which device"));
    let stranger = Terminal::of_holder(&server, "00112233445566778899aabbccddeeff00112233");
    assert!(stranger.fails(&format!("device list {who}")).contains("401"));
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_nonce_of_the_file() {
    let server = Server::shared();
    let (_vendor, model) = enabled(&server);
    let device = Terminal::of_nobody(&server);
    let activate =
        format!("device activate --vendor {} --model {model} --sn A1 --state a1.json", server.cast.vendor_name);
    device.run(&activate);
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(device.file("a1.json")).unwrap()).unwrap();
    let cik = state["cik"].clone();
    // As if the answer had been lost: the nonce is in the file, the key is not.
    state.as_object_mut().unwrap().remove("cik");
    device.write("a1.json", state.to_string());
    device.run("device activate --state a1.json");
    let state: serde_json::Value = serde_json::from_slice(&std::fs::read(device.file("a1.json")).unwrap()).unwrap();
    assert_eq!(state["cik"], cik);
}

#[test]
fn a_device_that_is_refused_says_what_may_be_wrong() {
    let server = Server::shared();
    let (_vendor, model) = enabled(&server);
    let device = Terminal::of_nobody(&server);
    let name = &server.cast.vendor_name;
    for (words, why) in [
        (format!("device activate --vendor {name} --model {model} --sn A2"), "409"),
        (format!("device activate --vendor {name} --model {model} --sn nobody"), "404"),
        (format!("device activate --vendor {name} --model {model} --sn A1 --nonce short"), "400"),
        (format!("device activate --vendor {name} --model {model}"), "which device"),
        ("device list --state missing.json".to_owned(), "does not exist"),
    ] {
        assert!(device.fails(&words).contains(why), "{words}");
    }
    let printed = device.try_run(&format!("device activate --vendor {name} --model {model} --sn A1"));
    assert!(is_hex40(text(&printed.stdout).trim()), "without a file the key is printed");
}

#[test]
fn a_device_does_the_same_over_coap() {
    let server = Server::shared();
    let (vendor, model) = enabled(&server);
    let device = Terminal::of_nobody(&server);
    let link = format!("--server coap://{}", server.coap());
    let who = format!("--vendor {} --model {model}", server.cast.vendor_name);
    device.run(&format!("device activate {link} {who} --sn A1 --state a1.json"));
    let state: serde_json::Value = serde_json::from_slice(&std::fs::read(device.file("a1.json")).unwrap()).unwrap();
    assert!(is_hex40(state["cik"].as_str().unwrap()));
    assert!(device.fails(&format!("device activate {link} {who} --sn A2")).contains("4.04"));
    assert_eq!(device.run(&format!("device list {link} --state a1.json")), "fw-1\n");
    let info = device.json(&format!("device info fw-1 {link} --state a1.json"));
    assert_eq!((&info["size"], &info["meta"]), (&8.into(), &"release".into()));
    assert!(device.fails(&format!("device download nothing {link} --state a1.json")).contains("4.04"));
    assert!(device.fails("device list --server coaps://127.0.0.1 --state a1.json").contains("DTLS"));

    // A longer one, cut in the middle; and then replaced while half of it was there.
    let image: Vec<u8> = (0..10_000_u32).map(|n| (n * 7) as u8).collect();
    vendor.write("fw.bin", &image);
    vendor.run(&format!("content upload {model} fw-2 fw.bin"));
    let download = format!("device download fw-2 fw-2.bin {link} --state a1.json");
    device.run(&download);
    assert_eq!(std::fs::read(device.file("fw-2.bin")).unwrap(), image);
    let tag: String = Sha256::digest(&image)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    for (tag, resumed_at) in [(tag.as_str(), 4096), ("0011223344556677", 0)] {
        device.write("fw-2.bin.part", [&image[..5000]].concat());
        device.write("fw-2.bin.part.etag", format!("\"{tag}\""));
        let fetched = device.json(&download);
        assert_eq!(fetched["resumed_at"], resumed_at);
        assert_eq!(std::fs::read(device.file("fw-2.bin")).unwrap(), image);
    }
    let stranger = Terminal::of_holder(&server, "00112233445566778899aabbccddeeff00112233");
    assert!(stranger.fails(&format!("device list {link} {who}")).contains("4.01"));
}
