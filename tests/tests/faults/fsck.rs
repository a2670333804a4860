//! `cikada fsck` is the oracle of all other suites (THREATS part 1): each thing that it looks for is broken on purpose in a copy of
//! the data, and it must find exactly that.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cikada_tests::{Copy, Server, World, damage, fsck};

/// The finding, and what makes it. `{plain}` and so on stand for row ids; 999999 is nobody.
const DAMAGES: &[(&str, &str)] = &[
    ("a resource of a kind that does not exist", "UPDATE resource SET kind = 7 WHERE id = {port}"),
    ("a resource whose owner is missing", "UPDATE resource SET owner_id = 999999 WHERE id = {port}"),
    ("a second root", "UPDATE resource SET owner_id = NULL WHERE id = {plain}"),
    ("clients that own each other in a ring", "UPDATE resource SET owner_id = {inner} WHERE id = {limited}"),
    ("a client without a key", "DELETE FROM client WHERE id = {plain}"),
    ("a key without a client", "UPDATE resource SET kind = 2 WHERE id = {plain}"),
    ("a key in a state that does not exist", "UPDATE client SET state = 9 WHERE id = {plain}"),
    (
        "an alias that points elsewhere than at a resource of its client",
        "UPDATE alias SET client_id = {plain} WHERE name = 'temperature'",
    ),
    ("a comment without its resource", "UPDATE comment SET resource_id = 999999"),
    ("a share code without its resource", "UPDATE share_code SET resource_id = 999999"),
    ("a share code of a client that is missing", "UPDATE share_code SET activated_by = 999999"),
    ("points without their series", "UPDATE point SET resource_id = 999999 WHERE resource_id = {named_port}"),
    ("points without their series", "INSERT INTO point (resource_id, at, value) VALUES ({plain}, 1, 'x')"),
    ("a timer without its datarule", "UPDATE rule_timer SET resource_id = {port}"),
    (
        "a waiting message without its dispatch",
        "INSERT INTO dispatch_queue (id, resource_id, message, sending) VALUES (1, {port}, 'x', FALSE)",
    ),
    ("usage of a client that is missing", "INSERT INTO usage (client_id, metric, at, amount) VALUES (999999, 1, 1, 1)"),
    ("an allotment of a client that is missing", "UPDATE allotment SET client_id = 999999 WHERE client_id = {limited}"),
    (
        "a client that holds more than its limits allow",
        "UPDATE allotment SET client_limit = 0 WHERE client_id = {limited}",
    ),
    (
        "an allotment that counts other than what is there",
        "UPDATE allotment SET dataport_used = dataport_used + 1 WHERE client_id = {limited}",
    ),
    ("a grant to a client that is missing", "UPDATE grant_token SET client_id = 999999"),
    ("a right without its grant", "UPDATE grant_right SET token_id = 999999"),
    (
        "a vendor whose client is missing",
        "INSERT INTO vendor (client_id, name, folded, created_at) VALUES (999999, 'ghost', 'ghost', 1);
         INSERT INTO event (id, at, verb, actor_id, detail) VALUES (88888888, 1, 25, 999999, 'ghost')",
    ),
    ("a vendor whose name is folded wrongly", "UPDATE vendor SET folded = 'Lone' WHERE name = 'lone'"),
    (
        "a token whose vendor is missing",
        "UPDATE vendor_token SET vendor_id = 999999; UPDATE event SET actor_id = 999999 WHERE verb = 22",
    ),
    ("a model whose vendor is missing", "UPDATE model SET vendor_id = 999999 WHERE name = 'barely'"),
    ("a model that names no template, or two", "UPDATE model SET template_id = NULL WHERE name = 'barely'"),
    ("a model that names no template, or two", "UPDATE model SET share_code_id = 1 WHERE name = 'barely'"),
    ("a share whose model or partner is missing", "UPDATE model_share SET vendor_id = 999999"),
    (
        "a serial number whose client is missing",
        "UPDATE serial_number SET client_id = 999999, event_id = NULL, event_count = 0 WHERE sn = 'unused'",
    ),
    (
        "a serial number whose model is missing",
        "INSERT INTO serial_number (model_id, sn, event_count) VALUES (999999, 'X1', 0)",
    ),
    ("a range whose model is missing", "UPDATE serial_range SET model_id = 999999"),
    ("a range that ends before it begins", "UPDATE serial_range SET first = last, last = first WHERE first <> last"),
    (
        "a range that ends before it begins",
        "UPDATE serial_range SET first = x'00' WHERE id = (SELECT min(id) FROM serial_range)",
    ),
    ("ranges that overlap", "UPDATE serial_range SET first = (SELECT min(first) FROM serial_range)"),
    (
        "ranges that overlap",
        "INSERT INTO serial_range (model_id, format, length, casing, first, last)
         SELECT model_id, format, length, casing, first, last FROM serial_range LIMIT 1",
    ),
    ("a refused try whose model is missing", "UPDATE model_try SET model_id = 999999"),
    ("a refused try outside its model's ring", "UPDATE model_try SET slot = 1000"),
    (
        "a content whose model is missing",
        "INSERT INTO content (model_id, id, content_type, length, updated_at, meta, protected)
         VALUES (999999, 'c', '', 0, 1, '', FALSE)",
    ),
    ("a content that is half there", "UPDATE content SET length = 5 WHERE id = 'entry'"),
    ("a group whose model is missing", "INSERT INTO member_group (model_id, id, meta) VALUES (999999, 'g', '')"),
    ("a membership of a group that is missing", "DELETE FROM member_group WHERE id = 'all'"),
    ("a membership of something that is missing", "DELETE FROM content WHERE id = 'entry'"),
    ("a membership of something that is missing", "UPDATE membership SET member_id = 'nobody' WHERE kind = 1"),
    ("a key that waits, or was answered, without a window", "UPDATE client SET expires_at = NULL WHERE id = {open}"),
    ("a key that waits though it was answered", "UPDATE client SET answer_id = event_id WHERE id = {open}"),
    (
        "an activation at or after the end of its window",
        "UPDATE event SET at = (SELECT expires_at FROM client WHERE id = {active})
         WHERE id = (SELECT answer_id FROM client WHERE id = {active})",
    ),
    (
        "an activated client without the event of its activation",
        "UPDATE event SET verb = 2 WHERE id = (SELECT answer_id FROM client WHERE id = {active})",
    ),
    ("a log whose newest event is missing", "UPDATE client SET event_id = 77777777 WHERE id = {open}"),
    ("a log whose newest event is missing", "UPDATE serial_number SET event_id = 77777777 WHERE sn = 'unused'"),
    ("a device without a log", "UPDATE client SET event_id = NULL WHERE id = {open}"),
    (
        "an event before the one that it follows",
        "UPDATE event SET previous_id = 66666666 WHERE previous_id = {first_event};
         UPDATE event SET id = 66666666 WHERE id = {first_event}",
    ),
    ("a log of another length than was counted", "UPDATE client SET event_count = 7 WHERE id = {active}"),
    ("a log of another length than was counted", "DELETE FROM event WHERE id = {first_event}"),
    ("a log of another length than was counted", "UPDATE serial_number SET event_count = 2 WHERE sn = 'unused'"),
    (
        "two logs that share an event",
        "INSERT INTO event (id, previous_id, at, verb) VALUES (55555555, {first_event}, 1, 14)",
    ),
    ("a vendor without the event of its registration", "DELETE FROM event WHERE verb = 25 AND detail = 'lone'"),
    ("a token without the event of its making", "DELETE FROM event WHERE verb = 22"),
    ("a share without its event", "DELETE FROM event WHERE verb = 20"),
    ("a blob without the event of its upload", "DELETE FROM event WHERE verb = 27 AND detail GLOB '*firmware*'"),
    (
        "a CIK that is not the one of its row",
        "UPDATE client SET key_sealed = (SELECT key_sealed FROM client WHERE id = {active}) WHERE id = {plain}",
    ),
    (
        "a CIK that is not the one of its row",
        "UPDATE client SET key_hash = (SELECT key_hash FROM client WHERE id = {active}) WHERE id = {plain}",
    ),
    ("a token that is not the one of its row", "UPDATE vendor_token SET key_hash = zeroblob(32)"),
    ("a share code that is not the one of its row", "UPDATE share_code SET key_sealed = zeroblob(60)"),
    ("a RID that is not the one of its row", "UPDATE resource SET rid = randomblob(20) WHERE id = {plain}"),
    ("a right that ended and lives", "UPDATE client SET state = 3 WHERE id = {dead}"),
    ("no persisted time", "DELETE FROM setting WHERE name = 'time mark'"),
    (
        "a persisted time that is ahead of this machine's",
        "UPDATE setting SET number = number + 100000 WHERE name = 'time mark'",
    ),
    ("a blob that is not what its row names", "UPDATE content SET length = length + 1 WHERE id = 'firmware'"),
];

