//! One model with content, and an activated device that lists and downloads it.

use std::time::Duration;

use super::{Target, figures, in_turns, repeat};
use crate::Outcome;
use crate::baseline::bare::{Answers, Bare};
use crate::baseline::nginx::Nginx;
use crate::load::{Answer, Measured};
use crate::process::Watched;
use crate::report::{Report, Row, mib};
use crate::server::Server;
use crate::settings::Settings;
use crate::vendor::Vendor;

const MODEL: &str = "bench-content";
const SMALL: usize = 1 << 10;
const BIG: usize = 64 << 20;
const HUGE: usize = 1 << 30;
const CONNECTIONS: usize = 64;
const TURNS: usize = 3;
/// Resident memory may differ by this much from one big download to the next: allocators and stacks of threads.
const SLACK: u64 = 8 << 20;

pub fn play(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let server = Server::start()?;
    let mut vendor = Vendor::new(&server)?;
    vendor.make_model(MODEL, &["autoenable"])?;
    vendor.register(MODEL, 0..1)?;
    let device = vendor.activate(MODEL, 0)?;
    vendor.upload(MODEL, "small", &bytes(SMALL))?;
    let download = |query: &str| {
        let vendor = &server.cast.vendor_name;
        let path = format!("/provision/download?vendor={vendor}&model={MODEL}{query}");
        format!("GET {path} HTTP/1.1\r\nHost: bench\r\nX-Exosite-CIK: {device}\r\n\r\n").into_bytes()
    };
    let measure = settings.seconds(5);
    let (address, watched) = (server.address, server.watched());
    let ours = |connections| Target { address, server: watched.clone(), connections, measure };
    for (row, what, query) in [("list", "content list", ""), ("info", "content info", "&id=small&info=true")] {
        if settings.wants(row) {
            beside_hyper(report, what, &ours(CONNECTIONS), &download(query))?;
        }
    }
    if settings.wants("small-download") {
        small(report, &ours(CONNECTIONS), &download("&id=small"))?;
    }
    if settings.wants("big-download") {
        vendor.upload(MODEL, "big", &bytes(BIG))?;
        big(report, &ours(1), &download("&id=big"))?;
        memory(report, &server, &ours(4), &mut vendor, [&download("&id=big"), &download("&id=huge")])?;
    }
    Ok(())
}

fn beside_hyper(report: &mut Report, what: &str, target: &Target, request: &[u8]) -> Outcome<()> {
    let bare = Bare::start(Answers::Key)?;
    let bare_target = Target { address: bare.address, server: Watched::Here, ..target.clone() };
    let (ours, theirs) = in_turns(
        TURNS,
        Measured::rate,
        || repeat(target.clone(), request, &|answer| answer.status == 200),
        || repeat(bare_target.clone(), b"GET /bare HTTP/1.1\r\nHost: bench\r\n\r\n", &|answer| answer.length == 40),
    )?;
    let ratio = ours.rate() / theirs.rate();
    report.add(Row {
        what: format!("authenticated {what}, {CONNECTIONS} connections"),
        asked: "0.6 of bare hyper".into(),
        reached: format!("{ratio:.2}: {}", figures(&ours)),
        limit: format!("hyper: {}", figures(&theirs)),
        held: Some(ratio >= 0.6),
    });
    Ok(())
}

fn small(report: &mut Report, target: &Target, request: &[u8]) -> Outcome<()> {
    let expected = bytes(SMALL);
    let nginx = Nginx::start()?;
    nginx.put("small", &expected)?;
    let good = |answer: &Answer<'_>| answer.status == 200 && answer.body == expected;
    let nginx_target = Target { address: nginx.address, server: nginx.watched()?, ..target.clone() };
    let (ours, theirs) = in_turns(
        TURNS,
        Measured::rate,
        || repeat(target.clone(), request, &good),
        || repeat(nginx_target.clone(), b"GET /small HTTP/1.1\r\nHost: bench\r\n\r\n", &good),
    )?;
    let ratio = ours.rate() / theirs.rate();
    report.add(Row {
        what: format!("1 KiB download, {CONNECTIONS} connections"),
        asked: "0.9 of nginx".into(),
        reached: format!("{ratio:.2}: {}", figures(&ours)),
        limit: format!("nginx: {}", figures(&theirs)),
        held: Some(ratio >= 0.9),
    });
    Ok(())
}

fn big(report: &mut Report, target: &Target, request: &[u8]) -> Outcome<()> {
    let nginx = Nginx::start()?;
    nginx.put("big", &bytes(BIG))?;
    let good = |answer: &Answer<'_>| answer.status == 200 && answer.length == BIG as u64;
    let nginx_target = Target { address: nginx.address, server: nginx.watched()?, ..target.clone() };
    let (ours, theirs) = in_turns(
        TURNS + 2,
        Measured::gigabytes_a_second,
        || repeat(target.clone(), request, &good),
        || repeat(nginx_target.clone(), b"GET /big HTTP/1.1\r\nHost: bench\r\n\r\n", &good),
    )?;
    let ratio = ours.gigabytes_a_second() / theirs.gigabytes_a_second();
    report.add(Row {
        what: "64 MiB download, one connection".into(),
        asked: "0.9 of nginx with sendfile".into(),
        reached: format!("{ratio:.2}: {}", big_figures(&ours)),
        limit: format!("nginx: {}", big_figures(&theirs)),
        held: Some(ratio >= 0.9),
    });
    Ok(())
}

/// The most memory that is resident while 64 MiB, and then 1 GiB, go up and down.
fn memory(
    report: &mut Report,
    server: &Server,
    target: &Target,
    vendor: &mut Vendor<'_>,
    [big, huge]: [&[u8]; 2],
) -> Outcome<()> {
    let peak_of = |request: &[u8], length: usize| -> Outcome<u64> {
        server.forget_peak()?;
        let target = Target { measure: Duration::from_secs(3), ..target.clone() };
        repeat(target, request, &|answer| answer.status == 200 && answer.length == length as u64)?;
        Ok(server.memory()?.peak)
    };
    let with_big = peak_of(big, BIG)?;
    server.forget_peak()?;
    vendor.upload(MODEL, "huge", &bytes(HUGE))?;
    let uploading = server.memory()?.peak;
    let with_huge = peak_of(huge, HUGE)?;
    let most = with_huge.max(uploading);
    report.add(Row {
        what: "resident at most while 1 GiB goes up, then down 4 times at once".into(),
        asked: "as with 64 MiB".into(),
        reached: format!("{} up, {} down", mib(uploading), mib(with_huge)),
        limit: format!("64 MiB down: {}", mib(with_big)),
        held: Some(most <= with_big + SLACK),
    });
    Ok(())
}

pub(super) fn big_figures(measured: &Measured) -> String {
    let cpu_a_gigabyte = measured.server_cpu.as_secs_f64() / (measured.body_bytes as f64 / 1e9);
    format!("{:.2} GB/s, {cpu_a_gigabyte:.2} s CPU/GB", measured.gigabytes_a_second())
}

/// Bytes that no file system or network could make fewer.
pub(super) fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut words = Vec::with_capacity(length + 8);
    while words.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words.extend_from_slice(&state.to_le_bytes());
    }
    words.truncate(length);
    words
}
