//! One serial number at a time: look at it, enable, re-enable, remap, disable, unregister (contract, README "Life of a
//! serial number").

use serde_json::{Value, json};
use wire::form::Form;

use super::{Many, One, PATH, Partner};
use crate::client::{Request, Server};
use crate::command::{Paging, field};
use crate::failure::{Failure, Outcome};
use crate::output::{Cell, Output};

pub fn show(server: &Server, output: Output, one: &One, partner: &Partner) -> Outcome {
    let request = partner.name(Request::get(PATH, &[&one.model, &one.sn]).to(format!("show {}", one.sn)));
    let answer = server.ask(&request)?;
    let record = if answer.status == 204 { vec![String::new(); 3] } else { answer.record(2)? };
    output.thing(&[
        ("sn", Cell::text(&one.sn)),
        ("status", Cell::status(&record[0])),
        ("client", Cell::text(&record[1])),
        ("extra", Cell::text(field(&record, 2))),
    ])
}

pub fn log(server: &Server, output: Output, one: &One) -> Outcome {
    let request = Request::get(PATH, &[&one.model, &one.sn]).query("show", "log");
    let answer = server.ask(&request.to(format!("show the log of {}", one.sn)))?;
    let mut table = output.table(&["time", "from", "result", "entry"]);
    let rows = answer.records()?.into_iter().map(|record| {
        let entry = field(&record, 2);
        vec![
            Cell::time(field(&record, 0)),
            Cell::text(field(&record, 1)),
            Cell::text(&result_of(entry)),
            Cell::text(entry),
        ]
    });
    table.page(rows.collect())?;
    table.end("nobody has called in as this serial number")
}

/// The word after `result=` in a log entry, where there is one.
fn result_of(entry: &str) -> String {
    let form = Form::from_body(entry.as_bytes(), &model::Limits::default());
    let result = form.ok().and_then(|form| form.one("result").ok().flatten().map(str::to_owned));
    result.unwrap_or_default()
}

pub fn groups(server: &Server, output: Output, one: &One, paging: &Paging) -> Outcome {
    let request = Request::get(PATH, &[&one.model, &one.sn]).query("show", "groups");
    let request = request.to(format!("list the groups of {}", one.sn));
    paging.print(server, &request, output.table(&["group"]), "a member of no group", |record| {
        vec![Cell::text(field(record, 0))]
    })
}

pub fn enable(server: &Server, output: Output, many: &Many, owner: &str, partner: &Partner) -> Outcome {
    each(output, &many.sns, |sn| {
        let request = Request::post(PATH, &[&many.model, sn])
            .form([("enable", "true"), ("owner", owner)])
            .to(format!("enable {sn}"))
            .advise(400, "the owner is the RID of a client: 40 digits, 0-9 and a-f")
            .advise(403, "the owner must be a client in your own tree")
            .advise(
                409,
                format!("it has a client already: `cikada sn reenable {} {sn}` gives it a new key; or the owner's limits leave no room", many.model),
            );
        let answer = server.ask(&partner.name(request))?;
        let client = answer.body.trim();
        Ok((
            format!("enabled {sn}: client {client}; the device may call in now"),
            json!({"enabled": sn, "client": client}),
        ))
    })
}

pub fn reenable(server: &Server, output: Output, many: &Many, partner: &Partner) -> Outcome {
    each(output, &many.sns, |sn| {
        let request = Request::post(PATH, &[&many.model, sn])
            .form([("enable", "true")])
            .to(format!("re-enable {sn}"))
            .advise(409, "it has no client yet: name its owner with `cikada sn enable … --owner RID`");
        server.ask(&partner.name(request))?;
        Ok((
            format!("re-enabled {sn}: its old key is dead, the device may call in for a new one"),
            json!({"reenabled": sn}),
        ))
    })
}

pub fn disable(server: &Server, output: Output, many: &Many, partner: &Partner) -> Outcome {
    each(output, &many.sns, |sn| {
        let request = Request::post(PATH, &[&many.model, sn])
            .form([("disable", "true")])
            .to(format!("disable {sn}"))
            .advise(409, "it has no client: there is no key to kill");
        server.ask(&partner.name(request))?;
        Ok((format!("disabled {sn}: its key is dead"), json!({"disabled": sn})))
    })
}

pub fn remap(server: &Server, output: Output, model: &str, sn: &str, from: &str) -> Outcome {
    let request = Request::post(PATH, &[model, sn])
        .form([("enable", "true"), ("oldsn", from)])
        .to(format!("remap {from} to {sn}"))
        .advise(404, format!("both must be registered: `cikada sn add {model} {sn}` registers the new one"))
        .advise(409, format!("{sn} must have no client, {from} must have one: look with `cikada sn show {model} SN`"));
    server.ask(&request)?;
    output.done(
        format_args!("{sn} has the client of {from} now; its device may call in, {from} is unused"),
        json!({"remapped": sn, "from": from}),
    )
}

pub fn delete(server: &Server, output: Output, many: &Many) -> Outcome {
    let fields = many.sns.iter().map(|sn| ("sn[]", sn.as_str())).chain([("delete", "true")]);
    let what = if let [sn] = many.sns.as_slice() { sn.clone() } else { format!("{} serial numbers", many.sns.len()) };
    let request = Request::post(PATH, &[&many.model]).collection().form(fields).to(format!("unregister {what}"));
    server.ask(&request)?;
    output.done(format_args!("unregistered {what}"), json!({"unregistered": many.sns}))
}

/// Does the same to each serial number; one that fails does not keep the others from being done.
fn each(output: Output, sns: &[String], act: impl Fn(&str) -> Outcome<(String, Value)>) -> Outcome {
    if let [sn] = sns {
        let (sentence, facts) = act(sn)?;
        return output.done(sentence, facts);
    }
    let mut failed = 0;
    for sn in sns {
        match act(sn) {
            Ok((sentence, facts)) => output.done(sentence, facts)?,
            Err(failure) => {
                failure.report();
                failed += 1;
            }
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{failed} of {} failed", sns.len()))),
    }
}