/// A finding that is expected, and what brings it about.
type Damage = (&'static str, fn(&Path));
/// The same with what only one test knows.
type Told<'t> = (&'t str, &'t dyn Fn(&Path));

/// What is beside the database.
const OTHER_DAMAGES: &[Damage] = &[
    ("a damaged line of the revocation journal", |data| {
        let journal = data.join("revocations.log");
        let mut bytes = fs::read(&journal).unwrap();
        let middle = bytes.iter().position(|byte| *byte == b' ').unwrap() + 2;
        bytes[middle] ^= 1;
        fs::write(journal, bytes).unwrap();
    }),
    ("a right that ended and is not in the revocation journal", |data| {
        fs::remove_file(data.join("revocations.log")).unwrap();
    }),
];

#[test]
fn fsck_finds_exactly_what_was_broken() {
    let mut server = Server::start();
    let world = World::furnish(&server);
    assert_eq!(fsck(&server.data()).violations, [], "on a running server");
    // More than one right has ended, so that some are in the journal alone.
    for token in ["one", "two", "three"] {
        server.vendor().post("/admin/auth/", &[("id", token)]).expect(200);
        server.vendor().call("DELETE", &format!("/admin/auth/{token}")).expect(205);
    }
    assert!(server.stop().success());
    let clean = fsck(&server.data());
    assert_eq!((clean.success, &clean.violations[..]), (true, &[][..]), "{}", clean.said);

    let mut broken = BTreeSet::new();
    for (finding, sql) in DAMAGES {
        let copy = Copy::of(&server.data());
        damage(&copy.data(), &with_rows(sql, &world, &server));
        let verdict = fsck(&copy.data());
        assert!(!verdict.success, "not found: {finding}");
        let found: Vec<&str> = verdict.violations.iter().map(|(_, what)| what.as_str()).collect();
        assert_eq!(found, [*finding], "after {sql}: {}", verdict.said);
        broken.insert(*finding);
    }
    for (finding, damage) in OTHER_DAMAGES {
        let copy = Copy::of(&server.data());
        damage(&copy.data());
        let verdict = fsck(&copy.data());
        let found: Vec<&str> = verdict.violations.iter().map(|(_, what)| what.as_str()).collect();
        assert_eq!((verdict.success, found), (false, vec![*finding]), "{}", verdict.said);
        broken.insert(*finding);
    }
    let looked_for: BTreeSet<&str> = clean.looked_for.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(looked_for, broken, "each thing that is looked for has to be broken once in this test");
}

/// Writes row ids for what stands in braces.
fn with_rows(sql: &str, world: &World, server: &Server) -> String {
    let rid = |rid: &str| format!("(SELECT id FROM resource WHERE rid = x'{rid}')");
    let number = |sn: &str| format!("(SELECT client_id FROM serial_number WHERE sn = '{sn}')");
    let first_event = format!(
        "(SELECT previous_id FROM event WHERE id = (SELECT answer_id FROM client WHERE id = {}))",
        number("active")
    );
    let mut text = sql.to_owned();
    for (word, row) in [
        ("{plain}", rid(&world.second_plain)),
        ("{inner}", rid(&world.inner)),
        ("{limited}", rid(&world.limited)),
        ("{port}", rid(&world.port)),
        ("{named_port}", rid(&world.named_port)),
        ("{owner}", rid(&server.cast.owner.rid)),
        ("{open}", number("open")),
        ("{dead}", number("dead")),
        ("{active}", number("active")),
    ] {
        text = text.replace(word, &row);
    }
    // The row that it leads to changes with the damage itself, so it is looked up first.
    if text.contains("{first_event}") {
        let witness = cikada_tests::Witness::of(&server.data());
        text = text.replace("{first_event}", &witness.number(&format!("SELECT {first_event}")).to_string());
    }
    text
}

#[test]
fn fsck_finds_blobs_that_are_gone_cut_or_changed() {
    let mut server = Server::start();
    World::furnish(&server);
    assert!(server.stop().success());
    let biggest = |data: &Path| {
        let files = fs::read_dir(data.join("blobs")).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.is_file()).max_by_key(|path| path.metadata().unwrap().len()).unwrap()
    };
    let change = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    };
    let damages: [&dyn Fn(&Path); 5] = [
        &|path| fs::remove_file(path).unwrap(),
        &|path| change(path, &|bytes| bytes.truncate(200_000)),
        &|path| change(path, &|bytes| bytes.push(0)),
        &|path| change(path, &|bytes| bytes[150_000] ^= 1),
        &|path| change(&path.with_extension("sum"), &|bytes| *bytes.last_mut().unwrap() ^= 1),
    ];
    for damage in damages {
        let copy = Copy::of(&server.data());
        damage(&biggest(&copy.data()));
        let verdict = fsck(&copy.data());
        let expected = ("I5".to_owned(), "a blob that is not what its row names".to_owned());
        assert_eq!((verdict.success, verdict.violations), (false, vec![expected]), "{}", verdict.said);
    }
}

