//! `cikada data … --server coap://…`: the same over CoAP (contract, coap.md), as far as that goes.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use wire::coap::Code;

use super::Action;
use crate::client::Flags;
use crate::client::coap::{Ask, Coap};
use crate::failure::{Failure, Outcome};
use crate::output::{Cell, Output, line, note, visible};
use crate::when::utc;

const ADVICE: &[(Code, &str)] = &[
    (Code::BAD_REQUEST, "a value does not fit the format of its dataport; nothing was written"),
    (Code::UNAUTHORIZED, super::DEAD_KEY),
    (Code::FORBIDDEN, "there is no such alias; nothing was written"),
];

/// Does what was asked for over CoAP.
pub fn run(flags: &Flags, output: Output, action: Action) -> Outcome {
    let cik = flags.own_cik()?;
    let cik = cik.ok_or_else(|| Failure::new("this needs the CIK of a client").advise("export CIKADA_CIK=<CIK>"))?;
    let coap = Coap::at(&flags.server, Some(cik))?;
    match action {
        Action::Read { aliases } => read(&coap, output, &aliases),
        Action::Write { values } => write(&coap, output, &values),
        Action::Record { .. } => {
            Err(Failure::new("there is no recording over CoAP").advise("give an http:// or https:// address"))
        }
        Action::Watch { since: Some(_), .. } => {
            Err(Failure::new("over CoAP only what comes from now on can be watched")
                .advise("leave out --since, or give an http:// or https:// address"))
        }
        Action::Watch { alias, count, .. } => watch(&coap, output, &alias, count),
    }
}

fn read(coap: &Coap, output: Output, aliases: &[String]) -> Outcome {
    let mut rows = Vec::new();
    for alias in aliases {
        let value = text(coap.ask_whole(&get(&["1a", alias], &format!("read {alias}")))?)?;
        if value.is_empty() {
            note(format_args!("{}: no value yet", visible(alias)));
        } else {
            rows.push(vec![Cell::text(alias), Cell::text(&value)]);
        }
    }
    let mut table = output.table(&["alias", "value"]);
    table.page(rows)?;
    table.end("no values there")
}

/// One value as it is, several in one message, so that they stand at one second.
fn write(coap: &Coap, output: Output, values: &[(String, String)]) -> Outcome {
    let doing = "write the values";
    match values {
        [(alias, value)] => post(coap, &["1a", alias], value.as_bytes(), doing)?,
        several => {
            let map: Map<String, Value> = several.iter().map(|(alias, value)| (alias.clone(), json!(value))).collect();
            let payload = wire::cbor::encode(&map).map_err(|_| Failure::new("the values cannot be written down"))?;
            post(coap, &["1a"], &payload, doing)?;
        }
    }
    let names: Vec<&str> = values.iter().map(|(alias, _)| &**alias).collect();
    output.done(format_args!("wrote {}", visible(&names.join(", "))), json!({"written": names}))
}

fn watch(coap: &Coap, output: Output, alias: &str, count: Option<u64>) -> Outcome {
    let mut seen = 0;
    if count == Some(0) {
        return Ok(());
    }
    coap.observe(&get(&["1a", alias], &format!("watch {alias}")), |value| {
        let value = String::from_utf8_lossy(value);
        // Nothing in a notification says when it was written.
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if output.is_json() {
            line(json!({"alias": alias, "at": at, "value": value}))?;
        } else {
            line(format_args!("{}  {}", utc(at), visible(&value)))?;
        }
        seen += 1;
        Ok(count.is_none_or(|count| seen < count))
    })
}

fn get<'a>(path: &'a [&'a str], doing: &'a str) -> Ask<'a> {
    Ask { method: Code::GET, path, payload: b"", block: None, doing, advice: ADVICE }
}

fn post(coap: &Coap, path: &[&str], payload: &[u8], doing: &str) -> Outcome {
    /// What fits into one datagram on every network.
    const PAYLOAD_BYTES: usize = 1024;
    if payload.len() > PAYLOAD_BYTES {
        return Err(Failure::new(format!("cannot {doing}: more than {PAYLOAD_BYTES} bytes"))
            .advise("write fewer at a time, or give an http:// or https:// address"));
    }
    let ask = Ask { method: Code::POST, path, payload, block: None, doing, advice: ADVICE };
    coap.ask(&ask).map(drop)
}

fn text(bytes: Vec<u8>) -> Outcome<String> {
    String::from_utf8(bytes).map_err(|_| Failure::new("the server's answer is not text"))
}
