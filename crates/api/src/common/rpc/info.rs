//! What `info` answers, as JSON (contract, rpc.md "info").

use domain::resource::{Basic, Fact, SENT, Share, Standstill, Tally};
use model::{Rid, SecretKey};
use serde_json::{Map, Value as Json, json};

/// The key and the value of one fact.
pub(super) fn entry(fact: Fact) -> (String, Json) {
    let (key, value) = match fact {
        Fact::Aliases(named) => ("aliases", aliases(named)),
        Fact::Basic(facts) => ("basic", basic(&facts)),
        Fact::Comments(comments) => {
            let pair = |(visibility, text): (domain::resource::Visibility, String)| json!([visibility.word(), text]);
            ("comments", Json::Array(comments.into_iter().map(pair).collect()))
        }
        Fact::Counts(counts) => ("counts", tally(&counts)),
        Fact::Description(description) => ("description", description),
        Fact::Key(cik) => ("key", json!(cik.expose_hex())),
        Fact::Shares(shares) => ("shares", Json::Array(shares.iter().map(share).collect())),
        Fact::Storage(held) => {
            let held = json!({
                "count": held.count, "first": held.first, "last": held.last, "size": held.size_bytes
            });
            ("storage", held)
        }
        Fact::Subscribers(subscribers) => {
            let pairs = subscribers.into_iter().map(|(kind, rid)| json!([kind.word(), rid.to_string()]));
            ("subscribers", Json::Array(pairs.collect()))
        }
        Fact::Tagged => ("tagged", json!([])),
        Fact::Tags => ("tags", json!([])),
        Fact::Usage(usage) => ("usage", tally(&usage)),
    };
    (key.to_owned(), value)
}

fn aliases(named: Vec<(Rid, Vec<String>)>) -> Json {
    Json::Object(named.into_iter().map(|(rid, names)| (rid.to_string(), json!(names))).collect())
}

fn basic(facts: &Basic) -> Json {
    let mut basic = Map::new();
    basic.insert("type".into(), json!(facts.kind.word()));
    basic.insert("modified".into(), json!(facts.modified_at));
    basic.insert("subscribers".into(), json!(facts.subscribers));
    if let Some(state) = facts.state {
        basic.insert("status".into(), json!(word(state)));
    }
    if let Some(at) = facts.activated_at {
        basic.insert("activationtime".into(), json!(at));
    }
    Json::Object(basic)
}

fn word(state: Standstill) -> &'static str {
    match state {
        Standstill::Key(status) => status.word(),
        Standstill::Locked => "locked",
        Standstill::Works => "activated",
        Standstill::NotRun => "notrun",
    }
}

fn tally(tally: &Tally) -> Json {
    let mut figures = Map::new();
    for (word, figure) in [
        ("client", tally.clients),
        ("dataport", tally.dataports),
        ("datarule", tally.datarules),
        ("dispatch", tally.dispatches),
        ("share", tally.shares),
        ("disk", tally.disk_bytes),
    ] {
        figures.insert(word.to_owned(), json!(figure));
    }
    for ((_, word), figure) in SENT.into_iter().zip(tally.sent) {
        figures.insert(word.to_owned(), json!(figure));
    }
    Json::Object(figures)
}

fn share(share: &Share) -> Json {
    json!({
        "activator": share.activator.map(|rid| rid.to_string()),
        "code": share.code.expose_hex(),
        "meta": share.meta,
    })
}