#[test]
fn fsck_refuses_what_it_cannot_open() {
    let mut server = Server::start();
    assert!(server.stop().success());
    let damages: [Told<'_>; 4] = [
        ("another master key", &|data| fs::write(data.join("master.key"), [3; 32]).unwrap()),
        ("no master key", &|data| fs::remove_file(data.join("master.key")).unwrap()),
        ("no database", &|data| fs::remove_file(data.join("cikada.db")).unwrap()),
        ("pages of zeros", &|data| {
            let file = data.join("cikada.db");
            let mut bytes = fs::read(&file).unwrap();
            bytes[4096..].fill(0);
            fs::write(&file, bytes).unwrap();
            let _ = fs::remove_file(data.join("cikada.db-wal"));
        }),
    ];
    for (what, damage) in damages {
        let copy = Copy::of(&server.data());
        damage(&copy.data());
        let verdict = fsck(&copy.data());
        assert!(!verdict.success && verdict.said.contains("error: "), "{what}: {}", verdict.said);
    }
}

#[test]
fn fsck_says_in_words_what_it_found() {
    let mut server = Server::start();
    assert!(server.stop().success());
    let clean = server.run_on_data("fsck");
    let said = String::from_utf8(clean.stdout).unwrap();
    assert!(clean.status.success() && said.starts_with("clean: 4 clients with their keys, "), "{said}");
    damage(&server.data(), "UPDATE vendor SET folded = 'x'");
    let found = server.run_on_data("fsck");
    assert_eq!(String::from_utf8(found.stdout).unwrap(), "I3   a vendor whose name is folded wrongly: acme\n");
    assert_eq!(found.status.code(), Some(1));
}
