//! `cikada serve`: the server.

use std::path::PathBuf;

use crate::failure::{Failure, Outcome};

/// Serve devices, vendors and owners from a data folder
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada serve --data /var/lib/cikada
  cikada serve --data ./data --http 127.0.0.1:0      # any free port; the line `listening on http://…` names it

An empty folder is initialised first, and the credentials are printed once. SIGTERM lets running requests finish and exits 0.")]
pub struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The configuration file (see `cikada config`)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The address to listen on for HTTP; overrides the configuration
    #[arg(long, value_name = "ADDR")]
    pub http: Option<String>,
}

pub fn run(_args: Args) -> Outcome {
    Err(Failure::new("`cikada serve` is not in this build yet"))
}
