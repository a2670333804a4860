//! `cikada config`: the default configuration, commented.

use crate::failure::{Failure, Outcome};

/// Print the default configuration with its comments
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada config > /etc/cikada.toml
  cikada serve --data /var/lib/cikada --config /etc/cikada.toml

Unknown keys in a configuration file are refused with their name.")]
pub struct Args {}

pub fn run(_args: Args) -> Outcome {
    Err(Failure::new("`cikada config` is not in this build yet"))
}
