//! The ownership tree against a small model in memory: whatever is made, moved, cloned, named, limited and dropped, both agree
//! on what is refused and on what there is.

#![allow(clippy::unwrap_used, missing_docs, reason = "a broken expectation ends the test")]

mod model_tree;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use cikada_domain::caller::{self, Caller, Credential, Right};
use cikada_domain::resource::{self, Copying, Description, Named, Names, Original, Which};
use model::{Alias, Error, Limits, Noun, Result, Rid};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use store::table::resource::Kind;
use store::{Clock, MasterKey, Store, Tx};

use model_tree::{Op, Outcome, Tree};

fn named(rids: &[Rid], place: usize) -> Named {
    Named::Rid(rids[place])
}

fn fields(json: Value) -> Map<String, Value> {
    json.as_object().cloned().unwrap()
}

fn limit(limit: Option<i64>) -> Value {
    limit.map_or(json!("inherit"), |limit| json!(limit))
}

fn outcome(result: Result<Vec<Rid>>) -> (Outcome, Vec<Rid>) {
    match result {
        Ok(made) => (Outcome::Done, made),
        Err(Error::Forbidden(Noun::Resource)) => (Outcome::Restricted, Vec::new()),
        Err(Error::LimitReached(_)) => (Outcome::Limit, Vec::new()),
        Err(Error::Conflict(_) | Error::Exists(..)) => (Outcome::Invalid, Vec::new()),
        Err(other) => panic!("{other}"),
    }
}

/// Does one thing in the store; the RIDs that it made come back, owners first.
fn perform(tx: &mut Tx<'_>, caller: &Caller, rids: &[Rid], op: &Op) -> Result<Vec<Rid>> {
    let limits = Limits::default();
    match op {
        Op::Create { owner, kind, limits: own } => {
            let owner = caller.client_within(tx, Right::Create, &named(rids, *owner))?;
            let given = match kind {
                Kind::Client => json!({"limits": {"client": limit(own[0]), "dataport": limit(own[1])}}),
                _ => json!({"format": "string"}),
            };
            Ok(vec![resource::create(tx, &limits, caller, &owner, *kind, fields(given))?])
        }
        Op::Move { what, to, follow } => {
            let moved = caller.controlled(tx, Right::Move, &named(rids, *what))?;
            let to = caller.client_within(tx, Right::Move, &named(rids, *to))?;
            resource::relocate(tx, &moved, &to, if *follow { Names::Follow } else { Names::Lapse })?;
            Ok(Vec::new())
        }
        Op::Clone { what, to } => {
            let to = caller.client_within(tx, Right::Create, &named(rids, *to))?;
            let copying = Copying { aliases: true, comments: true, historical: true };
            let top = resource::clone_for(tx, caller, &to, &Original::Rid(rids[*what]), copying)?;
            let mut made = vec![top];
            let mut next = 0;
            while let Some(rid) = made.get(next).copied() {
                next += 1;
                let row = store::table::resource::find_by_rid(tx, rid)?.unwrap();
                if row.kind == Kind::Client {
                    made.extend(store::table::resource::children(tx, row.id)?.into_iter().map(|child| child.rid));
                }
            }
            Ok(made)
        }
        Op::Map { client, what, name } => {
            let client = caller.client_within(tx, Right::Map, &named(rids, *client))?;
            let what = caller.controlled(tx, Right::Map, &named(rids, *what))?;
            resource::map(tx, &client, &what, &Alias::parse(name, &limits)?)?;
            Ok(Vec::new())
        }
        Op::Unmap { client, name } => {
            let client = caller.client_within(tx, Right::Unmap, &named(rids, *client))?;
            resource::unmap(tx, &client, &Alias::parse(name, &limits)?)?;
            Ok(Vec::new())
        }
        Op::Drop { what } => {
            let dropped = caller.controlled(tx, Right::Drop, &named(rids, *what))?;
            resource::drop(tx, caller, &dropped)?;
            Ok(Vec::new())
        }
        Op::Limit { client, limits: new } => {
            let updated = caller.controlled(tx, Right::Update, &named(rids, *client))?;
            if updated.row().kind != Kind::Client {
                return Ok(Vec::new());
            }
            let given = json!({"limits": {"client": limit(new[0]), "dataport": limit(new[1])}});
            resource::update(tx, &limits, caller, &updated, fields(given))?;
            Ok(Vec::new())
        }
    }
}

/// What the store holds, in the model's words: (kind, owner, names) for each place that is alive.
fn look(tx: &mut Tx<'_>, rids: &[Rid]) -> Result<Vec<Option<model_tree::Seen>>> {
    let mut seen = Vec::new();
    for rid in rids {
        let Some(row) = store::table::resource::find_by_rid(tx, *rid)? else {
            seen.push(None);
            continue;
        };
        let place = |tx: &mut Tx<'_>, id: i64| -> Result<usize> {
            let rid = store::table::resource::find(tx, id)?.unwrap().rid;
            Ok(rids.iter().position(|known| *known == rid).unwrap())
        };
        let owner = match row.owner_id {
            Some(id) => Some(place(tx, id)?),
            None => None,
        };
        let mut names = Vec::new();
        for (name, target) in store::table::alias::list(tx, row.id)? {
            names.push((name, place(tx, target)?));
        }
        seen.push(Some((row.kind, owner, names)));
    }
    Ok(seen)
}

