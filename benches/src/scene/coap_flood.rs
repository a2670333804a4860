//! A flood of datagrams from strangers, and the HTTP API beside it (threat T22, goal G10).

use std::time::{Duration, Instant};

use kit::flood::{Flood, requests_of_strangers};
use kit::{Connection, Request};

use crate::report::{Report, Row, duration, thousands};
use crate::server::Server;
use crate::settings::Settings;
use crate::vendor::Vendor;
use crate::{Outcome, failed};

const MODEL: &str = "bench-flood";
const PER_SECOND: u32 = 50_000;
const SOURCES: u16 = 256;
/// Between two requests of the probe.
const PACE: Duration = Duration::from_millis(5);

pub fn play(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let server = Server::start_with("", &["--coap", "127.0.0.1:0"])?;
    let Some(address) = server.coap else { return failed("the server does not speak CoAP") };
    let mut vendor = Vendor::new(&server)?;
    vendor.make_model(MODEL, &["autoenable"])?;
    vendor.register(MODEL, 0..1)?;
    let cik = vendor.activate(MODEL, 0)?;
    let path = format!("/provision/download?vendor={}&model={MODEL}", server.cast.vendor_name);
    let request = Request::get(&path).header("X-Exosite-CIK", &cik);
    let quiet = probe(&server, &request, settings.seconds(15))?;
    server.forget_peak()?;
    let memory = server.memory()?.resident;
    let flood = Flood::begin(address, PER_SECOND, SOURCES, requests_of_strangers());
    let flooded = probe(&server, &request, settings.seconds(60));
    let toll = flood.end();
    let (flooded, peak) = (flooded?, server.memory()?.peak);
    let (before, beside) = (latency(&quiet, 0.99), latency(&flooded, 0.99));
    let rate = toll.datagrams as f64 / toll.elapsed.as_secs_f64();
    report.add(Row {
        what: format!("HTTP beside {} datagrams of strangers a second, {}", thousands(rate), duration(toll.elapsed)),
        asked: "p99 under twice that without".into(),
        reached: format!("p99 {}, p50 {}", duration(beside), duration(latency(&flooded, 0.5))),
        limit: format!("without: p99 {}, p50 {}", duration(before), duration(latency(&quiet, 0.5))),
        held: Some(beside < 2 * before && rate > 0.95 * f64::from(PER_SECOND)),
    });
    report.add(Row {
        what: format!(
            "CoAP: {} of {} datagrams answered",
            thousands(toll.answers as f64),
            thousands(toll.datagrams as f64)
        ),
        asked: "at most 3 bytes for one, errors at most 1".into(),
        reached: format!(
            "{:.2} over all, {:.2} at most, errors {:.2}; memory grew by {} KiB",
            toll.answer_bytes as f64 / toll.bytes as f64,
            toll.worst_ratio,
            toll.worst_error_ratio,
            thousands((peak.saturating_sub(memory) >> 10) as f64)
        ),
        limit: String::new(),
        held: Some(toll.worst_ratio <= 3.0 && toll.worst_error_ratio <= 1.0 && toll.answers > 0),
    });
    Ok(())
}

/// Asks at a steady pace, whatever the answers take; the times, sorted.
fn probe(server: &Server, request: &Request, time: Duration) -> Outcome<Vec<Duration>> {
    let mut connection = Connection::open(server.address)?;
    let (begin, mut times, mut due) = (Instant::now(), Vec::new(), Duration::ZERO);
    while begin.elapsed() < time {
        // From when it should have been asked: a late answer makes the next ones late too.
        let answer = connection.ask(request)?;
        if answer.status != 200 {
            return failed(format!("the probe was answered {answer:?}"));
        }
        times.push(begin.elapsed().saturating_sub(due));
        due += PACE;
        std::thread::sleep(due.saturating_sub(begin.elapsed()));
    }
    times.sort_unstable();
    Ok(times)
}

fn latency(sorted: &[Duration], part: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}
