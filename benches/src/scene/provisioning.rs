//! A model with a million serial numbers, then ten: registered, enabled, activated, started with.

use std::ops::Range;
use std::time::Duration;

use crate::baseline::disk::fsync_time;
use crate::baseline::store_alone::StoreAlone;
use crate::load::{Answer, Load, Measured};
use crate::report::{Report, Row, duration, mib, thousands};
use crate::scene::figures;
use crate::server::Server;
use crate::settings::Settings;
use crate::vendor::{Vendor, scattered, serial_number};
use crate::{Outcome, failed};

const MODEL: &str = "bench-device";
const OPEN_MODEL: &str = "bench-open";
const CONNECTIONS: usize = 64;

pub fn play(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let server = Server::start()?;
    let mut vendor = Vendor::new(&server)?;
    vendor.make_model(MODEL, &[])?;
    vendor.make_model(OPEN_MODEL, &["autoenable"])?;
    drop(vendor);
    let mut scene = Scene { settings, server };
    let million = settings.count(1_000_000);
    scene.register_a_million(report, million)?;
    let mut rate = None;
    if settings.wants_any(&["activation", "activation-10m"]) {
        rate = Some(scene.activate(report, 0..million, None)?);
        scene.activate_open(report)?;
    }
    if settings.wants("activation-alone") {
        scene.activate_alone(report, million)?;
    }
    if settings.wants_any(&["activation-10m", "start"]) {
        Vendor::new(&scene.server)?.register(MODEL, million..10 * million)?;
    }
    if settings.wants("activation-10m") {
        scene.activate(report, million..10 * million, rate)?;
    }
    if settings.wants("start") {
        scene.start(report, 10 * million)?;
    }
    Ok(())
}

pub(super) struct Scene<'a> {
    pub(super) settings: &'a Settings,
    pub(super) server: Server,
}

impl Scene<'_> {
    fn register_a_million(&mut self, report: &mut Report, count: u64) -> Outcome<()> {
        self.server.stop();
        let empty = self.server.database_bytes()?;
        self.server.resume()?;
        let before = self.server.memory()?.resident;
        let took = Vendor::new(&self.server)?.register(MODEL, 0..count)?;
        let peak = self.server.memory()?.peak;
        self.server.stop();
        let each = self.server.database_bytes()?.saturating_sub(empty) as f64 / count as f64;
        self.server.resume()?;
        report.add(Row {
            what: format!("{} serial numbers by CSV", thousands(count as f64)),
            asked: "5 s a million".into(),
            reached: format!("{}, resident at most {}", duration(took), mib(peak)),
            limit: format!("resident before: {}", mib(before)),
            held: Some(took.as_secs_f64() <= 5.0 * count as f64 / 1e6),
        });
        report.add(Row {
            what: "database for each unused number".into(),
            asked: "at most 80 bytes".into(),
            reached: format!("{each:.1} bytes"),
            limit: String::new(),
            held: Some(each <= 80.0),
        });
        Ok(())
    }

    /// Enables some of these numbers, here and there, and lets 64 connections activate them. `before` is the rate at a
    /// tenth of the numbers.
    fn activate(&self, report: &mut Report, of: Range<u64>, before: Option<f64>) -> Outcome<f64> {
        let places = 0..self.settings.count(300_000);
        let numbers = |place: u64| serial_number(of.start + scattered(place, of.end - of.start));
        let enabled = self.enable(places.clone(), &numbers)?;
        let at = thousands(of.end as f64);
        report.note(format!("enabling with {at} numbers, {CONNECTIONS} connections"), figures(&enabled));
        let measured = self.activate_all(MODEL, places, &numbers, CONNECTIONS)?;
        let folder = tempfile::tempdir_in(self.server.data())?;
        let alone = StoreAlone::prepare(folder.path(), of.end)?.activations(0..self.settings.count(100_000), 64)?;
        let (rate, p99) = (measured.rate(), measured.latency(0.99));
        let (asked, held) = match before {
            None => (
                "10,000/s, p99 under 50 ms, 0.5 of the store alone".to_owned(),
                rate >= 1e4 && p99 < Duration::from_millis(50) && rate >= 0.5 * alone,
            ),
            Some(before) => (format!("0.7 of {}/s", thousands(before)), rate >= 0.7 * before),
        };
        report.add(Row {
            what: format!("activation, {at} numbers, {CONNECTIONS} connections"),
            asked,
            reached: figures(&measured),
            limit: format!("store alone, 64 a commit: {}/s; reached {:.2} of it", thousands(alone), rate / alone),
            held: Some(held),
        });
        Ok(rate)
    }

    /// The same on a model that needs no enabling: each activation also makes the device's client.
    fn activate_open(&self, report: &mut Report) -> Outcome<()> {
        let count = self.settings.count(200_000);
        Vendor::new(&self.server)?.register(OPEN_MODEL, 0..count)?;
        let measured =
            self.activate_all(OPEN_MODEL, 0..count, &|place| serial_number(scattered(place, count)), CONNECTIONS)?;
        let what = format!("activation of an open model (makes the client too), {CONNECTIONS} connections");
        report.note(what, figures(&measured));
        Ok(())
    }

    fn activate_alone(&self, report: &mut Report, of: u64) -> Outcome<()> {
        // Beyond the places that the row before used up.
        let first = self.settings.count(300_000);
        let places = first..first + self.settings.count(5_000);
        let numbers = |place: u64| serial_number(scattered(place, of));
        self.enable(places.clone(), &numbers)?;
        let fsync_before = fsync_time(&self.server.data())?;
        let measured = self.activate_all(MODEL, places, &numbers, 1)?;
        let fsync = fsync_before.max(fsync_time(&self.server.data())?);
        let median = measured.latency(0.5);
        report.add(Row {
            what: "one activation alone".into(),
            asked: "2 fsyncs' time".into(),
            reached: format!("{} (p50), {} (p99)", duration(median), duration(measured.latency(0.99))),
            limit: format!("fdatasync of 4 KiB: {}", duration(fsync)),
            held: Some(median <= 2 * fsync),
        });
        Ok(())
    }

    fn start(&mut self, report: &mut Report, numbers: u64) -> Outcome<()> {
        let (mut slowest, mut most) = (Duration::ZERO, 0);
        for _ in 0..5 {
            self.server.stop();
            slowest = slowest.max(self.server.resume()?);
            Vendor::new(&self.server)?.ask(&kit::Request::get("/healthz"), 200)?;
            most = most.max(self.server.memory()?.resident);
        }
        report.add(Row {
            what: format!("start with {} serial numbers", thousands(numbers as f64)),
            asked: "under 1 s, under 100 MiB".into(),
            reached: format!("{}, {} resident", duration(slowest), mib(most)),
            limit: String::new(),
            held: Some(slowest < Duration::from_secs(1) && most < 100 << 20),
        });
        Ok(())
    }

    pub(super) fn enable(&self, places: Range<u64>, number: &dyn Fn(u64) -> String) -> Outcome<Measured> {
        enable(self.settings, &self.server, MODEL, places, number)
    }

    pub(super) fn activate_all(
        &self,
        model: &str,
        places: Range<u64>,
        number: &dyn Fn(u64) -> String,
        connections: usize,
    ) -> Outcome<Measured> {
        activate_on(self.settings, &self.server, model, places, number, connections)
    }
}

