//! A hundred thousand devices that write and read by alias, and a series of a million points (contract, data.md, rpc.md).

use std::cell::RefCell;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Target, figures, in_turns, repeat};
use crate::baseline::bare::{Answers, Bare};
use crate::load::{Answer, Load, Measured};
use crate::process::Watched;
use crate::report::{Report, Row, duration, thousands};
use crate::rpc::Rpc;
use crate::server::Server;
use crate::settings::Settings;
use crate::vendor::{Vendor, scattered, serial_number};
use crate::{Outcome, failed};

const MODEL: &str = "bench-data";
const CONNECTIONS: usize = 64;
const TURNS: usize = 3;
/// Calls in one request of the row that writes by RPC.
const CALLS: usize = 100;
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

pub fn play(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let server = Server::start()?;
    if settings.wants_any(&["alias-read", "alias-write", "rpc-write"]) {
        let devices = Devices::activate(settings, &server, settings.count(100_000))?;
        // The first use of a key is written down too: that is over before anything is measured.
        devices.write(devices.ciks.len() as u64, Duration::MAX)?;
        if settings.wants("alias-write") {
            alias_write(report, &devices.write(u64::MAX, settings.seconds(10))?);
        }
        if settings.wants("alias-read") {
            alias_read(settings, report, &devices)?;
        }
        if settings.wants("rpc-write") {
            rpc_write(settings, report, &devices)?;
        }
    }
    if settings.wants("rpc-read") {
        rpc_read(settings, report, &server)?;
    }
    if settings.wants("clone") {
        clone(report, &server)?;
    }
    Ok(())
}

/// Activated devices of an open model, each with a dataport under the alias `t`.
pub(super) struct Devices<'a> {
    settings: &'a Settings,
    server: &'a Server,
    ciks: Vec<String>,
}

impl<'a> Devices<'a> {
    pub(super) fn activate(settings: &'a Settings, server: &'a Server, count: u64) -> Outcome<Devices<'a>> {
        let mut rpc = Rpc::open(server)?;
        rpc.make_dataport(&server.cast.template.rid, "float", "t")?;
        let mut vendor = Vendor::new(server)?;
        vendor.make_model(MODEL, &["autoenable"])?;
        vendor.register(MODEL, 0..count)?;
        let (ciks, mut places) = (RefCell::new(Vec::new()), 0..count);
        let mut next = |out: &mut Vec<u8>| {
            let Some(place) = places.next() else { return false };
            let number = serial_number(scattered(place, count));
            let body = format!("vendor={}&model={MODEL}&sn={number}", server.cast.vendor_name);
            out.extend_from_slice(post("/provision/activate", "", &body).as_bytes());
            true
        };
        let keep = |answer: &Answer<'_>| {
            ciks.borrow_mut().push(String::from_utf8_lossy(answer.body).into_owned());
            answer.status == 200 && answer.length == 40
        };
        load(server, Duration::ZERO, Duration::MAX, &mut next, &keep)?;
        Ok(Devices { settings, server, ciks: ciks.into_inner() })
    }

    /// Lets one device after the other write a value.
    pub(super) fn write(&self, count: u64, measure: Duration) -> Outcome<Measured> {
        let mut places = 0..count;
        let mut next = |out: &mut Vec<u8>| {
            let Some(place) = places.next() else { return false };
            let body = format!("t={}.5", place % 100);
            out.extend_from_slice(post("/onep:v1/stack/alias", self.cik(place), &body).as_bytes());
            true
        };
        let warm_up = self.settings.seconds(1);
        load(self.server, warm_up, measure, &mut next, &|answer| answer.status == 204)
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.ciks.len() as u64
    }

    pub(super) fn read(&self) -> Outcome<Measured> {
        let mut place = 0;
        let mut next = |out: &mut Vec<u8>| {
            place += 1;
            let (path, cik) = ("/onep:v1/stack/alias?t", self.cik(place));
            out.extend_from_slice(format!("GET {path} HTTP/1.1\r\nHost: b\r\nX-Exosite-CIK: {cik}\r\n\r\n").as_bytes());
            true
        };
        let measure = self.settings.seconds(5);
        let good = |answer: &Answer<'_>| answer.status == 200 && answer.body.starts_with(b"t=");
        load(self.server, measure / 5, measure, &mut next, &good)
    }

    fn cik(&self, place: u64) -> &str {
        &self.ciks[scattered(place, self.ciks.len() as u64) as usize]
    }
}

fn alias_write(report: &mut Report, written: &Measured) {
    report.add(Row {
        what: format!("alias write, durable, {CONNECTIONS} connections"),
        asked: "12,000/s".into(),
        reached: figures(written),
        limit: String::new(),
        held: Some(written.rate() >= 12_000.0),
    });
}

fn alias_read(settings: &Settings, report: &mut Report, devices: &Devices<'_>) -> Outcome<()> {
    let bare = Bare::start(Answers::Key)?;
    let measure = settings.seconds(5);
    let target = Target { address: bare.address, server: Watched::Here, connections: CONNECTIONS, measure };
    let request = b"GET /bare HTTP/1.1\r\nHost: bench\r\n\r\n";
    let theirs = || repeat(target.clone(), request, &|answer| answer.length == 40);
    let (ours, theirs) = in_turns(TURNS, Measured::rate, || devices.read(), theirs)?;
    let ratio = ours.rate() / theirs.rate();
    report.add(Row {
        what: format!("alias read, {} devices, {CONNECTIONS} connections", thousands(devices.ciks.len() as f64)),
        asked: "0.6 of bare hyper".into(),
        reached: format!("{ratio:.2}: {}", figures(&ours)),
        limit: format!("hyper: {}", figures(&theirs)),
        held: Some(ratio >= 0.6),
    });
    Ok(())
}

