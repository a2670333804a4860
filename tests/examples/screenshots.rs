//! Takes the pictures of the manual: `scripts/screenshots`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a broken expectation ends it")]

use std::path::Path;

use cikada_tests::chromium::{Chromium, Page, Scheme};
use serde_json::json;

#[path = "../tests/browser/stage.rs"]
#[allow(dead_code, reason = "the suites use the rest")]
mod stage;

use stage::{MODEL, add, call, join, stage, write};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/img");
    let (server, links) = stage(1);
    let vendor = server.vendor();
    let numbers = ["TH-004711", "TH-004712", "TH-004713", "TH-004714"];
    vendor.add(MODEL, &numbers);
    let browser = Chromium::start();
    let page = join(&browser, &server, &links[0], "mia@example.org");
    let mut rids = Vec::new();
    for (sn, name) in numbers.into_iter().zip(["Living room", "Cellar", "Greenhouse", "Garage"]) {
        let rid = add(&page, sn);
        page.click_on("#m-name > summary");
        page.fill("Name", name);
        page.click("button", "Save the name");
        page.see("Saved.");
        rids.push(rid);
    }
    let now = server.now();
    for (place, sn) in numbers.iter().enumerate().take(3) {
        let cik = server.device(MODEL, sn).activate_ok();
        let degrees = |at: i64| {
            let hour = at as f64 / 3600.0;
            let day = (hour / 24.0 * std::f64::consts::TAU).sin() * 1.8;
            ((20.5 - 4.0 * place as f64 + day + 0.25 * (hour * 1.7).sin() + 0.1 * (hour * 9.1).cos()) * 100.0).round()
                / 100.0
        };
        let points: Vec<_> = (1..=288).map(|n| json!([now - n * 600, degrees(now - n * 600)])).collect();
        call(&server, &cik, "record", &json!([{"alias": "temperature"}, points, {}]));
        write(&server, &cik, &[("temperature", &degrees(now).to_string()), ("target", "21"), ("message", "heating")]);
    }
    vendor.disable(MODEL, numbers[2]).expect(205);

    page.viewport(1100, 720);
    page.open("/portal/devices");
    page.see("heating");
    shoot(&page, &folder, "devices", false);
    page.open(&format!("/portal/devices/{}", rids[0]));
    page.wait_for("document.querySelectorAll('figure canvas').length >= 1");
    page.viewport(1100, 980);
    shoot(&page, &folder, "device", false);
    page.scheme(Scheme::Dark);
    page.viewport(390, 780);
    page.open(&format!("/portal/devices/{}", rids[3]));
    page.see("Now switch your device on");
    shoot(&page, &folder, "waiting", false);
    println!("wrote {}", folder.display());
}

fn shoot(page: &Page<'_>, folder: &Path, name: &str, whole: bool) {
    // What moves is caught where it rests.
    page.evaluate("new Promise((done) => setTimeout(done, 600))");
    page.screenshot(&folder.join(format!("{name}.png")), whole);
}
