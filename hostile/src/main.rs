//! `hostile [--seconds N] [--seed N] [TARGET…]`: runs targets on the stable toolchain, as `scripts/fuzz` does where there is no
//! cargo-fuzz. `hostile --list` names them.

#![allow(clippy::print_stdout, reason = "what was found is what this program is for")]

use std::process::ExitCode;
use std::time::Duration;

use cikada_hostile::{TARGETS, Target, drive, find};
use clap::Parser;

/// Hold parsers and the server against hostile bytes
#[derive(Parser)]
struct Args {
    /// Name the targets
    #[arg(long)]
    list: bool,
    /// How long to try each
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What the inputs are made from; another seed makes others
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which; all where none is named
    targets: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        TARGETS.iter().for_each(|target| println!("{}", target.name));
        return ExitCode::SUCCESS;
    }
    let mut chosen: Vec<&Target> = Vec::new();
    for name in &args.targets {
        let Some(target) = find(name) else {
            eprintln!("there is no target {name:?}: `hostile --list` names them");
            return ExitCode::from(2);
        };
        chosen.push(target);
    }
    if chosen.is_empty() {
        chosen.extend(TARGETS);
    }
    // What is broken is said below, with its input.
    std::panic::set_hook(Box::new(|_| {}));
    let mut is_well = true;
    for target in chosen {
        let run = drive::drive(target, args.seed, Duration::from_secs(args.seconds));
        let (inputs, ways, grown) = (run.inputs, run.ways, run.grown_bytes >> 10);
        println!("{:16} {inputs:>12} inputs {ways:>7} ways {grown:>7} KiB {:>3} broken", target.name, run.broken.len());
        for (file, why) in &run.broken {
            println!("    {}: {why}", file.display());
            is_well = false;
        }
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
