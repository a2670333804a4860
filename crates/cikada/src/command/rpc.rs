//! `cikada rpc`: any call of the resource API (contract, rpc.md).

mod argument;
mod calls;
mod layout;
mod procedure;

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::client::Flags;
use crate::client::rpc::{ActingAs, Call, Entry, Reply};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, line, note, visible};

use procedure::Procedure;

/// Call the resource API: create, read, share, move, anything a client may do below itself
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  export CIKADA_CIK=<CIK>
  cikada rpc create dataport '{\"format\":\"float\",\"name\":\"Temperature\"}'
  cikada rpc map alias <RID> temp
  cikada rpc read @temp '{\"limit\":10,\"sort\":\"asc\"}'
  cikada rpc info @ '{\"counts\":true}'                # @ is the calling client itself
  cikada rpc listing '[\"dataport\"]' '{}' --client-id <RID>
  cikada rpc --calls calls.json                       # many calls at once; - reads them from standard input
  cikada rpc --procedures                             # what there is, and what each takes

Arguments are JSON. @temp stands for {\"alias\":\"temp\"}, and a word that is no JSON for itself as a text: a text that
looks like a number, or begins with @, needs its own quotes: '\"5\"'.")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    acting_as: ActingAs,
    /// What to call
    #[arg(value_name = "PROCEDURE", required_unless_present_any = ["calls", "procedures"])]
    procedure: Option<String>,
    /// Its arguments, in order
    #[arg(value_name = "ARGUMENT", allow_negative_numbers = true)]
    arguments: Vec<String>,
    /// Make the calls of a file: a list of {"procedure","arguments"}, one a line, or a whole request
    #[arg(long, value_name = "FILE", conflicts_with_all = ["procedure", "procedures"])]
    calls: Option<PathBuf>,
    /// Show the procedures and what each takes
    #[arg(long)]
    procedures: bool,
}

pub fn run(args: Args) -> Outcome {
    let output = args.flags.output();
    if args.procedures {
        return procedure::tell(output);
    }
    let rpc = args.flags.caller(&args.acting_as)?;
    if let Some(file) = &args.calls {
        let asked = calls::read(file)?;
        let calls: Vec<Call> = asked.iter().map(|asked| asked.call.clone()).collect();
        return tell_all(output, &asked, &rpc.call(&calls)?);
    }
    let name = args.procedure.unwrap_or_default();
    let arguments = argument::read_all(&args.arguments).map_err(|why| advise_usage(Failure::new(why), &name))?;
    let call = Call { procedure: name, arguments: Json::Array(arguments) };
    let entries = rpc.call(std::slice::from_ref(&call))?;
    entries.first().map_or(Ok(()), |entry| tell_one(output, &call.procedure, entry))
}

/// One call: its result, or why there is none.
fn tell_one(output: Output, procedure: &str, entry: &Entry) -> Outcome {
    if output.is_json() {
        line(entry.raw(&json!(0)))?;
    } else if let Reply::Done(result) = entry.reply() {
        return line(result.map_or_else(|| "ok".to_owned(), layout::shown));
    }
    refusal(procedure, entry).map_or(Ok(()), Err)
}

/// Many calls: a line each, with what the caller called it.
fn tell_all(output: Output, asked: &[calls::Asked], entries: &[Entry]) -> Outcome {
    let mut failed = 0;
    for (asked, entry) in asked.iter().zip(entries) {
        if output.is_json() {
            line(entry.raw(&asked.id))?;
        }
        let (id, name) = (visible(&layout::shown(&asked.id)), visible(&asked.call.procedure));
        match (refusal(&asked.call.procedure, entry), entry.reply()) {
            (Some(failure), _) => {
                failed += 1;
                note(format_args!("{id}  {failure}"));
            }
            (None, Reply::Done(Some(result))) if !output.is_json() => {
                line(format_args!("{id}  {name}  {}", visible(&result.to_string())))?;
            }
            (None, _) if !output.is_json() => line(format_args!("{id}  {name}  ok"))?,
            (None, _) => {}
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{failed} of {} calls were not done", entries.len()))
            .advise("the others were: each call stands for itself")),
    }
}

/// Why a call was not done, and what to do.
fn refusal(procedure: &str, entry: &Entry) -> Option<Failure> {
    match entry.reply() {
        Reply::Done(_) => None,
        Reply::Failed(status) => {
            let failure = Failure::new(format!("{}: {}", visible(procedure), visible(&layout::shown(status))));
            Some(match status.as_str() {
                Some("invalid") => advise_usage(failure, procedure),
                Some(word) => failure.advise(advice(word)),
                None => failure.advise("the points of these seconds were left out; the others are stored"),
            })
        }
        Reply::Refused { message, is_unknown: true, .. } => {
            Some(Failure::new(format!("{}: {message}", visible(procedure))).advise(procedure::nearest(procedure)))
        }
        Reply::Refused { message, .. } => {
            Some(advise_usage(Failure::new(format!("{}: {}", visible(procedure), visible(message))), procedure))
        }
    }
}

fn advise_usage(failure: Failure, procedure: &str) -> Failure {
    match Procedure::named(procedure) {
        Some(known) => failure.advise(format_args!("cikada rpc {} {}", known.name, known.takes)),
        None => failure.advise(procedure::nearest(procedure)),
    }
}

fn advice(status: &str) -> &'static str {
    match status {
        "restricted" => {
            "it is not below this client, or a client may not do that to itself: use the key of an owner, or --client-id"
        }
        "noauth" => "the caller lacks the right to that: a key of its own subtree, or a token that was granted it",
        "limit" => "a limit of the owning client is used up: its own owner raises it with `update`",
        "locked" => "the calling client is locked: its owner unlocks it with `update`",
        "expire" => "no value came in time: wait longer with {\"timeout\": milliseconds}",
        _ => "see the page on the resource API",
    }
}
