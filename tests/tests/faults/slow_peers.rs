//! Peers that take their time, by the hundred and, in a campaign, by the thousand (threat T18, goal G9): slow heads, slow bodies,
//! requests for a hundred ranges, and readers that take nothing. Others are served meanwhile, and the slow ones are let go.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use cikada_tests::{Request, Server, fresh_name};
use socket2::{Domain, Socket, Type};

/// Between two bytes of a slow peer.
const PACE: Duration = Duration::from_secs(1);

/// How many of each, and what is demanded.
struct Plan {
    heads: usize,
    bodies: usize,
    ranges: usize,
    readers: usize,
    config: &'static str,
    time: Duration,
    heads_gone: Duration,
    rest_gone: Duration,
    p99: Duration,
    resident_bytes: u64,
}

#[test]
fn a_thousand_slow_peers_are_let_go_and_hold_up_nobody() {
    play(&Plan {
        heads: 600,
        bodies: 300,
        ranges: 50,
        readers: 50,
        // The limits of the contract's own, but a fifth of the time.
        config: "[http]\nhead_timeout_s = 4\nbody_grace_s = 4\nwrite_timeout_s = 6\nidle_timeout_s = 8\n",
        time: Duration::from_secs(10),
        heads_gone: Duration::from_secs(8),
        rest_gone: Duration::from_secs(15),
        // A debug build beside other tests.
        p99: Duration::from_secs(1),
        resident_bytes: 512 << 20,
    });
}

