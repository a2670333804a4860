//! Content as devices download it (contract, device.md "Download", manage.md "Content", "Groups").

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cikada_tests::{Device, Request, Server, fresh_name};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sha2::{Digest, Sha256};

/// A server, a model, and its one activated device with its key.
fn scene(server: &Server) -> (String, Device<'_>, String) {
    let model = fresh_name("content");
    server.vendor().add_model(&model, &[]);
    let cik = server.vendor().activated(&model, "A1");
    let device = server.device(&model, "A1");
    (model, device, cik)
}

/// Bytes that look like nothing and are the same for the same seed.
fn bytes(seed: u8, size: usize) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(next).collect()
}

#[test]
fn a_blob_of_any_size_comes_back_as_it_went() {
    let server = Server::shared();
    let (model, device, cik) = scene(&server);
    for size in [0, 1, 199, 4095, 4096, 65_536, 65_537, 1 << 20, (5 << 20) + 7] {
        let blob = bytes(size as u8, size);
        server.vendor().upload(&model, "fw", "application/octet-stream", blob.clone());
        let answer = device.blob(&cik, "fw").expect(200);
        assert_eq!(answer.header("content-length"), Some(&*size.to_string()));
        assert!(answer.body == blob, "other bytes at {size}");
        let info = device.info(&cik, "fw").text().to_owned();
        assert!(info.starts_with(&format!("application/octet-stream,{size},")), "{info}");
    }
}

#[test]
fn every_range_is_answered_as_the_standard_says() {
    let server = Server::shared();
    let (model, device, cik) = scene(&server);
    let blob = bytes(1, 1000);
    server.vendor().upload(&model, "fw", "application/octet-stream", blob.clone());
    let total = blob.len();
    let number = || prop_oneof![0..3usize, 995..1005usize, 0..1000usize, Just(usize::MAX)];
    let ranges = (prop::option::of(number()), prop::option::of(number()));
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let played = TestRunner::new(config).run(&ranges, |(first, last)| {
        let shown = |end: Option<usize>| end.map(|n| n.to_string()).unwrap_or_default();
        let range = format!("bytes={}-{}", shown(first), shown(last));
        let answer = server.call(&device.download_request(&cik, "&id=fw").header("Range", &range));
        let wanted = match (first, last) {
            (Some(first), Some(last)) if first > last => None,
            (Some(first), last) => Some(first..last.unwrap_or(total).saturating_add(1).min(total)),
            (None, Some(count)) => Some(total.saturating_sub(count)..total),
            (None, None) => None,
        };
        // What is no range may be passed over.
        let Some(wanted) = wanted else {
            assert!([200, 416].contains(&answer.status), "{range}: {answer:?}");
            return Ok(());
        };
        if wanted.start >= total {
            assert_eq!(answer.status, 416, "{range}");
            assert_eq!(answer.header("content-range"), Some(&*format!("bytes */{total}")));
            return Ok(());
        }
        assert_eq!(answer.status, 206, "{range}: {answer:?}");
        let shown = format!("bytes {}-{}/{total}", wanted.start, wanted.end - 1);
        assert_eq!(answer.header("content-range"), Some(&*shown));
        assert!(answer.body == blob[wanted], "{range}: other bytes");
        Ok(())
    });
    played.unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn a_download_in_pieces_gives_the_whole() {
    let server = Server::shared();
    let (model, device, cik) = scene(&server);
    let blob = bytes(2, 300_000);
    server.vendor().upload(&model, "fw", "application/octet-stream", blob.clone());
    let head = server
        .call(&Request::new("HEAD", device.download_request(&cik, "&id=fw").target()).header("X-Exosite-CIK", &cik));
    let tag = head.header("etag").expect("a tag").to_owned();
    let mut connection = server.connect();
    let mut got = Vec::new();
    for step in [1, 199, 1000, 4096, 50_000, 100_000, 1_000_000] {
        let range = format!("bytes={}-{}", got.len(), got.len() + step - 1);
        let request = device.download_request(&cik, "&id=fw").header("Range", &range).header("If-Range", &tag);
        got.extend(connection.ask(&request).unwrap().expect(206).body);
    }
    assert!(Sha256::digest(&got) == Sha256::digest(&blob));
}

#[test]
fn a_download_that_has_begun_ends_with_the_bytes_it_began_with() {
    let server = Server::start();
    let (model, device, cik) = scene(&server);
    let vendor = server.vendor();
    let (old, new) = (bytes(3, 16 << 20), bytes(4, 16 << 20));
    vendor.upload(&model, "fw", "application/octet-stream", old.clone());
    let request = device.download_request(&cik, "&id=fw");
    for replaced in [true, false] {
        let mut connection = server.connect();
        connection.send(&request.to_bytes()).unwrap();
        let mut got = connection.read_some().unwrap();
        if replaced {
            vendor.upload(&model, "fw", "application/octet-stream", new.clone());
        } else {
            vendor.call("DELETE", &format!("/manage/content/{model}/fw")).expect(205);
        }
        let head = loop {
            match got.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => got.extend(connection.read_some().unwrap()),
            }
        };
        while got.len() < head + (16 << 20) {
            got.extend(connection.read_some().unwrap());
        }
        let expected = if replaced { &old } else { &new };
        assert!(got[head..] == expected[..], "a mix of bytes");
        match replaced {
            true => assert!(device.blob(&cik, "fw").body == new),
            false => drop(device.blob(&cik, "fw").expect(404)),
        }
    }
}

