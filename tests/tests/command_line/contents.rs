//! `cikada content`

use cikada_tests::Server;

use crate::terminal::{Terminal, names};

#[test]
fn a_file_goes_up_and_comes_down_again() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    vendor.write("fw.bin", &bytes);
    let sent = vendor.json(&format!("content upload {model} fw-1 fw.bin --meta first"));
    assert_eq!((&sent["bytes"], &sent["sent"]), (&3_000_000.into(), &true.into()));
    let again = vendor.json(&format!("content upload {model} fw-1 fw.bin"));
    assert_eq!(again["sent"], false, "what is there is not sent again");
    assert_eq!(vendor.json(&format!("content upload {model} fw-1 fw.bin --type image/x-fw"))["sent"], true);

    let shown = vendor.json(&format!("content show {model} fw-1"));
    assert_eq!((&shown["size"], &shown["meta"]), (&3_000_000.into(), &"first".into()));
    assert_eq!((&shown["type"], &shown["protected"]), (&"image/x-fw".into(), &false.into()));
    let got = vendor.json(&format!("content download {model} fw-1 copy.bin"));
    assert_eq!((&got["sha256"], &got["checked"]), (&sent["sha256"], &true.into()));
    assert_eq!(std::fs::read(vendor.file("copy.bin")).unwrap(), bytes);

    // A part of an earlier run, with the tag of the content it is a part of, is gone on with; one of something else is not.
    let head = format!("HEAD /provision/manage/content/{model}/fw-1?download=true");
    let tag = server.vendor().call("HEAD", &head[15..]).header("etag").unwrap().to_owned();
    vendor.write("part.bin.part", &bytes[..1_000_000]);
    vendor.write("part.bin.part.etag", &tag);
    let resumed = vendor.json(&format!("content download {model} fw-1 part.bin"));
    assert_eq!(resumed["resumed_at"], 1_000_000);
    vendor.write("part.bin.part", &bytes[5..1_000_000]);
    vendor.write("part.bin.part.etag", "\"something-else\"");
    vendor.run(&format!("content download {model} fw-1 part.bin"));
    assert_eq!(std::fs::read(vendor.file("part.bin")).unwrap(), bytes);
    assert_eq!(names(&vendor.file(".")), ["copy.bin", "fw.bin", "part.bin"]);

    vendor.run(&format!("content delete {model} fw-1"));
    assert!(vendor.fails(&format!("content show {model} fw-1")).contains("404"));
}

#[test]
fn an_empty_file_and_an_odd_name_are_as_good_as_any() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    vendor.write("empty", "");
    vendor.run(&format!("content upload {model} .. empty"));
    vendor.run(&format!("content upload {model} é:%#?&+ empty"));
    assert_eq!(vendor.run(&format!("content list {model}")), "..\né:%#?&+\n");
    assert_eq!(vendor.json(&format!("content download {model} é:%#?&+ got"))["bytes"], 0);
    assert!(vendor.fails(&format!("content download {model} ..")).contains("cannot be a file's name"));
    vendor.run(&format!("content delete {model} .."));
}

#[test]
fn what_cannot_be_sent_or_fetched_says_why() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let model = vendor.model();
    vendor.write("fw.bin", "firmware");
    vendor.run(&format!("content create {model} later --protected"));
    vendor.run(&format!("sn add {model} A1"));
    for (words, why) in [
        (format!("content upload {model} x missing.bin"), "missing.bin"),
        (format!("content upload {model} x ."), "not a file"),
        ("content upload nothing x fw.bin".to_owned(), "40"),
        (format!("content upload {model} later fw.bin --meta new"), "409"),
        (format!("content upload {model} x fw.bin --type nonsense"), "400"),
        (format!("content create {model} later"), "409"),
        (format!("content show {model} nothing"), "404"),
        (format!("content download {model} nothing"), "404"),
        (format!("content list {model} --sn nobody"), "400"),
        ("content list nothing".to_owned(), "400"),
        (format!("content delete {model} nothing"), "404"),
        (format!("content download {model} later --sn A1"), "403"),
        (format!("content download {model} later ."), "is a folder"),
    ] {
        assert!(vendor.fails(&words).contains(why), "{words}");
    }
    assert_eq!(names(&vendor.file(".")), ["fw.bin"], "a refused download leaves no file");
}
