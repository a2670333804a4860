//! `cikada share`: which vendors may enable a model's serial numbers (contract, manage.md "Shares").

use clap::Subcommand;
use http::Method;
use serde_json::json;

use crate::client::{Flags, Request};
use crate::failure::{Failure, Outcome};
use crate::output::Cell;

const PATH: &str = "/provision/manage/share/";

/// Let other vendors enable and disable a model's serial numbers
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada share add boiler installer-co       # installer-co may now enable boilers under its own clients
  cikada share test boiler installer-co && echo shared
  cikada share remove boiler installer-co

The partner enables with: cikada sn enable boiler SN --owner RID --vendor <your vendor name>")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the vendors a model is shared with
    List {
        /// The model's name
        model: String,
    },
    /// Share a model with a vendor
    Add {
        /// The model's name
        model: String,
        /// The other vendor's name
        vendor: String,
    },
    /// End a share; what the vendor enabled stays enabled
    Remove {
        /// The model's name
        model: String,
        /// The other vendor's name
        vendor: String,
    },
    /// Exit 0 if the model is shared with the vendor
    Test {
        /// The model's name
        model: String,
        /// The other vendor's name
        vendor: String,
    },
}

pub fn run(args: Args) -> Outcome {
    let server = args.flags.vendor()?;
    let output = args.flags.output();
    match args.action {
        Action::List { model } => {
            let request = Request::get(PATH, &[&model]).collection().to(format!("list the shares of {model}"));
            let mut table = output.table(&["vendor"]);
            table.page(server.ask(&request)?.lines().map(|vendor| vec![Cell::text(vendor)]).collect())?;
            table.end(&format!("{model} is shared with nobody"))
        }
        Action::Add { model, vendor } => {
            let request = Request::post(PATH, &[&model])
                .collection()
                .form([("vendor", vendor.as_str())])
                .to(format!("share {model} with {vendor}"))
                .advise(400, "check the vendor's name: it must be registered on this server");
            server.ask(&request)?;
            output.done(format_args!("shared {model} with {vendor}"), json!({"shared": model, "vendor": vendor}))
        }
        Action::Remove { model, vendor } => {
            let request = Request::new(Method::DELETE, PATH, &[&model, &vendor]);
            server.ask(&request.to(format!("end the share of {model} with {vendor}")))?;
            output.done(
                format_args!("{model} is no longer shared with {vendor}"),
                json!({"unshared": model, "vendor": vendor}),
            )
        }
        Action::Test { model, vendor } => {
            let request = Request::get(PATH, &[&model, &vendor]).to(format!("look at the shares of {model}"));
            let answer = server.call(&request)?;
            match answer.status {
                404 => Err(Failure::new(format!("{model} is not shared with {vendor}"))
                    .advise(format!("cikada share list {model}"))),
                _ => {
                    answer.accepted(&request)?;
                    output.done(
                        format_args!("{model} is shared with {vendor}"),
                        json!({"model": model, "vendor": vendor, "shared": true}),
                    )
                }
            }
        }
    }
}
