//! Servers with something on them, and the rows that are measured there.

mod coap;
mod coap_flood;
mod content;
mod data;
mod flood;
mod machine;
mod postgres;
mod provisioning;
mod range;
mod waiting;

use std::net::SocketAddr;
use std::time::Duration;

use crate::Outcome;
use crate::load::{Answer, Load, Measured};
use crate::process::Watched;
use crate::report::{Report, duration, thousands};
use crate::settings::Settings;

/// Plays every scene that has a row of the selection.
pub fn play(settings: &Settings, report: &mut Report) -> Outcome<()> {
    if settings.wants("machine") {
        machine::play(settings, report)?;
    }
    if settings.wants("store") {
        machine::store_alone(settings, report)?;
    }
    if settings.wants_any(&["csv", "activation", "activation-alone", "activation-10m", "start"]) {
        provisioning::play(settings, report)?;
    }
    if settings.wants("range") {
        range::play(report)?;
    }
    if settings.wants_any(&["list", "info", "small-download", "big-download"]) {
        content::play(settings, report)?;
    }
    if settings.wants_any(&["alias-read", "alias-write", "rpc-read", "rpc-write", "clone"]) {
        data::play(settings, report)?;
    }
    if settings.wants("udp-flood") {
        flood::play(settings, report)?;
    }
    if settings.wants("waiting") {
        waiting::play(settings, report)?;
    }
    if settings.wants_any(&["coap-activation", "coap-read", "coap-observe", "coap-download"]) {
        coap::play(settings, report)?;
    }
    if settings.wants("coap-flood") {
        coap_flood::play(settings, report)?;
    }
    if settings.wants_any(&["postgres-activation", "postgres-nodes", "postgres-alias-read"]) {
        postgres::play(settings, report)?;
    }
    Ok(())
}

/// Who is asked, and how hard.
#[derive(Clone)]
struct Target {
    address: SocketAddr,
    server: Watched,
    connections: usize,
    measure: Duration,
}

/// Asks the same again and again.
fn repeat(target: Target, request: &[u8], good: &dyn Fn(&Answer<'_>) -> bool) -> Outcome<Measured> {
    let Target { address, server, connections, measure } = target;
    let mut next = |out: &mut Vec<u8>| {
        out.extend_from_slice(request);
        true
    };
    Load { address, connections, warm_up: measure / 5, measure, server, next: &mut next, good }.run()
}

/// Measures two things in turns, so that both see the same weather, and gives the median turn of each.
fn in_turns(
    turns: usize,
    key: impl Fn(&Measured) -> f64,
    mut ours: impl FnMut() -> Outcome<Measured>,
    mut theirs: impl FnMut() -> Outcome<Measured>,
) -> Outcome<(Measured, Measured)> {
    let (mut our_turns, mut their_turns) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        our_turns.push(ours()?);
        their_turns.push(theirs()?);
    }
    let median = |mut all: Vec<Measured>| {
        all.sort_by(|a, b| key(a).total_cmp(&key(b)));
        let middle = all.len() / 2;
        all.swap_remove(middle)
    };
    Ok((median(our_turns), median(their_turns)))
}

/// Rate, tail and cost of small answers.
fn figures(measured: &Measured) -> String {
    let (rate, p99, cpu) = (measured.rate(), measured.latency(0.99), measured.cpu_us());
    format!("{}/s, p99 {}, {cpu:.1} us CPU each", thousands(rate), duration(p99))
}
