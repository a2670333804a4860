//! `bench`: prints each figure that cikada must reach, beside what was reached and what its engines reach by themselves.
//!
//! Run `cargo run --release -p cikada-benches -- [row…]`. The server is the release binary in a process of its own, and is
//! spoken to over HTTP and CoAP only.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod baseline;
mod crowd;
mod exchanges;
mod load;
mod process;
mod report;
mod rpc;
mod scene;
mod server;
mod settings;
mod vendor;

use std::error::Error;
use std::process::ExitCode;

use report::Report;
use settings::Settings;

/// What a step gives, or why the whole run is worth nothing.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// The run is worth nothing, and why.
pub fn failed<T>(why: impl Into<String>) -> Outcome<T> {
    Err(why.into().into())
}

fn main() -> ExitCode {
    let settings = match Settings::parse(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(why) => {
            eprintln!("{why}\n\n{}", settings::usage());
            return ExitCode::from(2);
        }
    };
    if settings.help {
        println!("{}", settings::usage());
        return ExitCode::SUCCESS;
    }
    let mut report = Report::default();
    let outcome = scene::play(&settings, &mut report);
    println!("{}", report.table());
    if settings.quick {
        println!("A quick run: fewer numbers and seconds than asked for; the figures only show that it works.");
    }
    match outcome {
        Ok(()) if report.all_held() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}
