//! Gets a device its key, and shows where it came from.
//!
//! ```text
//! cargo run --example activate -- provision.example.com:80 acme lamp 00:1A:7F ./device
//! ```
//!
//! The folder stands for the device's non-volatile memory: run it twice and the second time nobody is asked.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::process::ExitCode;
use std::time::Duration;

use cikada_device::activation::{Activation, Http};
use cikada_device::blocking::{FileMemory, System, Tcp};
use cikada_device::board::Board;
use cikada_device::{Event, Identity, Pace};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, vendor, model, serial_number, folder] = &arguments[..] else {
        println!("usage: activate <server:port> <vendor> <model> <serial number> <folder>");
        return ExitCode::FAILURE;
    };
    match run(server, vendor, model, serial_number, folder) {
        Ok(what) => {
            println!("{what}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("no key: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Says where the key came from, or why there is none.
pub fn run(server: &str, vendor: &str, model: &str, serial_number: &str, folder: &str) -> Result<String, String> {
    let identity = Identity::new(vendor, model, serial_number).map_err(|name| format!("{name:?} is no name"))?;
    let http = Http::new(server).ok_or("the server's name is none")?;
    let memory = FileMemory::open(folder).map_err(|error| error.to_string())?;
    let world = System::default().for_at_most(Duration::from_secs(120)).telling(|for_ms, because| {
        println!("waiting {for_ms} ms: {because:?}");
    });
    let mut board = Board { link: Tcp::new(server), memory, world };
    let mut buffer = [0; Activation::<Http<'_>>::BUFFER];
    let mut activation = Activation::new(identity, http, Pace::default(), &mut buffer);
    match board.run(&mut activation, Event::Begin) {
        // A real device says nothing of its key: whoever reads it is the device.
        Some(Ok(ready)) => Ok(format!("{:?}, key {}…", ready.origin, &ready.cik.as_str()[..4])),
        Some(Err(stop)) => Err(format!("{stop:?}")),
        None => Err("it waited for two minutes".to_owned()),
    }
}