#[test]
#[ignore = "a campaign of ten minutes: scripts/slow-peers"]
fn ten_thousand_slow_peers_are_let_go_and_hold_up_nobody() {
    play(&Plan {
        heads: 10_000,
        bodies: 2_000,
        ranges: 500,
        readers: 2_000,
        config: "",
        time: Duration::from_secs(600),
        heads_gone: Duration::from_secs(25),
        rest_gone: Duration::from_secs(75),
        p99: Duration::from_millis(100),
        resident_bytes: 512 << 20,
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// A head field by field, without an end.
    Head,
    /// A body byte by byte.
    Body,
    /// All at once, for many overlapping ranges; then the next one.
    Ranges,
    /// A large answer of which nothing is taken.
    Reader,
}

struct Slow {
    stream: TcpStream,
    manner: Manner,
    since: Instant,
    next: Instant,
}

fn play(plan: &Plan) {
    let server = Server::start_with(plan.config);
    let (path, key) = content(&server);
    let before = open_files(&server);
    let begin = |manner| Slow::begin(server.address, manner, &path, &key);
    let mut peers: Vec<Slow> = Vec::new();
    for (count, manner) in [
        (plan.heads, Manner::Head),
        (plan.bodies, Manner::Body),
        (plan.ranges, Manner::Ranges),
        (plan.readers, Manner::Reader),
    ] {
        peers.extend((0..count).map(|_| begin(manner)));
    }
    assert!(open_files(&server) >= before + peers.len() / 2, "they are not connected");
    let began = Instant::now();
    let (mut longest, mut gone) = ([Duration::ZERO; 4], [0_u32; 4]);
    let others = std::thread::scope(|scope| {
        let others = scope.spawn(|| ask_meanwhile(&server, plan.time));
        while began.elapsed() < plan.time {
            let now = Instant::now();
            for peer in peers.iter_mut().filter(|peer| peer.next <= now) {
                if peer.go_on(now) {
                    continue;
                }
                let place = peer.manner as usize;
                longest[place] = longest[place].max(peer.since.elapsed());
                gone[place] += 1;
                // Another one takes its place.
                *peer = begin(peer.manner);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        others.join().expect("others are served")
    });
    let (mut times, resident) = others;
    times.sort();
    let p99 = times[times.len() * 99 / 100];
    let oldest = |manner| peers.iter().filter(|peer| peer.manner == manner).map(|peer| peer.since.elapsed()).max();
    let lived = |manner| oldest(manner).unwrap_or_default().max(longest[manner as usize]);
    eprintln!(
        "{} slow peers for {:?}: p99 {p99:?} of {} requests, {} MiB resident; lived {longest:?}, let go {gone:?}",
        peers.len(),
        plan.time,
        times.len(),
        resident >> 20
    );
    assert!(lived(Manner::Head) <= plan.heads_gone, "a slow head lived for {:?}", lived(Manner::Head));
    assert!(lived(Manner::Body) <= plan.rest_gone, "a slow body lived for {:?}", lived(Manner::Body));
    assert!(gone[0] > 0 && gone[1] > 0, "nobody was let go: {gone:?}");
    assert!(p99 <= plan.p99, "p99 is {p99:?}");
    assert!(resident <= plan.resident_bytes, "{resident} bytes resident");
    // Nobody does anything any more, and nobody hangs up: the server is rid of them all, the readers that take nothing too.
    let waiting = Instant::now();
    while open_files(&server) > before + 8 {
        let left = open_files(&server) - before;
        assert!(waiting.elapsed() <= plan.rest_gone, "{left} connections are held after {:?}", waiting.elapsed());
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(peers);
}

/// What requests of others take, each on a connection of its own; and the most memory that the server has meanwhile.
fn ask_meanwhile(server: &Server, time: Duration) -> (Vec<Duration>, u64) {
    let (began, mut times, mut resident) = (Instant::now(), Vec::new(), 0);
    while began.elapsed() < time {
        let asked = Instant::now();
        server.call(&Request::get("/timestamp")).expect(200);
        times.push(asked.elapsed());
        resident = resident.max(server.resident_bytes());
        std::thread::sleep(Duration::from_millis(20));
    }
    (times, resident)
}

impl Slow {
    fn begin(server: SocketAddr, manner: Manner, path: &str, key: &str) -> Slow {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Who takes nothing has no room for it either.
        if manner == Manner::Reader {
            socket.set_recv_buffer_size(4096).unwrap();
        }
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.connect_timeout(&server.into(), Duration::from_secs(20)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::from(socket);
        let key = format!("X-Exosite-CIK: {key}\r\n");
        let first = match manner {
            Manner::Head => "GET /timestamp HTTP/1.1\r\nHost: a\r\n".to_owned(),
            Manner::Body => {
                "POST /provision/activate HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nvendor=".to_owned()
            }
            Manner::Ranges => {
                let ranges: Vec<String> = (0..100).map(|n| format!("{n}-")).collect();
                format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n{key}Range: bytes={}\r\n\r\n", ranges.join(","))
            }
            Manner::Reader => format!("GET {path} HTTP/1.1\r\nHost: a\r\n{key}\r\n"),
        };
        let _ = stream.write_all(first.as_bytes());
        let now = Instant::now();
        Slow { stream, manner, since: now, next: now + PACE }
    }

    /// Its next byte; false where it was let go.
    fn go_on(&mut self, now: Instant) -> bool {
        self.next = now + PACE;
        let sent = match self.manner {
            Manner::Head => self.stream.write(b"X: y\r\n"),
            Manner::Body => self.stream.write(b"x"),
            Manner::Ranges | Manner::Reader => Ok(0),
        };
        if sent.is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
            return false;
        }
        if self.manner == Manner::Reader {
            // It does not look, either: whether it was let go shows in the end, at the server.
            return true;
        }
        match self.stream.read(&mut [0; 4096]) {
            Ok(0) => false,
            Ok(_) => self.manner == Manner::Ranges,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// How many files and sockets the server has open.
fn open_files(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.process_id())).map(Iterator::count).unwrap_or_default()
}

/// A content that no socket's buffers hold; where it is, and a key for it.
fn content(server: &Server) -> (String, String) {
    let model = fresh_name("slow");
    let vendor = server.vendor();
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["A1"]);
    vendor.enable(&model, "A1");
    let key = server.device(&model, "A1").activate_ok();
    let upload = Request::new("POST", &format!("/provision/manage/content/{model}/large"))
        .header("X-Exosite-CIK", &server.cast.vendor.cik)
        .header("Content-Type", "application/octet-stream")
        .body(vec![7; 16 << 20]);
    server.call(&upload).expect(205);
    (format!("/provision/download?vendor={}&model={model}&id=large", server.cast.vendor_name), key)
}
