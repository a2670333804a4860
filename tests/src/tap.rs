//! A relay for TCP that keeps what it carries: between a proxy and the server it shows what the proxy took for requests and what
//! the server answered (threat T17).

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A relay. It ends with the process.
pub struct Tap {
    /// Where it listens.
    pub address: SocketAddr,
    carried: Arc<Mutex<Carried>>,
}

/// What a tap has carried so far, over all its connections.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// To the server.
    pub requests: Vec<u8>,
    /// From the server.
    pub answers: Vec<u8>,
}

impl Tap {
    /// Relays to this server.
    pub fn before(server: SocketAddr) -> Tap {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let (address, carried) = (listener.local_addr().expect("an address"), Arc::default());
        let all = Arc::clone(&carried);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(upstream) = TcpStream::connect(server) else { continue };
                // An answer goes on as it comes.
                let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
                let pair = (client.try_clone().expect("a handle"), upstream.try_clone().expect("a handle"));
                let (there, back) = (Arc::clone(&all), Arc::clone(&all));
                thread::spawn(move || carry(client, upstream, &there, |carried| &mut carried.requests));
                thread::spawn(move || carry(pair.1, pair.0, &back, |carried| &mut carried.answers));
            }
        });
        Tap { address, carried }
    }

    /// What it has carried so far.
    pub fn carried(&self) -> Carried {
        self.carried.lock().expect("no panic").clone()
    }
}

impl Carried {
    /// How many answers came from the server; none of its bodies holds a status line.
    pub fn answer_count(&self) -> usize {
        count(&self.answers, b"HTTP/1.1 ")
    }
}

/// How often a piece is in some bytes.
pub fn count(bytes: &[u8], piece: &[u8]) -> usize {
    bytes.windows(piece.len()).filter(|window| *window == piece).count()
}

fn carry(mut from: TcpStream, mut to: TcpStream, all: &Mutex<Carried>, part: fn(&mut Carried) -> &mut Vec<u8>) {
    let mut piece = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        part(&mut all.lock().expect("no panic")).extend_from_slice(&piece[..length]);
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
}
