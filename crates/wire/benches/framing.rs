//! What the guard in front of the HTTP/1 parser costs a request: `cargo bench -p cikada-wire --bench framing`.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use cikada_wire::http::framing::{Guard, HeadLimits};

const ACTIVATE: &str = "POST /provision/activate HTTP/1.1\r\nHost: m2.vendor.example\r\n\
    Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: 44\r\nConnection: keep-alive\r\n\
    User-Agent: gateway/1.0\r\n\r\nvendor=acme&model=thermostat&sn=000000012345";

fn main() {
    let head_bytes = ACTIVATE.find("\r\n\r\n").map_or(0, |end| end + 4);
    let mut guard = Guard::new(HeadLimits::default());
    measure(&format!("activation, head of {head_bytes} bytes, one read"), || {
        black_box(guard.accept(black_box(ACTIVATE.as_bytes()))).is_ok() && guard.take_head().is_some()
    });
    let (first, second) = ACTIVATE.as_bytes().split_at(100);
    measure("the same in two reads", || {
        guard.accept(black_box(first)).is_ok() && guard.accept(black_box(second)).is_ok() && guard.take_head().is_some()
    });
    let body = vec![b'x'; 64 << 10];
    let mut upload = Guard::new(HeadLimits::default());
    let head = b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n";
    assert!(upload.accept(head).is_ok());
    measure("64 KiB of a body", || upload.accept(black_box(&body)).is_ok());
}

fn measure(name: &str, mut once: impl FnMut() -> bool) {
    const ROUNDS: u32 = 1_000_000;
    let started = Instant::now();
    for _ in 0..ROUNDS {
        assert!(once());
    }
    println!("{name}: {:.0} ns", started.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS));
}
