//! The tree as a list of nodes, with every rule in its plainest form.

use std::collections::BTreeMap;

use store::table::resource::Kind;

/// Something that is done. Places are numbers of nodes.
#[derive(Clone, Debug)]
pub enum Op {
    Create { owner: usize, kind: Kind, limits: [Option<i64>; 2] },
    Move { what: usize, to: usize, follow: bool },
    Clone { what: usize, to: usize },
    Map { client: usize, what: usize, name: &'static str },
    Unmap { client: usize, name: &'static str },
    Drop { what: usize },
    Limit { client: usize, limits: [Option<i64>; 2] },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Restricted,
    Invalid,
    Limit,
}

/// Kind, owner, names.
pub type Seen = (Kind, Option<usize>, Vec<(String, usize)>);

#[derive(Clone)]
struct Node {
    kind: Kind,
    owner: Option<usize>,
    alive: bool,
    limits: [Option<i64>; 2],
    names: BTreeMap<String, usize>,
}

pub struct Tree {
    nodes: Vec<Node>,
}

/// The calling client.
const CALLER: usize = 1;

impl Op {
    /// The same with places that exist, mostly the caller's own.
    pub fn within(&self, count: usize) -> Op {
        let mut op = self.clone();
        let pick = |place: &mut usize| {
            *place = match (*place % 10, *place / 10) {
                (0, rest) => rest % count,
                (_, rest) => match rest % (count - 2) {
                    0 => CALLER,
                    other => other + 2,
                },
            }
        };
        match &mut op {
            Op::Create { owner: a, .. }
            | Op::Unmap { client: a, .. }
            | Op::Drop { what: a }
            | Op::Limit { client: a, .. } => pick(a),
            Op::Move { what: a, to: b, .. } | Op::Clone { what: a, to: b } | Op::Map { client: a, what: b, .. } => {
                pick(a);
                pick(b);
            }
        }
        op
    }
}

impl Tree {
    /// A root with the caller and a foreign client below it.
    pub fn new() -> Tree {
        let client = |owner| Node { kind: Kind::Client, owner, alive: true, limits: [None; 2], names: BTreeMap::new() };
        Tree { nodes: vec![client(None), client(Some(0)), client(Some(0))] }
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn perform(&mut self, op: &Op) -> Outcome {
        match *op {
            Op::Create { owner, kind, limits } => {
                if !self.is_client_within(owner) {
                    return Outcome::Restricted;
                }
                if !self.has_room(owner, [kind == Kind::Client, kind == Kind::Dataport].map(i64::from)) {
                    return Outcome::Limit;
                }
                let limits = if kind == Kind::Client { limits } else { [None; 2] };
                let node = Node { kind, owner: Some(owner), alive: true, limits, names: BTreeMap::new() };
                self.nodes.push(node);
            }
            Op::Move { what, to, follow } => {
                if !self.is_below_caller(what) || !self.is_client_within(to) {
                    return Outcome::Restricted;
                }
                if self.is_within(to, what) {
                    return Outcome::Invalid;
                }
                let from = self.nodes[what].owner;
                if from == Some(to) {
                    return Outcome::Done;
                }
                self.nodes[what].owner = None;
                if !self.has_room(to, self.amounts(what)) {
                    self.nodes[what].owner = from;
                    return Outcome::Limit;
                }
                self.nodes[what].owner = Some(to);
                let old = &mut self.nodes[from.unwrap()].names;
                let followed: Vec<String> =
                    old.iter().filter(|(_, target)| **target == what).map(|(name, _)| name.clone()).collect();
                old.retain(|_, target| *target != what);
                for name in followed.into_iter().filter(|_| follow) {
                    self.nodes[to].names.entry(name).or_insert(what);
                }
            }
            Op::Clone { what, to } => {
                if !self.is_client_within(to) || !self.is_client_within(what) {
                    return Outcome::Restricted;
                }
                if !self.has_room(to, self.amounts(what)) {
                    return Outcome::Limit;
                }
                self.copy(what, to);
            }
            Op::Map { client, what, name } => {
                let is_its_own = self.is_client_within(client) && self.is_below_caller(what);
                if !is_its_own || self.nodes[what].owner != Some(client) {
                    return Outcome::Restricted;
                }
                let known = *self.nodes[client].names.entry(name.to_owned()).or_insert(what);
                if known != what {
                    return Outcome::Invalid;
                }
            }
            Op::Unmap { client, name } => {
                if !self.is_client_within(client) {
                    return Outcome::Restricted;
                }
                self.nodes[client].names.remove(name);
            }
            Op::Drop { what } => {
                if !self.is_below_caller(what) {
                    return Outcome::Restricted;
                }
                let gone: Vec<usize> = (0..self.len()).filter(|place| self.is_within(*place, what)).collect();
                for place in &gone {
                    self.nodes[*place].alive = false;
                }
                self.nodes.iter_mut().for_each(|node| node.names.retain(|_, target| !gone.contains(target)));
            }
            Op::Limit { client, limits } => {
                if !self.is_below_caller(client) {
                    return Outcome::Restricted;
                }
                if self.nodes[client].kind != Kind::Client {
                    return Outcome::Done;
                }
                let used = self.below(client);
                if limits.iter().zip(used).any(|(limit, used)| limit.is_some_and(|limit| used > limit)) {
                    return Outcome::Limit;
                }
                self.nodes[client].limits = limits;
            }
        }
        Outcome::Done
    }

    /// What would come of it.
    pub fn foretell(&self, op: &Op) -> Outcome {
        Tree { nodes: self.nodes.clone() }.perform(op)
    }

    pub fn seen(&self) -> Vec<Option<Seen>> {
        let seen = |node: &Node| {
            let names = node.names.iter().map(|(name, target)| (name.clone(), *target)).collect();
            node.alive.then_some((node.kind, node.owner, names))
        };
        self.nodes.iter().map(seen).collect()
    }

    pub fn children(&self, owner: usize, kind: Kind) -> Vec<usize> {
        let is_child = |place: &usize| {
            let node = &self.nodes[*place];
            node.alive && node.owner == Some(owner) && node.kind == kind
        };
        (0..self.len()).filter(is_child).collect()
    }

    /// Copies a tree in the order in which its copies are found again: level by level.
    fn copy(&mut self, what: usize, to: usize) {
        let mut originals = vec![what];
        let mut next = 0;
        while let Some(place) = originals.get(next).copied() {
            let children = (0..self.len()).filter(|child| {
                let node = &self.nodes[*child];
                node.alive && node.owner == Some(place)
            });
            originals.extend(children);
            next += 1;
        }
        let first = self.len();
        let copy_of = |place: usize| first + originals.iter().position(|original| *original == place).unwrap();
        for (number, original) in originals.iter().enumerate() {
            let mut node = self.nodes[*original].clone();
            node.owner = Some(if number == 0 { to } else { copy_of(node.owner.unwrap()) });
            node.names = node.names.into_iter().map(|(name, target)| (name, copy_of(target))).collect();
            self.nodes.push(node);
        }
    }

    fn is_client_within(&self, place: usize) -> bool {
        let node = &self.nodes[place];
        node.alive && node.kind == Kind::Client && self.is_within(place, CALLER)
    }

    fn is_below_caller(&self, place: usize) -> bool {
        self.nodes[place].alive && place != CALLER && self.is_within(place, CALLER)
    }

    fn is_within(&self, place: usize, client: usize) -> bool {
        place == client || self.nodes[place].owner.is_some_and(|owner| self.is_within(owner, client))
    }

    /// Clients and dataports below a place.
    fn below(&self, place: usize) -> [i64; 2] {
        let count = |kind: Kind| {
            let counted = |other: &usize| {
                let node = &self.nodes[*other];
                *other != place && node.alive && node.kind == kind && self.is_within(*other, place)
            };
            (0..self.len()).filter(counted).count() as i64
        };
        [count(Kind::Client), count(Kind::Dataport)]
    }

    /// The same with the place itself.
    fn amounts(&self, place: usize) -> [i64; 2] {
        let [clients, ports] = self.below(place);
        match self.nodes[place].kind {
            Kind::Client => [clients + 1, ports],
            _ => [clients, ports + 1],
        }
    }

    fn has_room(&self, owner: usize, more: [i64; 2]) -> bool {
        let mut place = Some(owner);
        while let Some(client) = place {
            let used = self.below(client);
            for number in 0..2 {
                let limit = self.nodes[client].limits[number];
                if limit.is_some_and(|limit| used[number] + more[number] > limit) {
                    return false;
                }
            }
            place = self.nodes[client].owner;
        }
        true
    }
}
