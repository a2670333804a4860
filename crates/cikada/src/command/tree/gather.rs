//! Reads a tree level by level, in as few requests as hold the calls: a thousand resources cost a few, not a thousand.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::node::{Kind, Node, Tree};
use crate::client::Request;
use crate::client::rpc::{Call, Entry, Rpc};
use crate::failure::{Failure, Outcome};

/// Values may be of 64 KiB each, and an answer has its limit.
const READS: usize = 200;
/// Descriptions are shorter.
const INFOS: usize = 500;

/// Reads the tree of the calling client, so many levels deep.
pub fn gather(rpc: &Rpc, depth: Option<u32>) -> Outcome<Tree> {
    let now = server_time(rpc)?;
    let mut nodes = vec![top(rpc)?];
    let mut level = vec![0];
    let mut left = depth;
    while !level.is_empty() {
        if left == Some(0) {
            count(rpc, &mut nodes, &level)?;
            break;
        }
        left = left.map(|left| left - 1);
        let found = children(rpc, &nodes, &level)?;
        let from = nodes.len();
        for (owner, node) in found {
            let place = nodes.len();
            nodes[owner].children.push(place);
            nodes.push(node);
        }
        read_newest(rpc, &mut nodes[from..])?;
        level = (from..nodes.len()).filter(|place| nodes[*place].kind == Kind::Client).collect();
    }
    let mut tree = Tree { nodes, now };
    tree.sort();
    Ok(tree)
}

/// The calling client.
fn top(rpc: &Rpc) -> Outcome<Node> {
    let itself = json!({"alias": ""});
    let asked = [Call::new("lookup", json!(["alias", ""])), Call::new("info", json!([itself, facts(Kind::Client)]))];
    let entries = rpc.call(&asked)?;
    let unseen = || Failure::new("cannot look at the calling client").advise("is it locked? its owner unlocks it");
    let rid = entries.first().and_then(Entry::result).and_then(Json::as_str).ok_or_else(unseen)?;
    let mut node = Node::new(rid, Kind::Client, Vec::new());
    node.info = entries.get(1).and_then(Entry::result).ok_or_else(unseen)?.clone();
    Ok(node)
}

/// What the clients of a level own, each with its owner's place. What is dropped meanwhile is left out.
fn children(rpc: &Rpc, nodes: &[Node], level: &[usize]) -> Outcome<Vec<(usize, Node)>> {
    let kinds = Kind::ALL.map(Kind::word);
    let list = |place: &usize| Call::new("listing", json!([nodes[*place].rid, kinds, {"owned": true}]));
    let listed = rpc.call(&level.iter().map(list).collect::<Vec<_>>())?;
    let mut found = Vec::new();
    for (owner, entry) in level.iter().zip(&listed) {
        let Some(by_kind) = entry.result() else { continue };
        let names = aliases(&nodes[*owner].info);
        for kind in Kind::ALL {
            let rids = by_kind[kind.word()].as_array().into_iter().flatten().filter_map(Json::as_str);
            found.extend(rids.map(|rid| {
                let aliases = names.get(rid).cloned().unwrap_or_default();
                (*owner, Node::new(rid, kind, aliases))
            }));
        }
    }
    let ask = |(_, node): &(usize, Node)| Call::new("info", json!([node.rid, facts(node.kind)]));
    let infos = rpc.call_by(&found.iter().map(ask).collect::<Vec<_>>(), INFOS)?;
    let mut known = Vec::with_capacity(found.len());
    for ((owner, mut node), entry) in found.into_iter().zip(infos) {
        if let Some(info) = entry.result() {
            node.info = info.clone();
            known.push((owner, node));
        }
    }
    Ok(known)
}

fn facts(kind: Kind) -> Json {
    json!({"basic": true, "description": true, "aliases": kind == Kind::Client})
}

/// The names that a client gives, by RID.
fn aliases(info: &Json) -> HashMap<&str, Vec<String>> {
    let named = info["aliases"].as_object().into_iter().flatten();
    let texts =
        |names: &Json| names.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
    named.map(|(rid, names)| (rid.as_str(), texts(names))).collect()
}

fn read_newest(rpc: &Rpc, nodes: &mut [Node]) -> Outcome {
    let mut series: Vec<&mut Node> = nodes.iter_mut().filter(|node| node.kind != Kind::Client).collect();
    let calls: Vec<Call> = series.iter().map(|node| Call::new("read", json!([node.rid, {"limit": 1}]))).collect();
    for (node, entry) in series.iter_mut().zip(rpc.call_by(&calls, READS)?) {
        let point = entry.result().and_then(|points| points.get(0));
        node.newest = point.and_then(|point| Some((point.get(0)?.as_i64()?, point.get(1)?.clone())));
    }
    Ok(())
}

/// How much the clients own where nobody goes down to them.
fn count(rpc: &Rpc, nodes: &mut [Node], level: &[usize]) -> Outcome {
    let ask = |place: &usize| Call::new("info", json!([nodes[*place].rid, {"counts": true}]));
    let counted = rpc.call(&level.iter().map(ask).collect::<Vec<_>>())?;
    for (place, entry) in level.iter().zip(&counted) {
        let counts = entry.result().map_or(&Json::Null, |info| &info["counts"]);
        nodes[*place].unseen = Kind::ALL.iter().filter_map(|kind| counts[kind.word()].as_u64()).sum();
    }
    Ok(())
}

/// Ages are told by the clock that values are stamped with.
fn server_time(rpc: &Rpc) -> Outcome<i64> {
    let answer = rpc.server().ask(&Request::get("/timestamp", &[]).to("ask for the server's time"))?;
    answer.body.trim().parse().map_err(|_| Failure::new("the server does not tell its time"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use model::SecretKey as _;

    use super::*;
    use crate::client::rpc::ActingAs;
    use crate::client::{Credential, fixture};

    /// A client with as many dataports, as a server would tell of it.
    fn told(dataports: usize, call: &Json) -> Json {
        match call["procedure"].as_str() {
            Some("lookup") => json!("top"),
            Some("listing") => {
                let rids: Vec<String> = (0..dataports).map(|number| format!("port-{number}")).collect();
                json!({"client": [], "dataport": rids, "datarule": [], "dispatch": []})
            }
            Some("read") => json!([[5, 1]]),
            _ => json!({"description": {"format": "integer"}, "aliases": {"port-7": ["seven"]}}),
        }
    }

    #[test]
    fn thousands_of_resources_take_a_few_requests() {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let server = fixture::serve(move |request| {
            counted.fetch_add(1, Ordering::SeqCst);
            if request.starts_with("get /timestamp") {
                return fixture::answer("200 OK", "", b"10");
            }
            let body: Json = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
            let entry = |call: &Json| json!({"id": call["id"], "status": "ok", "result": told(3_000, call)});
            let entries: Vec<Json> = body["calls"].as_array().unwrap().iter().map(entry).collect();
            fixture::answer("200 OK", "", Json::from(entries).to_string().as_bytes())
        });
        let cik = model::Cik::parse("0123456789abcdef0123456789abcdef01234567").unwrap();
        let tree = gather(&Rpc::new(server, &Credential::Cik(cik), &ActingAs::default()), None).unwrap();
        assert_eq!((tree.nodes.len(), tree.nodes[0].children.len()), (3_001, 3_000));
        assert!(tree.nodes.iter().any(|node| node.label() == "seven"));
        // The time, the top, one listing, six of descriptions, fifteen of values.
        assert_eq!(requests.load(Ordering::SeqCst), 24);
    }
}
