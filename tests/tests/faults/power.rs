//! Power cuts (THREATS F05, goal G3): what a server wrote and synced is recorded, every disk that a cut may leave is rebuilt, and
//! on each of them all that was answered before is there, and fsck is content. The control is the same story with a kernel that
//! says that it has synced and has not: that must be noticed.
//!
//! `CIKADA_RECORDINGS` and `CIKADA_CUTS` make a campaign of it, `CIKADA_SEED` another one.

use std::fs;
use std::path::Path;
use std::thread;

use cikada_tests::power::{CALLS, Cut, Disk, Event, Trace};
use cikada_tests::{Luck, Request, Server, Strace, Witness, fresh_address, fsck};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Something that an answer said, as a question to the database that must be answered with 1.
struct Claim {
    said: String,
    sql: String,
    answer: Answer,
}

/// By what its answer is found in the recording.
enum Answer {
    /// It was the n-th of all.
    Nth(usize),
    /// It holds this key.
    Key(String),
}

/// One story on one server, recorded.
struct Recording {
    before: Disk,
    trace: Trace,
    claims: Vec<Claim>,
    /// How many answers there are in it.
    asked: usize,
    server: Server,
}

struct Teller<'a> {
    server: &'a Server,
    luck: Luck,
    claims: Vec<Claim>,
    asked: usize,
    numbers: usize,
    /// Id and digest of every upload, in order.
    uploads: Vec<(String, String, usize)>,
}

impl Teller<'_> {
    fn ask(&mut self, request: &Request, status: u16) -> String {
        let answer = self.server.try_call_from(fresh_address(), request).unwrap().expect(status);
        self.asked += 1;
        answer.text().to_owned()
    }

    /// What the newest answer promised.
    fn claim(&mut self, said: String, sql: String) {
        self.claims.push(Claim { said, sql, answer: Answer::Nth(self.asked) });
    }

    fn step(&mut self) {
        match self.luck.below(6) {
            0 => self.add(),
            1 | 2 => self.give_life(),
            3 => self.upload(),
            4 => self.record(),
            _ => self.create(),
        }
    }

    fn add(&mut self) {
        let (batch, count) = (self.asked, 1 + self.luck.below(60));
        let lines: String = (0..count).map(|n| format!("B{batch}-{n}\n")).collect();
        let request = self.server.vendor().request("POST", "/manage/model/m/");
        self.ask(&request.header("Content-Type", "text/csv").body(lines), 205);
        let sql = format!("SELECT count(*) = {count} FROM serial_number WHERE sn GLOB 'B{batch}-*'");
        self.claim(format!("{count} numbers were added"), sql);
    }

    /// A number of its own is enabled, and activated, used or disabled.
    fn give_life(&mut self) {
        let sn = format!("L{}", self.numbers);
        self.numbers += 1;
        let vendor = self.server.vendor();
        let path = format!("/manage/model/m/{sn}");
        let form = |body: String| vendor.request("POST", &path).body(body);
        self.ask(&vendor.request("POST", "/manage/model/m/").body(format!("sn={sn}")), 205);
        self.ask(&form(format!("enable=true&owner={}", self.server.cast.owner.rid)), 200);
        let client = format!("client c JOIN serial_number s ON s.client_id = c.id AND s.sn = '{sn}'");
        self.claim(format!("{sn} was enabled"), format!("SELECT count(*) FROM {client}"));
        if self.luck.coin() {
            self.ask(&form("disable=true".into()), 205);
            self.claim(format!("{sn} was disabled"), format!("SELECT count(*) FROM {client} WHERE c.state = 4"));
            return;
        }
        let device = self.server.device("m", &sn);
        let key = self.ask(&device.activation(&[]), 200);
        self.claim(format!("{sn} got its key"), format!("SELECT count(*) FROM {client} WHERE c.state IN (2, 3)"));
        if self.luck.coin() {
            self.ask(&device.download_request(&key, ""), 200);
            self.claim(format!("{sn} used its key"), format!("SELECT count(*) FROM {client} WHERE c.state = 3"));
        }
    }

    fn upload(&mut self) {
        let id = format!("fw{}", self.luck.below(2));
        let (length, seed) = (1 + self.luck.below(150_000), self.luck.number());
        let mut bytes = Luck::new(seed);
        let blob: Vec<u8> = (0..length).map(|_| bytes.number() as u8).collect();
        let digest: String = Sha256::digest(&blob).iter().map(|byte| format!("{byte:02x}")).collect();
        let request = self.server.vendor().request("POST", &format!("/manage/content/m/{id}"));
        self.ask(&request.header("Content-Type", "application/octet-stream").body(blob), 205);
        self.uploads.push((id, digest, self.asked));
    }

    fn record(&mut self) {
        let at = 1_000_000 + self.asked;
        let body = format!("{at}=v{at}");
        let request =
            Request::new("POST", "/onep:v1/stack/alias/log").header("X-Exosite-CIK", &self.server.cast.owner.cik);
        self.ask(&request.body(body), 204);
        let sql = format!("SELECT count(*) FROM point WHERE at = {at} AND value = 'v{at}'");
        self.claim(format!("the value of {at} was recorded"), sql);
    }

    fn create(&mut self) {
        let call = json!([{"alias": ""}, "dataport", {"format": "integer"}]);
        let request = cikada_tests::rpc_request(json!({"cik": self.server.cast.owner.cik}), "create", call);
        let body: serde_json::Value = serde_json::from_str(&self.ask(&request, 200)).unwrap();
        let rid = body[0]["result"].as_str().unwrap().to_owned();
        self.claim(format!("{rid} was made"), format!("SELECT count(*) FROM resource WHERE rid = x'{rid}'"));
    }
}

