//! The command line: which rows, and how long.

use std::collections::BTreeSet;
use std::time::Duration;

/// Every row by its name on the command line, and what it measures.
pub const ROWS: [(&str, &str); 27] = [
    ("machine", "what this machine's disk, hyper, nginx and the blob store do by themselves"),
    ("store", "activations in the store alone, by the size of a commit, at 1 and 10 million numbers"),
    ("csv", "1 million serial numbers by CSV: time, memory, bytes of database each"),
    ("activation", "activations over HTTP at 1 million numbers, beside the store alone"),
    ("activation-alone", "one activation alone, beside the time of an fsync"),
    ("activation-10m", "the same at 10 million numbers"),
    ("start", "start with 10 million numbers: time until ready, memory"),
    ("range", "a range of 10^18 numbers: add, list, test, remove"),
    ("list", "authenticated content list, beside a bare hyper server"),
    ("info", "authenticated content info, beside a bare hyper server"),
    ("small-download", "1 KiB content, beside nginx"),
    ("big-download", "64 MiB content on one connection, beside nginx with sendfile; memory"),
    ("alias-read", "a value read by alias, 100,000 devices, beside a bare hyper server"),
    ("alias-write", "a value written by alias, durable"),
    ("rpc-read", "1,000 points of a series of 1 million by RPC"),
    ("rpc-write", "RPC with 100 writes, durable"),
    ("clone", "clone of a client with 100 resources"),
    ("udp-flood", "alias reads while 50,000 datagrams of rubbish a second come over UDP"),
    ("waiting", "20,000 connections in long poll, RPC wait, WebSocket subscription: memory, all woken"),
    ("coap-activation", "activations over CoAP at 1 million numbers"),
    ("coap-read", "a value read by alias over CoAP, 10,000 devices"),
    ("coap-observe", "5,000 observers, each woken by a write of its own"),
    ("coap-download", "10,000 slow downloads in blocks at a time: memory"),
    ("coap-flood", "50,000 datagrams of strangers a second for a minute: HTTP beside it, bytes out for bytes in"),
    ("postgres-activation", "activations over HTTP on PostgreSQL, beside the store alone on it"),
    ("postgres-nodes", "the same on three nodes"),
    ("postgres-alias-read", "a value read by alias on PostgreSQL"),
];

/// What to run.
pub struct Settings {
    rows: BTreeSet<String>,
    /// A tenth of the numbers and of the time.
    pub quick: bool,
    /// Only say how it is used.
    pub help: bool,
}

impl Settings {
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Settings, String> {
        let mut settings = Settings { rows: BTreeSet::new(), quick: false, help: false };
        for argument in arguments {
            match argument.as_str() {
                "--quick" => settings.quick = true,
                "--help" | "-h" => settings.help = true,
                name if ROWS.iter().any(|(row, _)| *row == name) => drop(settings.rows.insert(argument)),
                _ => return Err(format!("there is no row {argument:?}")),
            }
        }
        Ok(settings)
    }

    /// Whether this row is to be measured; without names, all are.
    pub fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.contains(row)
    }

    pub fn wants_any(&self, rows: &[&str]) -> bool {
        rows.iter().any(|row| self.wants(row))
    }

    /// A time, or a tenth of it in a quick run.
    pub fn seconds(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds) / if self.quick { 10 } else { 1 }
    }

    /// A count, or a tenth of it in a quick run.
    pub fn count(&self, count: u64) -> u64 {
        if self.quick { count / 10 } else { count }
    }
}

pub fn usage() -> String {
    let mut text = "bench [--quick] [row…]\n\nWithout a row, all of them:\n".to_owned();
    for (name, what) in ROWS {
        text.push_str(&format!("  {name:18}{what}\n"));
    }
    text
}