fn play(tx: &mut Tx<'_>, ops: &[Op]) -> Result<std::result::Result<(), String>> {
    let open = |tx: &mut Tx<'_>, owner: Option<i64>| {
        let inherit = json!({"limits": {"client": "inherit", "dataport": "inherit"}});
        let description = Description::new(Kind::Client, fields(inherit), &Limits::default())?;
        resource::plant_client(tx, owner, &description, None)
    };
    let root = open(tx, None)?;
    let calling = open(tx, Some(root.id))?;
    let foreign = open(tx, Some(root.id))?;
    let caller = caller::calling(tx, &Credential::Cik(calling.cik.clone()))?;
    let mut rids = vec![root.rid, calling.rid, foreign.rid];
    let mut tree = Tree::new();
    for (number, op) in ops.iter().enumerate() {
        let op = op.within(tree.len());
        let (done, made) = outcome(tx.attempt(|tx| perform(tx, &caller, &rids, &op)));
        let foretold = tree.perform(&op);
        if done != foretold {
            return Ok(Err(format!("{number}: {op:?} was {done:?}, foretold {foretold:?}")));
        }
        rids.extend(made);
        let (is, should) = (look(tx, &rids)?, tree.seen());
        if is != should {
            return Ok(Err(format!("{number}: after {op:?}\nis     {is:?}\nshould {should:?}")));
        }
    }
    // Whatever was done before, there is room for one more exactly where the model says so.
    for owner in 0..rids.len() {
        for kind in [Kind::Client, Kind::Dataport] {
            let op = Op::Create { owner, kind, limits: [None; 2] };
            let mut done = None;
            let _undone: Result<()> = tx.attempt(|tx| {
                done = Some(outcome(tx.attempt(|tx| perform(tx, &caller, &rids, &op))).0);
                Err(Error::NotEnabled)
            });
            let foretold = tree.foretell(&op);
            if done != Some(foretold) {
                return Ok(Err(format!("at last {op:?} was {done:?}, foretold {foretold:?}")));
            }
        }
    }
    // What a client lists is what the model says that it owns.
    let whole = caller.client_within(tx, Right::Listing, &Named::Itself)?;
    let which = Which { owned: true, ..Which::default() };
    for kind in [Kind::Client, Kind::Dataport] {
        let listed = resource::listing(tx, &whole, kind, which)?;
        let owned: Vec<Rid> = tree.children(1, kind).into_iter().map(|place| rids[place]).collect();
        let (mut listed, mut owned) = (listed, owned);
        listed.sort();
        owned.sort();
        if listed != owned {
            return Ok(Err(format!("listed {listed:?}, owned {owned:?}")));
        }
    }
    Ok(Ok(()))
}

fn ops() -> impl Strategy<Value = Op> {
    let place = 0usize..1000;
    let limits = || prop_oneof![1 => Just(None), 1 => (0i64..5).prop_map(Some)];
    let kind = prop_oneof![Just(Kind::Client), Just(Kind::Dataport)];
    let name = || prop_oneof![Just("a"), Just("b"), Just("c")];
    prop_oneof![
        6 => (place.clone(), kind, limits(), limits())
            .prop_map(|(owner, kind, clients, ports)| Op::Create { owner, kind, limits: [clients, ports] }),
        6 => (place.clone(), place.clone(), any::<bool>())
            .prop_map(|(what, to, follow)| Op::Move { what, to, follow }),
        2 => (place.clone(), place.clone()).prop_map(|(what, to)| Op::Clone { what, to }),
        4 => (place.clone(), place.clone(), name()).prop_map(|(client, what, name)| Op::Map { client, what, name }),
        1 => (place.clone(), name()).prop_map(|(client, name)| Op::Unmap { client, name }),
        2 => place.clone().prop_map(|what| Op::Drop { what }),
        2 => (place, limits(), limits())
            .prop_map(|(client, clients, ports)| Op::Limit { client, limits: [clients, ports] }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_is_what_a_small_model_says(ops in proptest::collection::vec(ops(), 1..50)) {
        let played = block_on(shared().0.write(move |tx| play(tx, &ops))).unwrap();
        prop_assert!(played.is_ok(), "{}", played.unwrap_err());
    }
}

/// One store for all cases, each of which has a tree of its own in it.
fn shared() -> &'static (Store, tempfile::TempDir) {
    static SHARED: OnceLock<(Store, tempfile::TempDir)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = store::Options::new(folder.path().join("db"));
        let master = MasterKey::from_bytes([7; 32]);
        Store::create(&options, &master).unwrap();
        let store = Store::open(options, &master, Clock::system(), |why| panic!("{why}")).unwrap();
        (store, folder)
    })
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Unpark>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
