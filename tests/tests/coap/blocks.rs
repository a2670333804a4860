//! Bodies in blocks: fetched, replaced in the middle, sent, and refused.

use cikada_tests::coap::Message;
use cikada_tests::coap::number::*;
use serde_json::{Value, json};

use crate::stage::Stage;

fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn a_blob_comes_whole_in_blocks_of_any_size() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let vendor = stage.server.vendor();
    for (id, bytes) in [("empty", 0), ("one", 1), ("block", 1024), ("more", 1025), ("small", 5000)] {
        vendor.upload(&stage.model, id, "application/octet-stream", noise(bytes));
        for size in [16, 32, 64, 128, 256, 512, 1024] {
            let request = Message::get(&format!("{}/{id}?{cik}", stage.download()));
            let (first, body) = stage.peer().fetch(&request, size);
            assert_eq!(body, noise(bytes), "{id} in blocks of {size}");
            if bytes > 0 {
                assert_eq!(first.find_uint(SIZE2), Some(bytes as u32));
                assert_eq!(first.find_block(BLOCK2), Some((0, bytes > size, size)));
                assert!(first.find(ETAG).is_some());
            }
        }
    }
    // Larger than what is kept in memory: read from its file.
    vendor.upload(&stage.model, "large", "application/octet-stream", noise(700_001));
    let request = Message::get(&format!("{}/large?{cik}", stage.download()));
    assert_eq!(stage.peer().fetch(&request, 1024).1, noise(700_001));
    // Who names no size gets the largest.
    let plain = stage.peer().ask(request);
    assert_eq!((plain.find_block(BLOCK2), plain.payload.len()), (Some((0, true, 1024)), 1024));
}

#[test]
fn a_blob_that_is_replaced_in_the_middle_changes_its_tag() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let vendor = stage.server.vendor();
    let request = Message::get(&format!("{}/fw?{cik}", stage.download()));
    let mut peer = stage.peer();
    let mut tags = Vec::new();
    for round in 0..5 {
        vendor.upload(&stage.model, "fw", "application/octet-stream", vec![round; 3000]);
        for number in 0..3 {
            let block = peer.ask(request.clone().block(BLOCK2, number, false, 1024)).expect("2.05");
            assert!(block.payload.iter().all(|byte| *byte == round));
            tags.push(block.find(ETAG).unwrap().to_vec());
        }
    }
    assert!(tags.chunks(3).all(|of_one| of_one[0] == of_one[1] && of_one[1] == of_one[2]));
    tags.dedup();
    assert_eq!(tags.len(), 5);
}

#[test]
fn a_long_list_comes_in_blocks_too() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let ids: Vec<String> = (0..60).map(|n| format!("content-{n:03}-with-a-name-that-is-rather-long")).collect();
    for id in &ids {
        stage.server.vendor().upload(&stage.model, id, "text/plain", "x");
    }
    let (_, list) = stage.peer().fetch(&Message::get(&format!("{}?{cik}", stage.download())), 128);
    assert_eq!(String::from_utf8(list).unwrap().lines().collect::<Vec<_>>(), ids);
}

#[test]
fn a_long_value_is_sent_and_read_in_blocks() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let value: Vec<u8> = noise(60_000).iter().map(|byte| b'a' + byte % 26).collect();
    let mut peer = stage.peer();
    let target = format!("/1a/text?{cik}");
    let blocks: Vec<&[u8]> = value.chunks(512).collect();
    for (number, block) in blocks.iter().enumerate() {
        let more = number + 1 < blocks.len();
        let answer = peer.ask(Message::post(&target, *block).block(BLOCK1, number as u32, more, 512));
        assert_eq!(answer.status(), if more { "2.31" } else { "2.04" });
        assert_eq!(answer.find_block(BLOCK1), Some((number as u32, more, 512)));
    }
    assert_eq!(peer.fetch(&Message::get(&target), 1024).1, value);
}

#[test]
fn a_body_with_a_hole_or_without_an_end_is_refused_and_changes_nothing() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let target = format!("/1a/text?{cik}");
    let mut peer = stage.peer();
    let block = |number, more, payload: &[u8]| Message::post(&target, payload).block(BLOCK1, number, more, 64);
    peer.ask(block(0, true, &[b'a'; 64])).expect("2.31");
    peer.ask(block(2, false, &[b'c'; 64])).expect("4.08");
    peer.ask(block(1, false, &[b'b'; 64])).expect("4.08");
    peer.ask(block(0, true, &[b'a'; 63])).expect("4.00");
    let announced = block(0, true, &[b'a'; 64]).uint(SIZE1, (1 << 20) + 1);
    let refused = peer.ask(announced).expect("4.13");
    assert_eq!(refused.find_uint(SIZE1), Some(1 << 20));
    // Two bodies of one peer do not run together: the second one takes the first one's place.
    peer.ask(block(0, true, &[b'x'; 64])).expect("2.31");
    peer.ask(block(0, true, &[b'a'; 64])).expect("2.31");
    peer.ask(block(1, false, b"end")).expect("2.04");
    assert_eq!(peer.ask(Message::get(&target)).text(), format!("{}end", "a".repeat(64)));
    // A value may be 64 KiB, a body 1 MiB.
    for number in 0..1024 {
        peer.ask(Message::post("/rpc", [b' '; 1024]).block(BLOCK1, number, true, 1024)).expect("2.31");
    }
    peer.ask(Message::post("/rpc", [b' '; 1]).block(BLOCK1, 1024, false, 1024)).expect("4.13");
}

#[test]
fn a_long_call_and_its_long_answer_go_in_blocks_and_run_once() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let calls: Vec<Value> = (0..100)
        .map(
            |id| json!({"id": id, "procedure": "create", "arguments": ["dataport", {"format": "string", "name": "x"}]}),
        )
        .collect();
    let body = json!({"auth": {"cik": cik}, "calls": calls}).to_string().into_bytes();
    let mut peer = stage.peer();
    let blocks: Vec<&[u8]> = body.chunks(1024).collect();
    let request = |payload: &[u8]| Message::post("/rpc", payload).uint(ACCEPT, 50);
    let mut answer = None;
    for (number, block) in blocks.iter().enumerate() {
        let more = number + 1 < blocks.len();
        answer = Some(peer.ask(request(block).block(BLOCK1, number as u32, more, 1024)));
    }
    let first = answer.unwrap().expect("2.05");
    let (_, mut more, size) = first.find_block(BLOCK2).expect("too long for one block");
    let (mut text, mut number) = (first.payload.clone(), 0);
    while more {
        number += 1;
        let next = peer.ask(request(b"").block(BLOCK2, number, false, size)).expect("2.05");
        assert_eq!(next.find(ETAG), first.find(ETAG));
        text.extend(&next.payload);
        more = next.find_block(BLOCK2).unwrap().1;
    }
    let entries: Vec<Value> = serde_json::from_slice(&text).unwrap();
    assert_eq!(entries.len(), 100);
    let listed = stage.rpc(&cik, json!(["listing", [{"alias": ""}, ["dataport"], {"owned": true}]]));
    assert_eq!(listed["result"]["dataport"].as_array().unwrap().len(), 102);
    // The rest of it belongs to this peer.
    stage.peer().ask(request(b"").block(BLOCK2, 1, false, size)).expect("4.08");
}