/// Lets so many connections activate these numbers on a server.
pub(super) fn activate_on(
    settings: &Settings,
    server: &Server,
    model: &str,
    places: Range<u64>,
    number: &dyn Fn(u64) -> String,
    connections: usize,
) -> Outcome<Measured> {
    let vendor = &server.cast.vendor_name;
    let request = |place: u64| {
        let body = format!("vendor={vendor}&model={model}&sn={}", number(place));
        let length = body.len();
        format!("POST /provision/activate HTTP/1.1\r\nHost: bench\r\n{FORM}Content-Length: {length}\r\n\r\n{body}")
    };
    let good = |answer: &Answer<'_>| answer.status == 200 && answer.length == 40;
    all(settings, server, places, &request, connections, settings.seconds(15), &good)
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// Opens the windows of some numbers of a model.
pub(super) fn enable(
    settings: &Settings,
    server: &Server,
    model: &str,
    places: Range<u64>,
    number: &dyn Fn(u64) -> String,
) -> Outcome<Measured> {
    let (cik, owner) = (&server.cast.vendor.cik, &server.cast.owner.rid);
    let body = format!("enable=true&owner={owner}");
    let request = |place: u64| {
        format!(
            "POST /provision/manage/model/{model}/{} HTTP/1.1\r\nHost: bench\r\nX-Exosite-CIK: {cik}\r\n{FORM}\
             Content-Length: {}\r\n\r\n{body}",
            number(place),
            body.len()
        )
    };
    all(settings, server, places, &request, CONNECTIONS, Duration::MAX, &|answer| answer.status == 200)
}

/// One request for each place, in order, until they are used up or the time is.
fn all(
    settings: &Settings,
    server: &Server,
    places: Range<u64>,
    request: &dyn Fn(u64) -> String,
    connections: usize,
    measure: Duration,
    good: &dyn Fn(&Answer<'_>) -> bool,
) -> Outcome<Measured> {
    if places.is_empty() {
        return failed("no serial numbers to ask about");
    }
    let mut places = places;
    let mut next = |out: &mut Vec<u8>| match places.next() {
        Some(place) => {
            out.extend_from_slice(request(place).as_bytes());
            true
        }
        None => false,
    };
    let (address, server, warm_up) = (server.address, server.watched(), settings.seconds(1));
    Load { address, connections, warm_up, measure, server, next: &mut next, good }.run()
}
