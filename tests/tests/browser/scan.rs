//! The camera: a label that `cikada sn label` made, held before it, adds the device.

use std::fs;
use std::path::Path;
use std::process::Command;

use cikada_tests::chromium::Chromium;
use cikada_tests::{Server, cikada};

use crate::stage::{MODEL, join, stage};

#[test]
fn a_label_is_read_by_the_camera_and_fills_the_form() {
    let (server, links) = stage(1);
    server.vendor().add(MODEL, &["TH-0001"]);
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("label.y4m");
    fs::write(&film, film_of(&label(&server, folder.path()))).unwrap();
    let browser = Chromium::start_with(&[
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        &format!("--use-file-for-fake-video-capture={}", film.display()),
    ]);
    let page = join(&browser, &server, &links[0], "mia@example.org");
    page.open("/portal/add");
    page.click("button", "Scan the label");
    page.see("Read: TH-0001");
    assert_eq!(page.evaluate("document.querySelector('#sn').value"), "TH-0001");
    assert_eq!(page.evaluate("document.activeElement.textContent"), "Add it");
    page.press("Enter");
    page.see("Now switch your device on");
}

#[test]
fn a_photo_of_a_label_does_where_there_is_no_camera() {
    let (server, links) = stage(1);
    server.vendor().add(MODEL, &["TH-0001"]);
    let folder = tempfile::tempdir().unwrap();
    label(&server, folder.path());
    let browser = Chromium::start();
    let page = join(&browser, &server, &links[0], "mia@example.org");
    page.open("/portal/add");
    page.click("button", "Scan the label");
    page.see("Or take a photo of it");
    page.attach("dialog input[type=file]", &folder.path().join("label.png"));
    page.see("Read: TH-0001");
}

/// What the command line makes of a serial number, as a picture.
fn label(server: &Server, folder: &Path) -> Vec<u8> {
    let file = folder.join("label.png");
    let mut command = Command::new(cikada());
    command.args(["sn", "label", MODEL, "TH-0001", "--png", "--base-url", "https://devices.example.com", "--output"]);
    let said = command.arg(&file).arg("--vendor").arg(&server.cast.vendor_name).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    fs::read(file).unwrap()
}

/// A film of one picture: its rows are stored as they are, one bit a pixel, so no decoder is needed.
fn film_of(png: &[u8]) -> Vec<u8> {
    const FRAME: usize = 640;
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
    let side = number(16);
    let data_length = number(33);
    assert_eq!(&png[37..41], b"IDAT");
    // Behind the two bytes of zlib: blocks of five bytes and at most 65,535 of data.
    let (mut rest, mut rows) = (&png[43..41 + data_length - 4], Vec::new());
    while !rest.is_empty() {
        let length = usize::from(u16::from_le_bytes([rest[1], rest[2]]));
        rows.extend_from_slice(&rest[5..5 + length]);
        rest = &rest[5 + length..];
    }
    let stride = side.div_ceil(8) + 1;
    let is_light = |x: usize, y: usize| rows[y * stride + 1 + x / 8] & (0x80 >> (x % 8)) != 0;
    let mut film = format!("YUV4MPEG2 W{FRAME} H{FRAME} F10:1 Ip A1:1 C420jpeg\n").into_bytes();
    for _ in 0..2 {
        film.extend(b"FRAME\n");
        for y in 0..FRAME {
            film.extend((0..FRAME).map(|x| if is_light(x * side / FRAME, y * side / FRAME) { 235 } else { 16 }));
        }
        film.extend(std::iter::repeat_n(128, FRAME * FRAME / 2));
    }
    film
}
