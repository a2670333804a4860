//! A gate on the way to a server: a relay of TCP connections that can be shut in the ways in which networks fail.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const OPEN: u8 = 0;
const FROZEN: u8 = 1;
const DEAF: u8 = 2;
const SHUT: u8 = 3;

/// A relay in front of a server.
pub struct Gate {
    /// Where clients connect to.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: AtomicU8,
    ending: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Gate {
    /// An open gate before a server.
    pub fn before(server: SocketAddr) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let here = Arc::clone(&shared);
        let acceptor = thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if here.ending.load(Ordering::SeqCst) {
                    return;
                }
                if here.state.load(Ordering::SeqCst) != SHUT {
                    carry(&here, client, server);
                }
            }
        });
        Gate { address, shared, acceptor: Some(acceptor) }
    }

    /// Everything passes again; connections that were cut stay so.
    pub fn open(&self) {
        self.shared.state.store(OPEN, Ordering::SeqCst);
    }

    /// Nothing passes in either direction, and nobody is told: a cable that was pulled.
    pub fn freeze(&self) {
        self.shared.state.store(FROZEN, Ordering::SeqCst);
    }

    /// What clients say passes, what the server answers does not.
    pub fn deafen(&self) {
        self.shared.state.store(DEAF, Ordering::SeqCst);
    }

    /// Cuts every connection and takes no new one.
    pub fn shut(&self) {
        self.shared.state.store(SHUT, Ordering::SeqCst);
        self.cut();
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        self.open();
        self.cut();
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn carry(shared: &Arc<Shared>, client: TcpStream, server: SocketAddr) {
    let Ok(server) = TcpStream::connect(server) else { return };
    let both = (client.try_clone(), server.try_clone());
    let (Ok(from_client), Ok(from_server)) = both else { return };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
        shared.open.lock().unwrap().extend(stream.try_clone());
    }
    let (there, back) = (Arc::clone(shared), Arc::clone(shared));
    thread::spawn(move || copy(from_client, server, &there, &[FROZEN]));
    thread::spawn(move || copy(from_server, client, &back, &[FROZEN, DEAF]));
}

fn copy(mut from: TcpStream, mut to: TcpStream, shared: &Shared, held_in: &[u8]) {
    let mut buffer = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        while held_in.contains(&shared.state.load(Ordering::SeqCst)) {
            if shared.ending.load(Ordering::SeqCst) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
