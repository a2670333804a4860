//! The life of a serial number (contract, README): random acts on a real server beside a small model of the status machine.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use cikada_tests::{Server, Vendor, fresh_address, fresh_name};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const NUMBERS: usize = 3;
const NONCES: [&str; 3] = ["", "nonce-of-the-one", "nonce-of-another"];
/// A window is open after one jump of the clock and over after the second, however long a case takes.
const WINDOW: i64 = 300;
const JUMP: i64 = 150;
/// Failed tries from its own address that a device may make before it is told to wait.
const PATIENCE: u32 = 8;

#[derive(Clone, Debug)]
enum Act {
    Add(usize),
    EnableUnderOwner(usize),
    Enable(usize),
    TakeOver { old: usize, new: usize },
    Disable(usize),
    Activate { number: usize, nonce: usize, from_home: bool },
    UseKey(usize),
    Delete(usize),
    DeleteModel,
    Jump,
}

fn act() -> impl Strategy<Value = Act> {
    let number = || 0..NUMBERS;
    prop_oneof![
        4 => number().prop_map(Act::Add),
        5 => number().prop_map(Act::EnableUnderOwner),
        3 => number().prop_map(Act::Enable),
        2 => (number(), number()).prop_map(|(old, new)| Act::TakeOver { old, new }),
        2 => number().prop_map(Act::Disable),
        9 => (number(), 0..NONCES.len(), any::<bool>()).prop_map(|(number, nonce, from_home)| Act::Activate { number, nonce, from_home }),
        3 => (0..100usize).prop_map(Act::UseKey),
        1 => number().prop_map(Act::Delete),
        1 => Just(Act::DeleteModel),
        4 => Just(Act::Jump),
    ]
}

/// A client, as the model knows it.
#[derive(Clone, Debug)]
struct Client {
    rid: String,
    key: Key,
    /// When the last window closes.
    until: i64,
}

#[derive(Clone, Debug)]
enum Key {
    Waiting,
    Answered { cik: String, nonce: usize, home: bool, at: i64, repeats: u32 },
    Used { cik: String },
    Dead,
}

impl Client {
    fn status(&self, now: i64) -> &'static str {
        match self.key {
            Key::Waiting if now < self.until => "notactivated",
            Key::Waiting | Key::Dead => "expired",
            Key::Answered { .. } | Key::Used { .. } => "activated",
        }
    }

    fn cik(&self) -> Option<&str> {
        match &self.key {
            Key::Answered { cik, .. } | Key::Used { cik } => Some(cik),
            Key::Waiting | Key::Dead => None,
        }
    }

    fn reopen(&mut self, now: i64) {
        self.key = Key::Waiting;
        self.until = now + WINDOW;
    }
}

/// What an activation must be answered with.
enum Expected {
    Unknown,
    Refused,
    NewKey,
    SameKey(String),
}

/// A case: the real server, and what the model thinks of it.
struct World<'a> {
    server: &'a Server,
    vendor: Vendor<'a>,
    model: String,
    grace: bool,
    /// The model's own clock: it moves by jumps only.
    now: i64,
    registered: BTreeMap<usize, Option<Client>>,
    orphans: Vec<Client>,
    keys: Vec<String>,
    tries: [Vec<bool>; NUMBERS],
    failures_at_home: [u32; NUMBERS],
    homes: [std::net::Ipv4Addr; NUMBERS],
}

