//! `cikada init`: an empty data folder with a root client, a vendor, an owner and a template.

use std::path::PathBuf;

use crate::failure::{Failure, Outcome};

/// Make an empty data folder and print its first credentials
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada init --data /var/lib/cikada --vendor acme
  cikada init --data ./data --json > secrets.json

The credentials are shown once. Keep them somewhere safe: the vendor's CIK and token manage everything the vendor owns.")]
pub struct Args {
    /// The folder to make; one that already holds a server is refused
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The vendor name to register
    #[arg(long, value_name = "NAME", default_value = "acme")]
    pub vendor: String,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

pub fn run(_args: Args) -> Outcome {
    Err(Failure::new("`cikada init` is not in this build yet"))
}
