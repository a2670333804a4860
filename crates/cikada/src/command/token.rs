//! `cikada token`: keys that stand in for the vendor's CIK in the management API (contract, manage.md "Vendor tokens").

use clap::Subcommand;
use http::Method;
use serde_json::json;

use crate::client::{Flags, Request};
use crate::failure::Outcome;
use crate::output::Cell;

const PATH: &str = "/provision/admin/auth/";

/// Vendor tokens: keys for scripts and staff, made and revoked one by one
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  export CIKADA_CIK=…                          # tokens are managed with the vendor's CIK, never with a token
  cikada token create factory-line-2
  CIKADA_TOKEN=$(cikada token show factory-line-2) cikada sn list boiler
  cikada token delete factory-line-2           # dead at once")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the tokens' ids
    List,
    /// Make a token and print it
    Create {
        /// Its id, which you choose: who or what uses it
        id: String,
    },
    /// Print a token
    Show {
        /// Its id
        id: String,
    },
    /// Revoke a token
    Delete {
        /// Its id
        id: String,
    },
}

pub fn run(args: Args) -> Outcome {
    let server = args.flags.client()?;
    let output = args.flags.output();
    match args.action {
        Action::List => {
            let mut table = output.table(&["id"]);
            let answer = server.ask(&Request::get(PATH, &[]).to("list the tokens"))?;
            table.page(answer.lines().map(|id| vec![Cell::text(id)]).collect())?;
            table.end("no tokens; make one with `cikada token create ID`")
        }
        Action::Create { id } => {
            let request = Request::post(PATH, &[])
                .form([("id", id.as_str())])
                .to(format!("make the token {id}"))
                .advise(409, format!("there is one: `cikada token show {id}` prints it"));
            let answer = server.ask(&request)?;
            output.done(answer.body.trim(), json!({"id": id, "token": answer.body.trim()}))
        }
        Action::Show { id } => {
            let request = Request::get(PATH, &[&id]);
            let request = request.to(format!("show the token {id}")).advise(404, "`cikada token list` shows the ids");
            let answer = server.ask(&request)?;
            output.done(answer.body.trim(), json!({"id": id, "token": answer.body.trim()}))
        }
        Action::Delete { id } => {
            let request = Request::new(Method::DELETE, PATH, &[&id]);
            let request = request.to(format!("revoke the token {id}")).advise(404, "`cikada token list` shows the ids");
            server.ask(&request)?;
            output.done(format_args!("revoked token {id}"), json!({"revoked": id}))
        }
    }
}
