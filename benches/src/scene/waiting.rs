//! Twenty thousand connections that wait, in three ways: what each costs, and how soon all are woken (contract, data.md "Long
//! polling"; rpc.md `wait` and "Over WebSocket").

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::crowd::{Crowd, Way, allow_files};
use crate::report::{Report, Row, duration, thousands};
use crate::rpc::Rpc;
use crate::server::Server;
use crate::settings::Settings;
use crate::{Outcome, failed};

const COUNT: u64 = 20_000;
/// As many as one client may have sockets.
const OF_ONE_CLIENT: usize = 64;
/// Values of one request.
const AT_ONCE: usize = 1_000;
/// Files that server and generator need beside those of the connections.
const RESERVE: u64 = 1_100;
const RESIDENT: f64 = 20.0 * 1024.0;
const WOKEN_IN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);

/// A dataport that is waited for.
struct Watched {
    cik: String,
    alias: String,
    rid: String,
}

pub fn play(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let files = allow_files(COUNT + RESERVE);
    let count = settings.count(COUNT).min(files.saturating_sub(RESERVE));
    let mut server = Server::start_with("[http]\nconnections = 30000\n", &[])?;
    let watched = make(&server, count as usize)?;
    for (round, way) in [Way::LongPoll, Way::RpcWait, Way::WebSocket].into_iter().enumerate() {
        // What a round before has given back would be used again, and not be seen.
        server.stop();
        server.resume()?;
        measure(report, &server, way, round, &watched)?;
    }
    Ok(())
}

/// Clients of 64 dataports each.
fn make(server: &Server, count: usize) -> Outcome<Vec<Watched>> {
    let mut rpc = Rpc::open(server)?;
    let limits = json!({"client": "inherit", "dataport": "inherit"});
    let original = rpc.call(json!(null), "create", json!([{"alias": ""}, "client", {"limits": limits}]))?;
    let name = original.as_str().ok_or("create gave no RID")?;
    for number in 0..OF_ONE_CLIENT {
        rpc.make_dataport(name, "integer", &format!("p{number}"))?;
    }
    let mut watched = Vec::with_capacity(count);
    while watched.len() < count {
        let rid = rpc.call(json!(null), "create", json!([{"alias": ""}, "clone", {"rid": original}]))?;
        let info = rpc.call(json!(null), "info", json!([rid, {"aliases": true, "key": true}]))?;
        let cik = info["key"].as_str().ok_or("info told no key")?;
        for (rid, names) in info["aliases"].as_object().ok_or("info told no aliases")? {
            let alias = names[0].as_str().ok_or("a dataport without a name")?;
            watched.push(Watched { cik: cik.to_owned(), alias: alias.to_owned(), rid: rid.clone() });
        }
    }
    watched.truncate(count);
    Ok(watched)
}

fn measure(report: &mut Report, server: &Server, way: Way, round: usize, watched: &[Watched]) -> Outcome<()> {
    let before = server.memory()?.resident;
    let keys: Vec<(&str, &str)> = watched.iter().map(|watched| (&*watched.cik, &*watched.alias)).collect();
    let mut crowd = Crowd::open(server.address, way, round, &keys)?;
    settle(server, &mut crowd)?;
    if way == Way::WebSocket && crowd.acknowledged != watched.len() {
        return failed(format!("{} of {} subscriptions were acknowledged", crowd.acknowledged, watched.len()));
    }
    let each = server.memory()?.resident.saturating_sub(before) as f64 / watched.len() as f64;

    let mut rpc = Rpc::open(server)?;
    let groups: Vec<Value> = watched
        .chunks(AT_ONCE)
        .map(|group| Value::from_iter(group.iter().map(|watched| json!([watched.rid, 1]))))
        .collect();
    let began = Instant::now();
    let written: crate::Outcome<Vec<Instant>> = thread::scope(|scope| {
        let writing = scope.spawn(|| -> Result<Vec<Instant>, String> {
            let mut sent = Vec::new();
            for group in &groups {
                sent.push(Instant::now());
                rpc.call(json!(null), "writegroup", json!([group])).map_err(|error| error.to_string())?;
            }
            Ok(sent)
        });
        while crowd.woken() < watched.len() && began.elapsed() < PATIENCE {
            crowd.attend(Duration::from_millis(1))?;
        }
        writing.join().map_err(|_| "the writer panicked")?.map_err(Into::into)
    });
    let sent = written?;
    // Whoever is woken twice is so by now.
    crowd.attend(Duration::from_secs(1))?;
    let (woken, again) = (crowd.woken(), crowd.woken_again());
    let last = crowd.moments().flatten().max().map_or(Duration::MAX, |last| last - began);
    let longest = crowd
        .moments()
        .enumerate()
        .filter_map(|(number, moment)| Some(moment? - *sent.get(number / AT_ONCE)?))
        .max()
        .unwrap_or(Duration::MAX);
    let all = woken == watched.len() && again == 0;
    report.add(Row {
        what: format!("{} connections in {}", thousands(watched.len() as f64), way.name()),
        asked: "20 KiB each; all woken in 1 s by one write each".into(),
        reached: format!(
            "{:.1} KiB each; all written and woken in {}, each at most {} after its write; {} lost, {again} twice",
            each / 1024.0,
            duration(last),
            duration(longest),
            watched.len() - woken,
        ),
        limit: String::new(),
        held: Some(all && each <= RESIDENT && last <= WOKEN_IN),
    });
    Ok(())
}

/// Until the server has nothing to do any more.
fn settle(server: &Server, crowd: &mut Crowd) -> Outcome<()> {
    let (began, mut busy) = (Instant::now(), server.watched().cpu()?);
    while began.elapsed() < PATIENCE {
        crowd.attend(Duration::from_millis(500))?;
        let now = server.watched().cpu()?;
        if now.saturating_sub(busy) < Duration::from_millis(30) {
            return Ok(());
        }
        busy = now;
    }
    failed("the server does not come to rest")
}