#[test]
fn whatever_happens_to_serial_numbers_the_contract_foretold_it() {
    let server = Server::start();
    let cases = std::env::var("CIKADA_LIFECYCLE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(25);
    let config = Config { cases, max_shrink_iters: 300, failure_persistence: None, ..Config::default() };
    let strategy = (any::<bool>(), proptest::collection::vec(act(), 5..60));
    let played = TestRunner::new(config).run(&strategy, |(grace, acts)| {
        let mut world = World::new(&server, grace);
        for act in &acts {
            world.play(act);
            world.compare();
        }
        world.compare_keys_and_logs();
        Ok(())
    });
    played.unwrap_or_else(|why| panic!("{why}"));
}

impl<'a> World<'a> {
    fn new(server: &'a Server, grace: bool) -> World<'a> {
        let world = World {
            server,
            vendor: server.vendor(),
            model: fresh_name("life"),
            grace,
            now: 0,
            registered: BTreeMap::new(),
            orphans: Vec::new(),
            keys: Vec::new(),
            tries: Default::default(),
            failures_at_home: [0; NUMBERS],
            homes: std::array::from_fn(|_| fresh_address()),
        };
        world.make_model();
        world
    }

    fn make_model(&self) {
        let (timeout, option) = (WINDOW.to_string(), if self.grace { "graceretry" } else { "" });
        self.vendor.add_model(&self.model, &[("activation_timeout", &timeout), ("options[]", option)]);
    }

    fn client(&mut self, number: usize) -> Option<&mut Client> {
        self.registered.get_mut(&number)?.as_mut()
    }

    fn play(&mut self, act: &Act) {
        let (vendor, model, now) = (self.vendor.clone(), self.model.clone(), self.now);
        match *act {
            Act::Add(number) => {
                let answer = vendor.post(&format!("/manage/model/{model}/"), &[("sn", &sn(number))]);
                match self.registered.entry(number) {
                    Entry::Occupied(_) => drop(answer.expect(409)),
                    Entry::Vacant(free) => {
                        answer.expect(205);
                        free.insert(None);
                        self.tries[number].clear();
                    }
                }
            }
            Act::EnableUnderOwner(number) => {
                let answer = vendor.enable_under(&model, &sn(number), &self.server.cast.owner.rid);
                match self.registered.get_mut(&number) {
                    None => drop(answer.expect(404)),
                    Some(Some(_)) => drop(answer.expect(409)),
                    Some(empty) => {
                        let rid = answer.expect(200).text().trim().to_owned();
                        *empty = Some(Client { rid, key: Key::Waiting, until: now + WINDOW });
                    }
                }
            }
            Act::Enable(number) => {
                let answer = vendor.re_enable(&model, &sn(number));
                match self.registered.get_mut(&number) {
                    None => drop(answer.expect(404)),
                    Some(None) => drop(answer.expect(409)),
                    Some(Some(client)) => {
                        answer.expect(205);
                        client.reopen(now);
                    }
                }
            }
            Act::TakeOver { old, new } => {
                let answer = vendor.remap(&model, &sn(old), &sn(new));
                match (self.registered.get(&new), self.client_of(old)) {
                    (None, _) => drop(answer.expect(404)),
                    (Some(Some(_)), _) => drop(answer.expect(409)),
                    (Some(None), None) => drop(answer.expect_any(&[409, 404])),
                    (Some(None), Some(mut client)) => {
                        answer.expect(205);
                        client.reopen(now);
                        self.registered.insert(old, None);
                        self.registered.insert(new, Some(client));
                    }
                }
            }
            Act::Disable(number) => {
                let answer = vendor.disable(&model, &sn(number));
                match self.registered.get_mut(&number) {
                    None => drop(answer.expect(404)),
                    Some(None) => drop(answer.expect(409)),
                    Some(Some(client)) => {
                        answer.expect(205);
                        client.key = Key::Dead;
                    }
                }
            }
            Act::Activate { number, nonce, from_home } => self.activate(number, nonce, from_home),
            Act::UseKey(choice) => {
                if let Some(key) = self.keys.get(choice % self.keys.len().max(1)).cloned() {
                    self.use_key(&key);
                }
            }
            Act::Delete(number) => {
                vendor.call("DELETE", &format!("/manage/model/{model}/{}", sn(number))).expect(205);
                self.orphans.extend(self.registered.remove(&number).flatten());
            }
            Act::DeleteModel => {
                vendor.call("DELETE", &format!("/manage/model/{model}")).expect(205);
                self.orphans.extend(std::mem::take(&mut self.registered).into_values().flatten());
                self.make_model();
            }
            Act::Jump => {
                self.server.jump(JUMP);
                self.now += JUMP;
            }
        }
    }

    fn client_of(&self, number: usize) -> Option<Client> {
        self.registered.get(&number).cloned().flatten()
    }

    fn activate(&mut self, number: usize, nonce: usize, from_home: bool) {
        let expected = self.foretell(number, nonce, from_home);
        let fails = matches!(expected, Expected::Unknown | Expected::Refused);
        let at_home = from_home && !(fails && self.failures_at_home[number] >= PATIENCE);
        let address = if at_home { self.homes[number] } else { fresh_address() };
        let device = self.server.device(&self.model, &sn(number)).from(address);
        let answer = match NONCES[nonce] {
            "" => device.activate(),
            nonce => device.activate_with(&[("nonce", nonce)]),
        };
        if fails && at_home {
            self.failures_at_home[number] += 1;
        }
        if !matches!(expected, Expected::Unknown) {
            self.tries[number].push(!fails);
        }
        let now = self.now;
        match expected {
            Expected::Unknown => drop(answer.expect(404)),
            Expected::Refused => drop(answer.expect(409)),
            Expected::SameKey(cik) => assert_eq!(answer.expect(200).text(), cik),
            Expected::NewKey => {
                let cik = answer.expect(200).text().to_owned();
                assert!(!self.keys.contains(&cik), "an old key was given out again");
                self.keys.push(cik.clone());
                let client = self.client(number).unwrap();
                client.key = match client.key {
                    Key::Answered { at, repeats, .. } => {
                        Key::Answered { cik, nonce, home: true, at, repeats: repeats + 1 }
                    }
                    _ => Key::Answered { cik, nonce, home: at_home, at: now, repeats: 0 },
                };
            }
        }
    }

    fn foretell(&self, number: usize, nonce: usize, from_home: bool) -> Expected {
        let now = self.now;
        let Some(client) = self.registered.get(&number) else { return Expected::Unknown };
        let Some(client) = client else { return Expected::Refused };
        match &client.key {
            _ if now >= client.until => Expected::Refused,
            Key::Waiting => Expected::NewKey,
            Key::Answered { cik, nonce: first, .. } if nonce == *first && nonce != 0 => Expected::SameKey(cik.clone()),
            Key::Answered { nonce: 0, home: true, at, repeats, .. } => {
                let in_grace = self.grace && nonce == 0 && from_home && now - at <= 120 && *repeats < 5;
                if in_grace { Expected::NewKey } else { Expected::Refused }
            }
            _ => Expected::Refused,
        }
    }

    /// Tries a key that was once given out: 200, 403 when its serial number is gone, 401 when it is dead.
    fn use_key(&mut self, key: &str) {
        let status = self.server.device(&self.model, "").list(key).status;
        let of_number = self.registered.values_mut().flatten().find(|client| client.cik() == Some(key));
        match of_number {
            Some(client) => {
                assert_eq!(status, 200, "the key of {} is alive", client.rid);
                client.key = Key::Used { cik: key.to_owned() };
            }
            None if self.orphans.iter().any(|client| client.cik() == Some(key)) => assert_eq!(status, 403),
            None => assert_eq!(status, 401, "{key} is dead"),
        }
    }

    /// Every serial number's status and client are what the model says.
    fn compare(&self) {
        let list = self.vendor.call("GET", &format!("/manage/model/{}/?status=true", self.model)).expect(200);
        let line = |(number, client): (&usize, &Option<Client>)| match client {
            None => format!("{},,,\n", sn(*number)),
            Some(client) => format!("{},{},{},\n", sn(*number), client.status(self.now), client.rid),
        };
        assert_eq!(list.text(), self.registered.iter().map(line).collect::<String>());
    }

    /// Every key ever given out is alive or dead as foretold, and every try stands in its log.
    fn compare_keys_and_logs(&mut self) {
        for key in self.keys.clone() {
            self.use_key(&key);
        }
        for number in self.registered.keys() {
            let log = self.vendor.log(&self.model, &sn(*number));
            let head = format!("model={}&vendor={}&sn={}", self.model, self.server.cast.vendor_name, sn(*number));
            let tries: Vec<_> = log.iter().filter(|(.., entry)| entry.starts_with(&head)).collect();
            let seen: Vec<bool> = tries.iter().map(|(.., entry)| !entry.contains("result=refused")).collect();
            assert!(seen.ends_with(&self.tries[*number]), "{log:?} ends not with {:?}", self.tries[*number]);
            assert!(log.is_sorted_by_key(|(time, ..)| *time), "{log:?}");
        }
    }
}

fn sn(number: usize) -> String {
    format!("SN{number}")
}
