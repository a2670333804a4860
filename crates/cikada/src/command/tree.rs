//! `cikada tree`: a client and all that is below it, drawn (contract, rpc.md `listing`, `info`, `read`).

mod about;
mod draw;
mod gather;
mod node;

use crate::client::Flags;
use crate::client::rpc::ActingAs;
use crate::failure::Outcome;
use crate::output::line;

/// Draw a client's tree: names, formats, newest values and how old they are, rules, dispatches, status
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  export CIKADA_CIK=<CIK>
  cikada tree
  cikada tree --depth 1 --rids                 # what the client owns itself, with RIDs
  cikada tree --client-id <RID>                # the tree of a client below
  cikada tree --json | jq '.children[].aliases'

A resource is shown by its alias; without one by its name, or the beginning of its RID. Units are taken from the meta of a
dataport, where it is JSON with `unit`, alone or under `datasource`.")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    acting_as: ActingAs,
    /// Go down so many levels only
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// Show RIDs, too
    #[arg(long)]
    rids: bool,
}

pub fn run(args: Args) -> Outcome {
    let output = args.flags.output();
    let rpc = args.flags.caller(&args.acting_as)?;
    let tree = gather::gather(&rpc, args.depth)?;
    if output.is_json() {
        return line(tree.to_json());
    }
    draw::draw(&tree, args.rids, output.is_coloured())
}
