//! Secrets at rest and in logs: no key, token or nonce stands in clear in any file of the data folder or in what the server says.

use std::fs;
use std::path::Path;

use cikada_tests::{Server, fresh_name};

#[test]
fn no_secret_is_written_in_clear() {
    let mut server = Server::start();
    let vendor = server.vendor();
    let model = fresh_name("secrets");
    vendor.add_model(&model, &[("options[]", "graceretry")]);
    let nonce = "a-nonce-that-nobody-should-see";
    vendor.add(&model, &["A1", "A2"]);
    vendor.enable(&model, "A1");
    vendor.enable(&model, "A2");
    let token = vendor.post("/admin/auth/", &[("id", "canary")]).expect(200).text().to_owned();
    let device = server.device(&model, "A1");
    let used = device.activate_with(&[("nonce", nonce)]).expect(200).text().to_owned();
    device.list(&used).expect(200);
    let old = server.device(&model, "A2");
    let (first, second) = (old.activate_ok(), old.activate_ok());
    old.list(&first).expect(401);
    vendor.re_enable(&model, "A1").expect(205);
    let cast = &server.cast;
    let secrets = [
        ("a replaced CIK", used),
        ("a dead CIK", first),
        ("a CIK", second),
        ("a token", token),
        ("the first token", cast.vendor_token.clone()),
        ("the vendor's CIK", cast.vendor.cik.clone()),
        ("the owner's CIK", cast.owner.cik.clone()),
        ("root's CIK", cast.root.cik.clone()),
        ("a nonce", nonce.to_owned()),
    ];
    let look = |server: &Server| {
        let mut files = Vec::new();
        read_all(&server.data(), &mut files);
        assert!(!files.is_empty());
        for (name, bytes) in files {
            for (what, secret) in &secrets {
                let raw = unhex(secret).unwrap_or_else(|| secret.clone().into_bytes());
                let found = holds(&bytes, secret.as_bytes()) || holds(&bytes, &raw);
                assert!(!found, "{what} stands in {name}");
            }
        }
        for (what, secret) in &secrets {
            assert!(!server.errors().contains(secret.as_str()), "{what} stands in the log");
        }
    };
    look(&server);
    assert!(server.stop().success());
    look(&server);
}

fn read_all(folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => read_all(&path, files),
            false => files.push((path.display().to_string(), fs::read(&path).unwrap_or_default())),
        }
    }
}

fn holds(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(digit).collect()
}