fn rpc_write(settings: &Settings, report: &mut Report, devices: &Devices<'_>) -> Outcome<()> {
    let call = |id: usize| json!({"id": id, "procedure": "write", "arguments": [{"alias": "t"}, id]});
    let calls = Value::from_iter((0..CALLS).map(call)).to_string();
    let mut place = 0;
    let mut next = |out: &mut Vec<u8>| {
        place += 1;
        let body = format!("{{\"auth\":{{\"cik\":\"{}\"}},\"calls\":{calls}}}", devices.cik(place));
        out.extend_from_slice(Rpc::request(&body).as_bytes());
        true
    };
    let measure = settings.seconds(10);
    let good = |answer: &Answer<'_>| memchr::memmem::find_iter(answer.body, b"\"ok\"").count() == CALLS;
    let measured = load(devices.server, measure / 5, measure, &mut next, &good)?;
    let points = measured.rate() * CALLS as f64;
    report.add(Row {
        what: format!("RPC with {CALLS} writes, {CONNECTIONS} connections"),
        asked: "40,000 points a second".into(),
        reached: format!("{} points/s, p99 {}", thousands(points), duration(measured.latency(0.99))),
        limit: String::new(),
        held: Some(points >= 40_000.0),
    });
    Ok(())
}

fn rpc_read(settings: &Settings, report: &mut Report, server: &Server) -> Outcome<()> {
    const AT_ONCE: u64 = 20_000;
    let (mut rpc, count) = (Rpc::open(server)?, settings.count(1_000_000));
    let series = rpc.make_dataport(&server.cast.owner.rid, "integer", "series")?;
    let first = 1_600_000_000;
    for from in (0..count).step_by(AT_ONCE as usize) {
        let points: Vec<_> = (from..count.min(from + AT_ONCE)).map(|at| json!([first + at, at])).collect();
        rpc.call(json!(null), "recordbatch", json!([series, points]))?;
    }
    let mut worst = Duration::ZERO;
    let mut sum = Duration::ZERO;
    const ROUNDS: u32 = 200;
    for round in 0..u64::from(ROUNDS) {
        let start = first + scattered(round, count - 1_000);
        let window = json!({"starttime": start, "endtime": start + 999, "limit": 1_000, "sort": "asc"});
        let begin = Instant::now();
        let points = rpc.call(json!(null), "read", json!([series, window]))?;
        let took = begin.elapsed();
        if points.as_array().is_none_or(|points| points.len() != 1_000 || points[0][0] != json!(start)) {
            return failed("a read did not give its 1,000 points");
        }
        worst = worst.max(took);
        sum += took;
    }
    report.add(Row {
        what: format!("RPC read of 1,000 points of {}", thousands(count as f64)),
        asked: "under 3 ms".into(),
        reached: format!("{} on average, {} at most", duration(sum / ROUNDS), duration(worst)),
        limit: String::new(),
        held: Some(sum / ROUNDS < Duration::from_millis(3)),
    });
    Ok(())
}

fn clone(report: &mut Report, server: &Server) -> Outcome<()> {
    const ROUNDS: u32 = 50;
    let mut rpc = Rpc::open(server)?;
    let limits = json!({"client": "inherit", "dataport": "inherit"});
    let original = rpc.call(json!(null), "create", json!([{"alias": ""}, "client", {"limits": limits}]))?;
    let original = original.as_str().ok_or("create gave no RID")?.to_owned();
    for number in 0..100 {
        rpc.make_dataport(&original, "integer", &format!("p{number}"))?;
    }
    let (mut worst, mut sum) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        rpc.call(json!(null), "create", json!([{"alias": ""}, "clone", {"rid": original}]))?;
        worst = worst.max(begin.elapsed());
        sum += begin.elapsed();
    }
    report.add(Row {
        what: "clone of a client with 100 resources".into(),
        asked: "under 10 ms".into(),
        reached: format!("{} on average, {} at most", duration(sum / ROUNDS), duration(worst)),
        limit: String::new(),
        held: Some(sum / ROUNDS < Duration::from_millis(10)),
    });
    Ok(())
}

/// A POST of a form, with a key where there is one.
fn post(path: &str, cik: &str, body: &str) -> String {
    let key = if cik.is_empty() { String::new() } else { format!("X-Exosite-CIK: {cik}\r\n") };
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: bench\r\n{key}{FORM}Content-Length: {length}\r\n\r\n{body}")
}

fn load(
    server: &Server,
    warm_up: Duration,
    measure: Duration,
    next: &mut dyn FnMut(&mut Vec<u8>) -> bool,
    good: &dyn Fn(&Answer<'_>) -> bool,
) -> Outcome<Measured> {
    let (address, connections, server) = (server.address, CONNECTIONS, server.watched());
    Load { address, connections, warm_up, measure, server, next, good }.run()
}
