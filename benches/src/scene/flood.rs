//! Rubbish on the UDP port, fifty thousand datagrams a second, while devices read over HTTP (contract, data.md "One-way UDP write";
//! threat T24).

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kit::{Connection, Request};

use crate::report::{Report, Row, duration, thousands};
use crate::rpc::Rpc;
use crate::server::Server;
use crate::settings::Settings;
use crate::{Outcome, failed};

const A_SECOND: u64 = 50_000;
/// Datagrams between two looks at the clock.
const AT_ONCE: u64 = 50;
/// Between two requests: what is measured is how long one takes, not how many there may be.
const EVERY: Duration = Duration::from_millis(2);

pub fn play(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let server = Server::start_with("", &["--udp", "127.0.0.1:0"])?;
    let port = server.udp.ok_or("the server takes no datagrams")?;
    let mut rpc = Rpc::open(&server)?;
    rpc.make_dataport(&server.cast.owner.rid, "integer", "t")?;
    let write = Request::post("/onep:v1/stack/alias", &[("t", "1")]).header("X-Exosite-CIK", &server.cast.owner.cik);
    Connection::open(server.address)?.ask(&write)?;
    let (time, (stop, sent)) = (settings.seconds(10), (AtomicBool::new(false), AtomicU64::new(0)));
    read(&server, time / 5)?;
    let unloaded = read(&server, time)?;
    let began = Instant::now();
    let loaded = thread::scope(|scope| {
        scope.spawn(|| flood(port, &stop, &sent));
        let loaded = read(&server, time);
        stop.store(true, Ordering::Relaxed);
        loaded
    })?;
    let rate = sent.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    let (before, during) = (p99(unloaded)?, p99(loaded)?);
    report.add(Row {
        what: "alias read, one at a time, under UDP rubbish".into(),
        asked: "p99 within twice the unloaded".into(),
        reached: format!(
            "{} under {} datagrams a second: {:.2} of {}",
            duration(during),
            thousands(rate),
            during.as_secs_f64() / before.as_secs_f64(),
            duration(before)
        ),
        limit: String::new(),
        held: Some(during <= before * 2),
    });
    Ok(())
}

/// How long each read took.
fn read(server: &Server, time: Duration) -> Outcome<Vec<Duration>> {
    let mut connection = Connection::open(server.address)?;
    let request = Request::get("/onep:v1/stack/alias?t").header("X-Exosite-CIK", &server.cast.owner.cik);
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        let asked = Instant::now();
        let answer = connection.ask(&request)?;
        took.push(asked.elapsed());
        if answer.body != b"t=1" {
            return failed(format!("a read was answered {answer:?}"));
        }
        thread::sleep(EVERY.saturating_sub(asked.elapsed()));
    }
    Ok(took)
}

fn p99(mut took: Vec<Duration>) -> Outcome<Duration> {
    took.sort();
    Ok(*took.get(took.len() * 99 / 100).ok_or("nothing was measured")?)
}

/// Sends what is no write, or one with a key that opens nothing, as evenly as the clock allows.
fn flood(port: SocketAddr, stop: &AtomicBool, sent: &AtomicU64) {
    let Ok(socket) = UdpSocket::bind("127.0.0.1:0") else { return };
    let rubbish: [&[u8]; 6] = [
        b"",
        b"\xff\xfe\x00rubbish",
        b"cik=",
        b"cik=00112233445566778899aabbccddeeff00112233&t=1",
        b"cik=not-a-key&t=1&t=2&t=3",
        &[b'x'; 1400],
    ];
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * A_SECOND as f64) as u64;
        let mut count = sent.load(Ordering::Relaxed);
        if count >= due {
            thread::sleep(Duration::from_micros(500));
            continue;
        }
        for _ in 0..AT_ONCE {
            let _ = socket.send_to(rubbish[(count % 6) as usize], port);
            count += 1;
        }
        sent.store(count, Ordering::Relaxed);
    }
}
