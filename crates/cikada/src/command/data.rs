//! `cikada data`: a client's data by alias (contract, data.md).

mod coap;

use clap::Subcommand;
use serde_json::json;
use wire::form::Form;
use wire::http::time::parse_http_date;

use crate::client::{Flags, Request, Server, poll};
use crate::failure::{Failure, Outcome};
use crate::output::{Cell, Output, line, note, visible};
use crate::when::{parse_moment, utc};

const ALIAS: &str = "/onep:v1/stack/alias";
/// How long one poll waits, in milliseconds: less than anything on the way gives up after.
const POLL_MS: &str = "30000";
const DEAD_KEY: &str =
    "this key is not alive: is it the CIK of the client, and was the device re-enabled or disabled since?";

/// Read, write and watch a client's data by alias
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  export CIKADA_CIK=<CIK>
  cikada data write temperature=21.5 state=on
  cikada data read temperature state
  cikada data record temperature -3600=20.5 -1800=21.0     # an hour and half an hour ago
  cikada data watch temperature
  cikada data watch temperature --server coap://provision.example.com     # told over CoAP

An alias that does not exist is passed over by a write: `cikada data read` shows what is there.")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show the newest values
    Read {
        /// Names of dataports
        #[arg(required = true, value_name = "ALIAS")]
        aliases: Vec<String>,
    },
    /// Write values, all at the same second
    Write {
        /// Names and values
        #[arg(required = true, value_name = "ALIAS=VALUE", value_parser = pair)]
        values: Vec<(String, String)>,
    },
    /// Record values of the past
    Record {
        /// The dataport's name
        alias: String,
        /// Unix seconds and values; a negative second counts back from now
        #[arg(required = true, value_name = "SECOND=VALUE", value_parser = pair, allow_hyphen_values = true)]
        points: Vec<(String, String)>,
    },
    /// Print every new value until it is interrupted
    Watch {
        /// The dataport's name
        alias: String,
        /// Begin with the values after this moment [default: now]
        #[arg(long, value_name = "WHEN", value_parser = parse_moment)]
        since: Option<u64>,
        /// End after so many values
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
}

pub fn run(args: Args) -> Outcome {
    let output = args.flags.output();
    if args.flags.speak_coap()? {
        return coap::run(&args.flags, output, args.action);
    }
    let server = args.flags.client()?;
    match args.action {
        Action::Read { aliases } => read(&server, output, &aliases),
        Action::Write { values } => {
            let request = Request::post(ALIAS, &[]).form(fields(&values)).to("write the values");
            let request = request
                .advise(400, "a value does not fit the format of its dataport; nothing was written")
                .advise(401, DEAD_KEY);
            server.ask(&request)?;
            let names: Vec<&str> = values.iter().map(|(alias, _)| &**alias).collect();
            output.done(format_args!("wrote {}", visible(&names.join(", "))), json!({"written": names}))
        }
        Action::Record { alias, points } => {
            let request = Request::post("/onep:v1/stack/alias/", &[&alias]).form(fields(&points));
            let request = request
                .to(format!("record {alias}"))
                .advise(400, "a second is not a whole number, or a value does not fit the format; nothing was written")
                .advise(401, DEAD_KEY)
                .advise(409, "two values stand at one second; nothing was written");
            server.ask(&request)?;
            let facts = json!({"alias": alias, "recorded": points.len()});
            output.done(format_args!("recorded {} values of {}", points.len(), visible(&alias)), facts)
        }
        Action::Watch { alias, since, count } => watch(&server, output, &alias, since, count),
    }
}

fn read(server: &Server, output: Output, aliases: &[String]) -> Outcome {
    let request = aliases.iter().fold(Request::get(ALIAS, &[]), |request, alias| request.query(alias, ""));
    let answer = server.ask(&request.to("read the values").advise(401, DEAD_KEY))?;
    let form = pairs(&answer.body)?;
    let value_of = |alias: &str| form.iter().find(|(name, _)| *name == alias).map(|(_, value)| value);
    let mut table = output.table(&["alias", "value"]);
    let found = aliases.iter().filter_map(|alias| Some(vec![Cell::text(alias), Cell::text(value_of(alias)?)]));
    table.page(found.collect())?;
    table.end("no values there")?;
    for alias in aliases.iter().filter(|alias| value_of(alias).is_none()) {
        note(format_args!("{}: no such alias, or no value yet", visible(alias)));
    }
    Ok(())
}

/// Asks again and again for the first value after the last that was seen: what comes in between is not lost.
fn watch(server: &Server, output: Output, alias: &str, since: Option<u64>, count: Option<u64>) -> Outcome {
    let mut since = match since {
        Some(since) => since.to_string(),
        None => server_time(server)?.saturating_sub(1).to_string(),
    };
    let mut seen = 0;
    while count.is_none_or(|count| seen < count) {
        let request = Request::get(ALIAS, &[])
            .query(alias, "")
            .header("Request-Timeout", POLL_MS)
            .header("If-Modified-Since", since.clone())
            .to(format!("watch {alias}"))
            .advise(204, "there is no such alias, or not any more")
            .advise(401, DEAD_KEY);
        let Some(news) = poll(server, &request)? else { continue };
        let form = pairs(&news.body)?;
        let value = form.iter().next().map_or("", |(_, value)| value);
        let at = parse_http_date(&news.modified).unwrap_or(0).unsigned_abs();
        if output.is_json() {
            line(json!({"alias": alias, "at": at, "value": value}))?;
        } else {
            line(format_args!("{}  {}", utc(at), visible(value)))?;
        }
        since = news.modified;
        seen += 1;
    }
    Ok(())
}

/// Seconds by the server's clock, which is the one that values are stamped with.
fn server_time(server: &Server) -> Outcome<u64> {
    let answer = server.ask(&Request::get("/timestamp", &[]).to("ask for the server's time"))?;
    answer.body.trim().parse().map_err(|_| Failure::new("the server does not tell its time"))
}

fn fields(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    pairs.iter().map(|(name, value)| (&**name, &**value))
}

fn pairs(body: &str) -> Outcome<Form<'_>> {
    Form::from_body(body.as_bytes(), &model::Limits::default())
        .map_err(|_| Failure::new("the server's answer is not a list of values"))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_ends_its_name_at_the_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("-60="), Ok(("-60".to_owned(), String::new())));
        assert!(pair("a").is_err());
    }
}
