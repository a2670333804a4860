//! A sensor: writes its temperature, and is told how often by the owner, who writes `interval`.
//!
//! ```text
//! cargo run --example sensor -- http://provision.example.com:80 acme lamp 00:1A:7F ./device 10
//! cargo run --example sensor -- coap://provision.example.com:5683 acme lamp 00:1A:7F ./device 10
//! ```
//!
//! The last argument is how many values to write. Over HTTP it waits between them with a long poll, over CoAP by observing.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::process::ExitCode;
use std::time::Duration;

use cikada_device::activation::{Activation, Coap, Http};
use cikada_device::blocking::{Device, FileMemory, System, Tcp, Udp};
use cikada_device::board::Board;
use cikada_device::coap::{Call, Request, code};
use cikada_device::http::Stamp;
use cikada_device::{Event, Identity, Pace};

/// How often to measure until somebody says otherwise.
const INTERVAL_MS: u32 = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, vendor, model, serial_number, folder, count] = &arguments[..] else {
        println!("usage: sensor <http|coap>://<server:port> <vendor> <model> <serial number> <folder> <count>");
        return ExitCode::FAILURE;
    };
    let outcome = Identity::new(vendor, model, serial_number)
        .map_err(|name| format!("{name:?} is no name"))
        .and_then(|identity| run(server, identity, folder, count.parse().unwrap_or(1)));
    match outcome {
        Ok(written) => {
            println!("{written} values written");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("failed: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Writes that many values; gives how many were accepted.
pub fn run(server: &str, identity: Identity<'_>, folder: &str, count: u32) -> Result<u32, String> {
    let memory = FileMemory::open(folder).map_err(|error| error.to_string())?;
    let world = System::default().for_at_most(Duration::from_secs(120));
    match server.split_once("://") {
        Some(("http", server)) => over_http(server, identity, memory, world, count),
        Some(("coap", server)) => over_coap(server, identity, memory, world, count),
        _ => Err("the server begins with http:// or coap://".to_owned()),
    }
}

fn over_http(
    server: &str,
    identity: Identity<'_>,
    memory: FileMemory,
    world: System,
    count: u32,
) -> Result<u32, String> {
    let board = Board { link: Tcp::new(server), memory, world };
    let mut buffer = [0; Activation::<Http<'_>>::BUFFER];
    let mut device = Device::new(identity, server, Pace::default(), board, &mut buffer).ok_or("no server's name")?;
    let (mut interval_ms, mut since) = (INTERVAL_MS, Stamp::NONE);
    for number in 0..count {
        let value = measure(number);
        device.write(&[("temperature", &value)]).map_err(|trouble| format!("{trouble:?}"))?;
        println!("temperature={value}");
        // The pause between two values is when the owner can be listened to.
        if let Some(said) =
            device.wait("interval", &mut since, interval_ms).map_err(|trouble| format!("{trouble:?}"))?
        {
            interval_ms = interval(&said, interval_ms);
        }
    }
    Ok(count)
}

fn over_coap(
    server: &str,
    identity: Identity<'_>,
    memory: FileMemory,
    world: System,
    count: u32,
) -> Result<u32, String> {
    let mut board = Board { link: Udp::new(server), memory, world };
    let mut buffer = [0; 1_024];
    let mut activation = Activation::new(identity, Coap::new(), Pace::default(), &mut buffer);
    let ready = board.run(&mut activation, Event::Begin).ok_or("it took too long")?;
    let cik = ready.map_err(|stop| format!("{stop:?}"))?.cik;
    let mut interval_ms = INTERVAL_MS;
    for number in 0..count {
        let (value, mut buffer) = (measure(number), [0; 1_200]);
        let mut write = Call::new(Request::Write { alias: "temperature", value: &value }, cik, &mut buffer);
        match board.run(&mut write, Event::Begin) {
            Some(Ok(reply)) if reply.code == code::CHANGED => println!("temperature={value}"),
            other => return Err(format!("not written: {other:?}")),
        }
        let mut read = Call::new(Request::Read { alias: "interval" }, cik, &mut buffer);
        if let Some(Ok(reply)) = board.run(&mut read, Event::Begin)
            && reply.code == code::CONTENT
        {
            interval_ms = interval(&String::from_utf8_lossy(read.body()), interval_ms);
        }
        std::thread::sleep(Duration::from_millis(u64::from(interval_ms)));
    }
    Ok(count)
}

/// What the owner said, if it is a sane number of milliseconds.
fn interval(said: &str, before_ms: u32) -> u32 {
    said.parse().ok().filter(|ms| (1..=3_600_000).contains(ms)).unwrap_or(before_ms)
}

/// A made-up temperature that goes up and down.
fn measure(number: u32) -> String {
    let tenths = 200 + (number * 7) % 40;
    format!("{}.{}", tenths / 10, tenths % 10)
}
