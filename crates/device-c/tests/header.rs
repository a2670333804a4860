//! The header that is checked in is the one that the sources give.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a broken expectation ends the test")]

use std::path::Path;

/// Run with `CIKADA_WRITE_HEADER=1` to write it: `scripts/device-header` does.
#[test]
fn the_header_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).unwrap();
    // Files one by one: then neither cargo nor the dependencies are asked.
    let sources = ["action", "activation", "download", "call", "coap_call", "content", "boot"];
    let builder = sources.iter().fold(cbindgen::Builder::new().with_config(config), |builder, name| {
        builder.with_src(folder.join("src").join(name).with_extension("rs"))
    });
    let mut header = Vec::new();
    builder.generate().expect("the sources make a header").write(&mut header);
    let header = String::from_utf8(header).unwrap();
    let path = folder.join("include/cikada_device.h");
    if std::env::var_os("CIKADA_WRITE_HEADER").is_some() {
        std::fs::write(&path, &header).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == header, "include/cikada_device.h is out of date: run scripts/device-header");
}