#[test]
fn an_upload_that_is_cut_off_leaves_what_was_there() {
    let server = Server::start();
    let (model, device, cik) = scene(&server);
    let vendor = server.vendor();
    vendor.upload(&model, "fw", "text/plain", "old");
    let before = vendor.snapshot(&model);
    for id in ["fw", "new"] {
        let path = format!("/manage/content/{model}/{id}");
        let whole =
            vendor.request("POST", &path).header("Content-Type", "image/png").body(bytes(5, 1 << 20)).to_bytes();
        for cut in [whole.len() / 2, whole.len() - 1, whole.len() - (1 << 20)] {
            let mut connection = server.connect();
            connection.send(&whole[..cut]).unwrap();
        }
        // Cut inside a chunk, and without the last chunk.
        for body in ["5\r\nhel", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n"] {
            let request = vendor.request("POST", &path).header("Transfer-Encoding", "chunked").body(body);
            let mut connection = server.connect().patience(Duration::from_secs(2));
            connection.send(&request.to_bytes()).unwrap();
            connection.finish_sending().unwrap();
            if let Ok(answer) = connection.read_answer("POST") {
                assert!(answer.status >= 400, "{answer:?}");
            }
        }
    }
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(vendor.snapshot(&model), before);
    assert_eq!(device.blob(&cik, "fw").expect(200).text(), "old");
    device.blob(&cik, "new").expect(404);
}

#[test]
fn a_download_that_is_cut_off_hurts_nobody() {
    let server = Server::start();
    let (model, device, cik) = scene(&server);
    let blob = bytes(6, 4 << 20);
    server.vendor().upload(&model, "fw", "application/octet-stream", blob.clone());
    for _ in 0..50 {
        let mut connection = server.connect();
        connection.send(&device.download_request(&cik, "&id=fw").to_bytes()).unwrap();
        connection.read_some().unwrap();
    }
    assert!(device.blob(&cik, "fw").body == blob);
}

#[test]
fn a_tag_changes_with_the_bytes_and_only_with_them() {
    let server = Server::shared();
    let (model, device, cik) = scene(&server);
    let tag_of = |blob: &str| {
        server.vendor().upload(&model, "fw", "text/plain", blob);
        device.blob(&cik, "fw").expect(200).header("etag").expect("a tag").to_owned()
    };
    let (one, two, one_again) = (tag_of("one"), tag_of("two"), tag_of("one"));
    assert_ne!(one, two);
    assert!(one.starts_with('"') && one.ends_with('"') && one.len() > 2, "a strong tag: {one}");
    // A device that had got half of the first may go on now.
    if one == one_again {
        let request = device.download_request(&cik, "&id=fw").header("Range", "bytes=1-").header("If-Range", &one);
        assert_eq!(server.call(&request).expect(206).text(), "ne");
    }
}

/// A model's memberships, as the property draws them: groups 0..4, contents, serial numbers.
#[derive(Clone, Debug)]
struct Membership {
    group: usize,
    member: Member,
    expire: Expire,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    Number(usize),
    Content(usize),
    Group(usize),
}

#[derive(Clone, Copy, Debug)]
enum Expire {
    Never,
    Zero,
    Over,
    Later,
}

const GROUPS: usize = 5;

