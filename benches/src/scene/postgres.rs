//! The same on PostgreSQL, beside what the store does on it without HTTP: activation and reading by alias, on one node and on three.

use std::thread;

use kit::Postgres;

use super::data::Devices;
use super::figures;
use super::provisioning::Scene;
use crate::baseline::store_alone::StoreAlone;
use crate::load::Measured;
use crate::report::{Report, Row, thousands};
use crate::server::Server;
use crate::settings::Settings;
use crate::vendor::{Vendor, scattered, serial_number};
use crate::{Outcome, failed};

const MODEL: &str = "bench-device";
const CONNECTIONS: usize = 64;
const NODES: usize = 3;
const TURNS: u64 = 3;

pub fn play(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let postgres = Postgres::start();
    let server = Server::start_on(Some(&postgres.database()))?;
    if settings.wants_any(&["postgres-activation", "postgres-nodes"]) {
        let of = settings.count(500_000);
        let mut vendor = Vendor::new(&server)?;
        vendor.make_model(MODEL, &[])?;
        vendor.register(MODEL, 0..of)?;
        drop(vendor);
        activate(settings, report, &postgres, server, of)?;
    }
    if settings.wants("postgres-alias-read") {
        let server = Server::start_on(Some(&postgres.database()))?;
        let devices = Devices::activate(settings, &server, settings.count(20_000))?;
        devices.write(devices.count(), std::time::Duration::MAX)?;
        let measured = devices.read()?;
        report.add(Row {
            what: format!("alias read on PostgreSQL, {CONNECTIONS} connections"),
            asked: "10,000/s".into(),
            reached: figures(&measured),
            limit: String::new(),
            held: Some(measured.rate() >= 1e4),
        });
    }
    Ok(())
}

fn activate(settings: &Settings, report: &mut Report, postgres: &Postgres, server: Server, of: u64) -> Outcome<()> {
    let each = settings.count(40_000);
    let alone = StoreAlone::prepare_on(&postgres.database(), of)?;
    let scene = Scene { settings, server };
    let numbers = |place: u64| serial_number(scattered(place, of));
    let mut others = Vec::new();
    for _ in 1..NODES {
        others.push(scene.server.join()?);
    }
    let (mut rates, mut alone_rates, mut of_three) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    // In turns, so that all see the same weather.
    for turn in 0..TURNS {
        let begin = turn * 2 * each;
        scene.enable(begin..begin + 2 * each, &numbers)?;
        let measured = scene.activate_all(MODEL, begin..begin + each, &numbers, CONNECTIONS)?;
        rates.push(measured.rate());
        last = Some(measured);
        alone_rates.push(alone.activations(turn * each..(turn + 1) * each, 64)?);
        let places = begin + each..begin + 2 * each;
        let part = each / NODES as u64;
        let nodes = || std::iter::once(&scene.server).chain(&others).enumerate();
        let rate = thread::scope(|scope| -> Outcome<f64> {
            let threads: Vec<_> = nodes()
                .map(|(node, server)| {
                    let first = places.start + node as u64 * part;
                    scope.spawn(move || {
                        let numbers = |place: u64| serial_number(scattered(place, of));
                        let activated = super::provisioning::activate_on(
                            settings,
                            server,
                            MODEL,
                            first..first + part,
                            &numbers,
                            CONNECTIONS / NODES,
                        );
                        activated.map(|measured: Measured| measured.rate()).map_err(|why| why.to_string())
                    })
                })
                .collect();
            let mut sum = 0.0;
            for thread in threads {
                match thread.join() {
                    Ok(Ok(rate)) => sum += rate,
                    Ok(Err(why)) => return failed(why),
                    Err(_) => return failed("a load panicked"),
                }
            }
            Ok(sum)
        })?;
        of_three.push(rate);
    }
    let (rate, alone, of_three) = (median(rates), median(alone_rates), median(of_three));
    let Some(last) = last else { return Ok(()) };
    report.add(Row {
        what: format!("activation on PostgreSQL, {CONNECTIONS} connections"),
        asked: "0.6 of PostgreSQL alone".into(),
        reached: format!("{}/s ({})", thousands(rate), figures(&last)),
        limit: format!(
            "the same statements without HTTP, 64 a commit: {}/s; {:.2} of it",
            thousands(alone),
            rate / alone
        ),
        held: Some(rate >= 0.6 * alone),
    });
    report.add(Row {
        what: format!("activation on {NODES} nodes of one PostgreSQL"),
        asked: "no loss beyond the cores".into(),
        reached: format!("{}/s together", thousands(of_three)),
        limit: format!("one node: {}/s", thousands(rate)),
        held: None,
    });
    Ok(())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
