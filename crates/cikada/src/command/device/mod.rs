//! `cikada device`: what a device's firmware does, by hand (contract, device.md).

mod activate;
mod link;
mod state;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use model::{Cik, SecretKey};

use super::content::{file_named, report};
use crate::client::Flags;
use crate::failure::{Failure, Outcome};
use crate::output::Cell;

use link::Link;
use state::State;

/// Be a device: activate, list and download content
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada device activate --vendor acme --model boiler --sn A0001 --state a0001.json
  cikada device list --state a0001.json
  cikada device download firmware-1.4 fw.bin --state a0001.json
  cikada device list --state a0001.json --server coap://provision.example.com    # over CoAP

With --state the key is kept in a file, with a nonce that was written there before the first call: when the answer
is lost on the way, the same command gets the same key. Without it, give --vendor and --model, and the key as CIKADA_CIK.")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    who: Who,
    #[command(subcommand)]
    action: Action,
}

/// Which device it is.
#[derive(clap::Args)]
#[command(next_help_heading = "Device")]
struct Who {
    /// The vendor's name
    #[arg(long, global = true, value_name = "NAME")]
    vendor: Option<String>,
    /// The model's name
    #[arg(long, global = true, value_name = "NAME")]
    model: Option<String>,
    /// The file that keeps the device's names, nonce and key
    #[arg(long, global = true, value_name = "FILE")]
    state: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Action {
    /// Call in within the window, and receive the key
    Activate {
        /// The serial number
        #[arg(long)]
        sn: Option<String>,
        /// 16 to 64 characters that the device chose; the same ones get the same key while it was never used
        #[arg(long, conflicts_with = "state")]
        nonce: Option<String>,
    },
    /// List the content this device may have
    List,
    /// Show type, size, time and meta of a content
    Info {
        /// The content's id
        id: String,
    },
    /// Download a content; run it again to resume
    Download {
        /// The content's id
        id: String,
        /// The file to write [default: the id]
        file: Option<PathBuf>,
    },
}

pub fn run(args: Args) -> Outcome {
    let Args { flags, who, action } = args;
    let output = flags.output();
    match action {
        Action::Activate { sn, nonce } => {
            activate::activate(&Link::of_anybody(&flags)?, output, &who, sn.as_deref(), nonce.as_deref())
        }
        Action::List => {
            let caller = Caller::of(&flags, &who)?;
            let mut table = output.table(&["content"]);
            let answer = caller.link.list(&caller.vendor, &caller.model)?;
            table.page(answer.lines().map(|id| vec![Cell::text(id)]).collect())?;
            table.end("nothing for this device")
        }
        Action::Info { id } => {
            let caller = Caller::of(&flags, &who)?;
            let record = caller.link.info(&caller.vendor, &caller.model, &id)?;
            output.thing(&[
                ("content", Cell::Text(id)),
                ("type", Cell::text(&record[0])),
                ("size", Cell::bytes(&record[1])),
                ("updated", Cell::time(&record[2])),
                ("meta", Cell::text(&record[3])),
            ])
        }
        Action::Download { id, file } => {
            let caller = Caller::of(&flags, &who)?;
            let file = file.map_or_else(|| file_named(&id), Ok)?;
            let begun = Instant::now();
            let downloaded = caller.link.download(&caller.vendor, &caller.model, &id, &file)?;
            report(output, &file, &downloaded, begun)
        }
    }
}

/// An activated device and the server it speaks to.
struct Caller {
    link: Link,
    vendor: String,
    model: String,
}

impl Caller {
    fn of(flags: &Flags, who: &Who) -> Outcome<Caller> {
        if let Some(path) = &who.state {
            let state = require_state(path)?;
            let cik = state.cik.as_deref().and_then(Cik::parse).ok_or_else(|| {
                Failure::new(format!("the device of {} is not activated", path.display()))
                    .advise(format!("cikada device activate --state {}", path.display()))
            })?;
            return Ok(Caller { link: Link::of_holder(flags, Some(cik))?, vendor: state.vendor, model: state.model });
        }
        let (Some(vendor), Some(model)) = (who.vendor.clone(), who.model.clone()) else {
            return Err(Failure::new("which device?")
                .advise("give --vendor and --model, or the --state FILE of its activation"));
        };
        Ok(Caller { link: Link::of_holder(flags, None)?, vendor, model })
    }
}

fn require_state(path: &Path) -> Outcome<State> {
    State::read(path)?.ok_or_else(|| {
        Failure::new(format!("{} does not exist", path.display()))
            .advise("`cikada device activate --vendor … --model … --sn … --state FILE` makes it")
    })
}
