//! Peers that lie about their address, and bytes that are no messages.

use std::time::{Duration, Instant};

use cikada_tests::coap::number::*;
use cikada_tests::coap::{Message, Peer};
use cikada_tests::{Server, UNKNOWN_KEY, fresh_address};

use crate::stage::Stage;

const A_WHILE: Duration = Duration::from_millis(150);

/// Everything that somebody without a key can ask for, and what it costs him.
fn requests_of_a_stranger(stage: &Stage) -> Vec<Message> {
    let download = stage.download();
    let targets = [
        "/ts".to_owned(),
        "/".to_owned(),
        "/.well-known/core".to_owned(),
        "/.well-known/core?rt=cikada*".to_owned(),
        format!("/1a/a?{UNKNOWN_KEY}"),
        "/1a/a".to_owned(),
        "/1a".to_owned(),
        "/rpc".to_owned(),
        stage.activation("nobody"),
        stage.activation("A1"),
        stage.activation("open"),
        format!("{download}?{UNKNOWN_KEY}"),
        format!("{download}/fw?{UNKNOWN_KEY}"),
        format!("{download}/fw/info?{UNKNOWN_KEY}"),
        "/provision/activate/a/b/".to_owned() + &"c".repeat(250),
    ];
    let mut requests = Vec::new();
    for target in &targets {
        for method in [GET, POST, PUT, DELETE, 5, 31] {
            let plain = Message::request(method, target);
            requests.push(plain.clone());
            requests.push(plain.clone().non());
            requests.push(plain.clone().uint(OBSERVE, 0));
            requests.push(plain.clone().block(BLOCK2, 0, false, 1024).uint(SIZE2, 0));
            requests.push(plain.clone().block(BLOCK2, 1, false, 16));
            requests.push(plain.clone().block(BLOCK1, 0, true, 16));
            requests.push(plain.clone().uint(SIZE1, 1 << 30).block(BLOCK1, 0, true, 1024));
            requests.push(plain.clone().uint(ACCEPT, 50));
            requests.push(plain.clone().uint(65_001, 1));
            requests.push(plain.clone().uint(ACCEPT, 60_000));
            requests.push(Message { payload: b"nonce=short".to_vec(), ..plain.clone() });
            requests.push(Message { payload: br#"{"auth":{"cik":""}}"#.to_vec(), ..plain.uint(ACCEPT, 50) });
        }
    }
    requests
}

#[test]
fn nobody_gets_more_than_three_times_what_he_sends_and_errors_never_more_than_that() {
    let stage = Stage::new();
    stage.enabled("A1");
    stage.server.vendor().add(&stage.model, &["open"]);
    let (mut bytes_in, mut bytes_out, mut worst) = (0, 0, 0.0_f64);
    for (number, mut request) in requests_of_a_stranger(&stage).into_iter().enumerate() {
        // From an address of its own, so that no budget of tries stands before the answer.
        let peer = Peer::from(fresh_address(), stage.server.coap());
        request.id = number as u16;
        request.token = vec![1; number % 9];
        let sent = request.to_bytes();
        peer.send_bytes(&sent);
        let mut back = 0;
        while let Some(answer) =
            peer.receive_bytes(if back == 0 { Duration::from_millis(40) } else { Duration::from_millis(2) })
        {
            let code = answer[1] >> 5;
            assert!(code == 2 || answer.len() <= sent.len(), "{request:?} got {} bytes of error", answer.len());
            back += answer.len();
        }
        assert!(back <= 3 * sent.len(), "{request:?}: {back} bytes for {}", sent.len());
        worst = worst.max(back as f64 / sent.len() as f64);
        (bytes_in, bytes_out) = (bytes_in + sent.len(), bytes_out + back);
    }
    println!("{bytes_in} bytes in, {bytes_out} out; the largest factor is {worst:.2}");
    assert!(worst > 1.5, "nothing was answered");
}

#[test]
fn malformed_datagrams_get_a_reset_or_silence_and_hurt_nobody() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let peer = Peer::from(fresh_address(), stage.server.coap());
    let good = [
        Message::get(&format!("/1a/count?{cik}")).uint(OBSERVE, 0).to_bytes(),
        Message::post("/rpc", [0xa1; 30]).block(BLOCK1, 0, true, 16).to_bytes(),
        Message::get("/.well-known/core").block(BLOCK2, 0, false, 64).to_bytes(),
        Message::get("/ts").to_bytes(),
        Message::empty(CON, 1).to_bytes(),
    ];
    let mut state = 88_172_645_463_325_252_u64;
    let mut roll = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    for round in 0..12_000 {
        let mut bytes = match round % 4 {
            0 => (0..roll(60)).map(|_| roll(256) as u8).collect(),
            1 => [&[0x40 | (roll(16) as u8), roll(8) as u8, 0, 0][..], &vec![roll(256) as u8; roll(40)]].concat(),
            _ => good[roll(good.len())].clone(),
        };
        for _ in 0..roll(4) {
            if !bytes.is_empty() {
                let at = roll(bytes.len());
                match roll(3) {
                    0 => bytes[at] = roll(256) as u8,
                    1 => bytes.truncate(at),
                    _ => bytes.insert(at, roll(256) as u8),
                }
            }
        }
        peer.send_bytes(&bytes);
        if round % 200 == 0 {
            while peer.receive_bytes(Duration::from_millis(1)).is_some() {}
        }
    }
    peer.send_bytes(&[0x40; 65_000]);
    // It is well, answers others, and has not panicked: the server looks at that when it ends.
    stage.peer().ask(Message::get("/ts")).expect("2.05");
    stage.peer().ask(Message::get(&format!("/1a/count?{cik}"))).expect("2.05");
    assert!(!stage.server.errors().contains("panicked"));
}

#[test]
fn what_the_rfcs_call_malformed_gets_a_reset_or_nothing() {
    let stage = Stage::new();
    for (bytes, answer) in [
        (&b"\x40\x01\0\x07\xff"[..], Some(&b"\x70\0\0\x07"[..])),
        (b"\x49\x01\0\x07123456789", Some(b"\x70\0\0\x07")),
        (b"\x40\x01\0\x07\xf0", Some(b"\x70\0\0\x07")),
        (b"\x40\x01\0\x07\x0f", Some(b"\x70\0\0\x07")),
        (b"\x40\x01\0\x07\x0e", Some(b"\x70\0\0\x07")),
        (b"\x40\x01\0\x07\xb9ts", Some(b"\x70\0\0\x07")),
        (b"\x40\x20\0\x07", Some(b"\x70\0\0\x07")),
        (b"\x41\0\0\x07a", Some(b"\x70\0\0\x07")),
        (b"\x50\x01\0\x07\xff", None),
        (b"\x60\x01\0\x07", None),
        (b"\x70\x01\0\x07", None),
        (b"\x00\x01\0\x07", None),
        (b"\xc0\x01\0\x07", None),
        (b"\x40\x01\0", None),
        (b"\x40", None),
        (b"", None),
    ] {
        let peer = stage.peer();
        peer.send_bytes(bytes);
        assert_eq!(peer.receive_bytes(A_WHILE).as_deref(), answer, "{bytes:02x?}");
    }
}

#[test]
fn a_spoofed_activation_is_seen_in_the_log_and_cured_by_another_window() {
    let stage = Stage::new();
    stage.enabled("A1");
    let spoofer = Peer::from(fresh_address(), stage.server.coap());
    // He does not read what comes back: it goes to somebody else.
    spoofer.send(&Message { id: 1, ..Message::post(&stage.activation("A1"), "") });
    let from = spoofer.socket.local_addr().unwrap().ip().to_string();
    crate::stage::until("the number is activated", || stage.server.vendor().status(&stage.model, "A1") == "activated");
    let log = stage.server.vendor().log(&stage.model, "A1");
    assert!(log.iter().any(|(_, address, _)| *address == from), "{log:?}");
    stage.peer().ask(Message::post(&stage.activation("A1"), "")).expect("4.04");
    stage.server.vendor().re_enable(&stage.model, "A1");
    stage.peer().ask(Message::post(&stage.activation("A1"), "")).expect("2.05");
}

#[test]
fn where_echo_is_demanded_a_spoofed_activation_costs_the_owner_nothing() {
    let server = Server::start_with("[coap]\necho = true\n");
    let stage = Stage::on(server);
    stage.enabled("A1");
    let spoofer = Peer::from(fresh_address(), stage.server.coap());
    for id in 0..200 {
        spoofer.send(&Message { id, ..Message::post(&stage.activation("A1"), "") });
        let guess = Message { id: 1000 + id, ..Message::post(&stage.activation("A1"), "") };
        spoofer.send(&guess.option(ECHO, [id as u8; 12]));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(stage.server.vendor().status(&stage.model, "A1"), "notactivated");
    let mut device = stage.peer();
    let asked = device.ask(Message::post(&stage.activation("A1"), "")).expect("4.01");
    let echo = asked.find(ECHO).expect("something to send back").to_vec();
    device.ask(Message::post(&stage.activation("A1"), "").option(ECHO, echo)).expect("2.05");
    // Once is enough for a while, and what is small needs none.
    device.ask(Message::post(&stage.activation("A1"), "")).expect("4.04");
    stage.peer().ask(Message::get("/ts")).expect("2.05");
}

#[test]
fn a_flood_does_not_keep_others_out() {
    let stage = Stage::new();
    let cik = stage.device("A1");
    let flooders: Vec<Peer> = (0..8).map(|_| Peer::from(fresh_address(), stage.server.coap())).collect();
    let mut asker = stage.peer();
    let (mut slowest, mut id) = (Duration::ZERO, 0_u16);
    for _ in 0..40 {
        for flooder in &flooders {
            for _ in 0..25 {
                id = id.wrapping_add(1);
                let block =
                    Message::post("/rpc", [0; 16]).block(BLOCK1, 0, true, 16).option(URI_PATH, id.to_be_bytes());
                flooder.send(&Message { id, ..block });
            }
        }
        let since = Instant::now();
        asker.ask(Message::get(&format!("/1a/count?{cik}"))).expect("2.05");
        slowest = slowest.max(since.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}