fn membership() -> impl Strategy<Value = Membership> {
    let member = prop_oneof![
        2 => (0..2usize).prop_map(Member::Number),
        2 => (0..2usize).prop_map(Member::Content),
        4 => (0..GROUPS).prop_map(Member::Group),
    ];
    let expire = prop_oneof![4 => Just(Expire::Never), 2 => Just(Expire::Zero), 1 => Just(Expire::Over), 2 => Just(Expire::Later)];
    (0..GROUPS, member, expire).prop_map(|(group, member, expire)| Membership { group, member, expire })
}

/// The groups above a member, through live memberships only.
fn above(member: Member, live: &BTreeMap<(usize, Member), bool>) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![member];
    while let Some(member) = open.pop() {
        for ((group, _), _) in live.iter().filter(|((_, m), live)| *m == member && **live) {
            if found.insert(*group) {
                open.push(Member::Group(*group));
            }
        }
    }
    found
}

#[test]
fn protected_content_is_for_those_that_a_live_group_joins_with_it() {
    let server = Server::start();
    let vendor = server.vendor();
    let config = Config { cases: 40, max_shrink_iters: 100, failure_persistence: None, ..Config::default() };
    let played = TestRunner::new(config).run(&prop::collection::vec(membership(), 1..14), |memberships| {
        let model = fresh_name("groups");
        vendor.add_model(&model, &[]);
        let ciks: Vec<String> = (0..2).map(|n| vendor.activated(&model, &format!("sn{n}"))).collect();
        (0..2).for_each(|n| vendor.upload_protected(&model, &format!("c{n}"), "bytes"));
        (0..GROUPS).for_each(|n| vendor.add_group(&model, &format!("g{n}")));
        let now = server.now();
        let mut live = BTreeMap::new();
        let mut later = BTreeMap::new();
        for Membership { group, member, expire } in &memberships {
            let (kind, id) = match member {
                Member::Number(n) => ("sn", format!("sn{n}")),
                Member::Content(n) => ("content", format!("c{n}")),
                Member::Group(n) => ("group", format!("g{n}")),
            };
            let (text, is_live, stays) = match expire {
                Expire::Never => (String::new(), true, true),
                Expire::Zero => ("0".to_owned(), true, true),
                Expire::Over => ((now - 1).to_string(), false, false),
                Expire::Later => ((now + 300).to_string(), true, false),
            };
            // A server may refuse a group that would hold itself; if it takes it, the cycle is harmless.
            let path = format!("/manage/group/{model}/g{group}/");
            let answer = vendor.post(&path, &[("type", kind), ("id", &id), ("expire", &text)]);
            let is_cycle = matches!(member, Member::Group(inner) if above(Member::Group(*group), &live).contains(inner) || inner == group);
            if answer.status != 205 {
                panic!("a membership was refused (a cycle: {is_cycle}): {answer:?}");
            }
            live.insert((*group, *member), is_live);
            later.insert((*group, *member), stays);
        }
        let compare = |live: &BTreeMap<(usize, Member), bool>| {
            for (n, cik) in ciks.iter().enumerate() {
                let groups = above(Member::Number(n), live);
                let may: Vec<String> = (0..2)
                    .filter(|c| !groups.is_disjoint(&above(Member::Content(*c), live)))
                    .map(|c| format!("c{c}"))
                    .collect();
                let device = server.device(&model, &format!("sn{n}"));
                assert_eq!(device.list(cik).lines(), may, "sn{n} with {memberships:?}");
                let listed = vendor.call("GET", &format!("/manage/content/{model}/?sn=sn{n}"));
                assert_eq!(listed.lines(), may);
                for c in ["c0", "c1"] {
                    let status = if may.iter().any(|id| id == c) { 200 } else { 404 };
                    device.blob(cik, c).expect(status);
                }
            }
        };
        compare(&live);
        server.jump(301);
        compare(&later);
        Ok(())
    });
    played.unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn a_membership_ends_at_its_second() {
    let server = Server::start();
    let (model, device, cik) = scene(&server);
    let vendor = server.vendor();
    vendor.upload_protected(&model, "secret", "bytes");
    vendor.add_group(&model, "beta");
    vendor.add_member(&model, "beta", "content", "secret", "");
    let expire = server.now() + 100;
    vendor.add_member(&model, "beta", "sn", "A1", &expire.to_string());
    device.blob(&cik, "secret").expect(200);
    server.jump(expire - server.now() - 5);
    device.blob(&cik, "secret").expect(200);
    server.jump(expire - server.now());
    device.blob(&cik, "secret").expect(404);
    vendor.add_member(&model, "beta", "sn", "A1", &(server.now() + 100).to_string());
    device.blob(&cik, "secret").expect(200);
}
