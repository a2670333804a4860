//! `cikada sn`: a model's serial numbers, by themselves, in files and in ranges (contract, manage.md "Serial numbers").

mod add;
pub mod import;
mod label;
mod life;
mod list;
mod range;

use clap::Subcommand;

use super::Paging;
use crate::client::{Flags, Request};
use crate::failure::Outcome;

const PATH: &str = "/provision/manage/model/";

/// Serial numbers: register, enable, look at, disable
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada sn import boiler production-2026-01.csv          # a million rows are fine; run it again to resume
  cikada sn range add boiler 00:1B:C5:00:00:00 00:1B:C5:0F:FF:FF
  cikada sn enable boiler A0001 --owner 41c0…             # the device may now call in
  cikada sn list boiler --all --json | jq -r '.[] | select(.status == \"expired\") | .sn'
  cikada sn remap boiler A0002 --from A0001               # a replaced board keeps the client and its data")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List registered serial numbers with their status and client
    List {
        /// The model's name
        model: String,
        /// Only those that this partner enabled through a share
        #[arg(long, value_name = "VENDOR")]
        shared: Option<String>,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        partner: Partner,
    },
    /// Register serial numbers: all of them, or none when one is registered already
    Add {
        /// The model's name
        model: String,
        /// The serial numbers
        #[arg(required = true, value_name = "SN")]
        sns: Vec<String>,
        /// Free text kept with each of them
        #[arg(long)]
        extra: Option<String>,
    },
    Import(import::Args),
    /// Ranges: serial numbers that count as registered without a row each
    Range {
        #[command(subcommand)]
        action: range::Action,
    },
    /// Make labels to print: a QR code that lands an owner on the page that adds the device
    Label(label::Args),
    /// Show one serial number
    Show {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        partner: Partner,
    },
    /// Show who called in as a serial number, and with what success
    Log {
        #[command(flatten)]
        one: One,
    },
    /// List the groups that a serial number is a member of
    Groups {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        paging: Paging,
    },
    /// Make the device's client under an owner, and let the device call in
    ///
    /// Without --owner it does what `reenable` does.
    Enable {
        #[command(flatten)]
        many: Many,
        /// The RID of the client that is to own the device
        #[arg(long, value_name = "RID")]
        owner: Option<String>,
        #[command(flatten)]
        partner: Partner,
    },
    /// Open the window again: the old key dies at once, the device gets a new one when it calls in
    Reenable {
        #[command(flatten)]
        many: Many,
        #[command(flatten)]
        partner: Partner,
    },
    /// Give the client of one serial number to another: for a replaced board
    Remap {
        /// The model's name
        model: String,
        /// The new serial number
        #[arg(value_name = "SN")]
        sn: String,
        /// The serial number that has the client now
        #[arg(long, value_name = "SN")]
        from: String,
    },
    /// Kill a device's key; its client and data stay
    Disable {
        #[command(flatten)]
        many: Many,
        #[command(flatten)]
        partner: Partner,
    },
    /// Unregister serial numbers; their clients stay with their owners, without the model's content
    Delete {
        #[command(flatten)]
        many: Many,
    },
}

#[derive(clap::Args)]
struct One {
    /// The model's name
    model: String,
    /// The serial number
    sn: String,
}

#[derive(clap::Args)]
struct Many {
    /// The model's name
    model: String,
    /// The serial numbers, each done by itself
    #[arg(required = true, value_name = "SN")]
    sns: Vec<String>,
}

#[derive(clap::Args)]
struct Partner {
    /// The model is this vendor's, who shares it with you
    #[arg(long, value_name = "NAME")]
    vendor: Option<String>,
}

impl Partner {
    fn name(&self, request: Request) -> Request {
        match &self.vendor {
            Some(vendor) => request
                .header("X-Exosite-Vendor", vendor)
                .advise(403, format!("{vendor} does not share this model with you, or you did not enable this number: `cikada model shared`")),
            None => request,
        }
    }
}

pub fn run(args: Args) -> Outcome {
    let server = match args.action {
        Action::Label(_) => args.flags.anybody()?,
        _ => args.flags.vendor()?,
    };
    let output = args.flags.output();
    match args.action {
        Action::List { model, shared, paging, partner } => {
            list::list(&server, output, &model, shared, &paging, &partner)
        }
        Action::Add { model, sns, extra } => add::add(&server, output, &model, &sns, extra.as_deref()),
        Action::Import(args) => import::run(&server, output, &args),
        Action::Label(label) => label::run(&args.flags, &label),
        Action::Range { action } => range::run(&server, output, action),
        Action::Show { one, partner } => life::show(&server, output, &one, &partner),
        Action::Log { one } => life::log(&server, output, &one),
        Action::Groups { one, paging } => life::groups(&server, output, &one, &paging),
        Action::Enable { many, owner: Some(owner), partner } => life::enable(&server, output, &many, &owner, &partner),
        Action::Enable { many, owner: None, partner } | Action::Reenable { many, partner } => {
            life::reenable(&server, output, &many, &partner)
        }
        Action::Remap { model, sn, from } => life::remap(&server, output, &model, &sn, &from),
        Action::Disable { many, partner } => life::disable(&server, output, &many, &partner),
        Action::Delete { many } => life::delete(&server, output, &many),
    }
}
