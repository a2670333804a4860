//! `cikada register`: a client's vendor name (contract, manage.md "Registration").

use clap::Subcommand;
use serde_json::json;

use super::confirm;
use crate::client::{Flags, Request};
use crate::failure::Outcome;

const PATH: &str = "/provision/register";

/// The vendor name of your client
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada register show                         # which vendor am I?
  CIKADA_CIK=… cikada register name installer-co
  CIKADA_CIK=… cikada register remove installer-co")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Print the vendor name
    Show,
    /// Register a vendor name to the client whose CIK this is
    Name {
        /// The name: letters, digits, dot, underscore, dash
        vendor: String,
    },
    /// Give the name up; the vendor's tokens die with it
    Remove {
        /// The name
        vendor: String,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
    },
}

pub fn run(args: Args) -> Outcome {
    let output = args.flags.output();
    match args.action {
        Action::Show => {
            let request = Request::get(PATH, &[])
                .to("show the vendor name")
                .advise(404, "this client has none; `cikada register name NAME` registers one");
            let answer = args.flags.vendor()?.ask(&request)?;
            output.done(answer.body.trim(), json!({"vendor": answer.body.trim()}))
        }
        Action::Name { vendor } => {
            let request = Request::post(PATH, &[])
                .form([("vendor", vendor.as_str())])
                .to(format!("register the name {vendor}"))
                .advise(403, "a device from a serial number cannot be a vendor")
                .advise(409, "the name is taken, or this client has another: `cikada register show`");
            args.flags.client()?.ask(&request)?;
            output.done(format_args!("registered the name {vendor}"), json!({"registered": vendor}))
        }
        Action::Remove { vendor, yes } => {
            confirm(&format!("Give up the name {vendor}? Its tokens die, and others may take it."), yes)?;
            let request = Request::post(PATH, &[])
                .form([("delete", "true"), ("vendor", vendor.as_str())])
                .to(format!("give up the name {vendor}"))
                .advise(409, "models exist under this name: delete them first (`cikada model list`)");
            args.flags.client()?.ask(&request)?;
            output.done(format_args!("{vendor} is no longer registered"), json!({"removed": vendor}))
        }
    }
}