/// Plays a story and records it. `inject` is what the kernel does otherwise than it says.
fn record(seed: u64, steps: usize, inject: Option<&str>) -> Recording {
    let mut server = Server::start();
    let vendor = server.vendor();
    vendor.add_model("m", &[]);
    let crowd: Vec<String> = (0..6).map(|n| format!("C{n}")).collect();
    vendor.add("m", &crowd.iter().map(String::as_str).collect::<Vec<_>>());
    for number in &crowd {
        vendor.enable("m", number);
    }
    let log = json!([{"alias": ""}, "dataport", {"format": "string"}]);
    let log = server.rpc_text(&server.cast.owner.cik, "create", log);
    server.rpc(&server.cast.owner.cik, "map", json!(["alias", log, "log"]));
    server.restart_with_cold_memory();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    let held = Strace::record(&server, CALLS, &file, inject);
    // Until the thread that writes is heard, too; what came before it counts as being on the disk.
    for n in 0.. {
        server.vendor().add("m", &[&format!("heard-{n}")]);
        if fs::read(&file).unwrap().windows(9).any(|nine| nine == b"pwrite64(") {
            break;
        }
        assert!(n < 1000, "the writer is not heard");
    }
    let before = Disk::of(&server.data());
    let mut teller = Teller {
        server: &server,
        luck: Luck::new(seed),
        claims: Vec::new(),
        asked: 0,
        numbers: 0,
        uploads: Vec::new(),
    };
    for _ in 0..steps {
        teller.step();
    }
    let Teller { mut claims, uploads, asked, .. } = teller;
    let asked = asked + crowd.len();
    for (at, (id, _, nth)) in uploads.iter().enumerate() {
        let later = uploads[at..].iter().filter(|(other, ..)| other == id).map(|(_, digest, _)| format!("x'{digest}'"));
        let later = later.collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT count(*) FROM content WHERE id = '{id}' AND digest IN ({later})");
        claims.push(Claim { said: format!("{id} was uploaded"), sql, answer: Answer::Nth(*nth) });
    }
    // Several at once, so that they share a commit.
    let keys: Vec<(String, String)> = thread::scope(|scope| {
        let activate = |number: &String| {
            let (server, number) = (&server, number.clone());
            scope.spawn(move || (number.clone(), server.device("m", &number).activate_ok()))
        };
        let all: Vec<_> = crowd.iter().map(activate).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (number, key) in keys {
        let sql = format!(
            "SELECT count(*) FROM client c JOIN serial_number s ON s.client_id = c.id AND s.sn = '{number}' WHERE c.state = 2"
        );
        claims.push(Claim { said: format!("{number} got its key"), sql, answer: Answer::Key(key) });
    }
    held.release();
    let trace = Trace::read(&file, &server.data());
    server.kill();
    Recording { before, trace, claims, asked, server }
}

impl Recording {
    /// After which event each answer had gone out.
    fn sent_at(&self) -> Vec<(usize, &Claim)> {
        let is_answer = |event: &&Event| matches!(event, Event::Sent { bytes } if bytes.starts_with(b"HTTP/1.1 "));
        let answers: Vec<usize> =
            self.trace.events.iter().enumerate().filter(|(_, event)| is_answer(event)).map(|(at, _)| at).collect();
        let with_key = |key: &str| {
            let holds = |bytes: &[u8]| bytes.windows(40).any(|window| window == key.as_bytes());
            self.trace.events.iter().position(|event| matches!(event, Event::Sent { bytes } if holds(bytes)))
        };
        // The first ones were only to see whether strace listens.
        let before = answers.len() - self.asked;
        let place = |claim: &Claim| match &claim.answer {
            Answer::Nth(nth) => answers[before + nth - 1],
            Answer::Key(key) => with_key(key).expect("the answer was recorded"),
        };
        self.claims.iter().map(|claim| (place(claim), claim)).collect()
    }

    /// Rebuilds disks as cuts at some moments may leave them, and says what is wrong with each. The first are those right after an
    /// answer, with everything lost that was not synced.
    fn cut(&self, cuts: usize, luck: &mut Luck) -> Vec<String> {
        let sent = self.sent_at();
        let mut moments: Vec<(usize, Cut)> = sent.iter().map(|(at, _)| (at + 1, Cut::Lost)).collect();
        // All of them would take too long: some, and some at any moment.
        while moments.len() > cuts / 2 {
            let one = luck.below(moments.len());
            moments.swap_remove(one);
        }
        while moments.len() < cuts {
            moments.push((1 + luck.below(self.trace.events.len()), *luck.of(&Cut::ALL)));
        }
        moments.sort_by_key(|(at, _)| *at);
        let (mut disk, mut done, mut wrong) = (self.before.clone(), 0, Vec::new());
        for (at, cut) in moments {
            for event in &self.trace.events[done..at] {
                disk.apply(event);
            }
            done = at;
            let folder = tempfile::Builder::new().prefix("cikada-cut-").tempdir().unwrap();
            let data = folder.path().join("data");
            fs::create_dir(&data).unwrap();
            disk.rebuild(cut, luck, &data);
            if let Some(why) = self.judge(&data, at, &sent) {
                wrong.push(format!("cut after event {at} of {} ({cut:?}): {why}", self.trace.events.len()));
            }
        }
        wrong
    }

    fn judge(&self, data: &Path, at: usize, sent: &[(usize, &Claim)]) -> Option<String> {
        let verdict = fsck(data);
        // A line of the journal that was cut off is dropped when the server starts; fsck, which looks before, names it.
        let is_torn_line = |what: &str| what == "a damaged line of the revocation journal";
        let only_torn_lines = verdict.violations.iter().all(|(_, what)| is_torn_line(what));
        if !verdict.success && (verdict.violations.is_empty() || !only_torn_lines) {
            return Some(verdict.said);
        }
        let witness = Witness::of(data);
        let answered = sent.iter().filter(|(sent, _)| *sent < at);
        let lost: Vec<&str> = answered
            .filter(|(_, claim)| witness.number(&claim.sql) != 1)
            .map(|(_, claim)| claim.said.as_str())
            .collect();
        (!lost.is_empty()).then(|| format!("lost: {}", lost.join(", ")))
    }
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn what_was_answered_survives_every_power_cut() {
    let (recordings, cuts) = (setting("CIKADA_RECORDINGS", 4), setting("CIKADA_CUTS", 24));
    let seed = setting("CIKADA_SEED", 1) as u64;
    for n in 0..recordings as u64 {
        let recording = record(seed + n, 14, None);
        let syncs = recording.trace.events.iter().filter(|event| matches!(event, Event::SyncEnded { .. })).count();
        assert!(syncs >= 10, "{syncs} syncs only: what was recorded?");
        let wrong = recording.cut(cuts, &mut Luck::new(seed + n));
        assert!(wrong.is_empty(), "seed {}: {}", seed + n, wrong.join("\n"));
        // A server starts on what the last moment may leave, and works.
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut disk = recording.before.clone();
        recording.trace.events.iter().for_each(|event| disk.apply(event));
        disk.rebuild(Cut::Torn, &mut Luck::new(n), &data);
        let server = Server::on_copy_of(&data, &recording.server.cast);
        assert_eq!(server.vendor().status("m", "C0"), "activated");
        server.vendor().add("m", &["after-the-cut"]);
    }
    println!("{recordings} recordings, {} disks rebuilt", recordings * cuts);
}

#[test]
fn a_kernel_that_only_says_that_it_syncs_is_noticed() {
    let recording = record(7, 10, Some("fsync,fdatasync:retval=0"));
    assert!(!recording.trace.events.iter().any(|event| matches!(event, Event::SyncEnded { .. })));
    let wrong = recording.cut(12, &mut Luck::new(7));
    assert!(wrong.iter().any(|why| why.contains("lost: ")), "lost writes were not noticed: {wrong:?}");
}
