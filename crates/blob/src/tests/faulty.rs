//! A network that fails on demand, between a client and a server.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to connections, those that are open and those that come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// They are closed at once.
    Refuse,
    /// Nothing comes through any more, in either direction.
    Freeze,
    /// The answer breaks off after so many bytes of it.
    CutAfter(usize),
    /// One bit of what comes back is another, so many bytes behind the end of a head.
    Flip(usize),
    /// Every request is answered with this status, and the server never sees it.
    Answer(u16),
}

/// The network; it ends with the test.
pub struct Faulty {
    address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    left: Arc<AtomicUsize>,
}

impl Faulty {
    /// Between whoever connects to [`Faulty::address`] and that server.
    pub fn before(server: SocketAddr) -> Faulty {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let faulty = Faulty { address, fault: Arc::new(Mutex::new(Fault::None)), left: Arc::default() };
        let (fault, left) = (faulty.fault.clone(), faulty.left.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (fault, left) = (fault.clone(), left.clone());
                thread::spawn(move || carry(client, server, &fault, &left));
            }
        });
        faulty
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, until it is set again.
    pub fn set(&self, fault: Fault) {
        self.left.store(usize::MAX, Ordering::SeqCst);
        *self.fault.lock().unwrap() = fault;
    }

    /// For so many answers, and then no more.
    pub fn set_for(&self, fault: Fault, answers: usize) {
        self.set(fault);
        self.left.store(answers, Ordering::SeqCst);
    }
}

fn carry(mut client: TcpStream, server: SocketAddr, fault: &Arc<Mutex<Fault>>, left: &Arc<AtomicUsize>) {
    let now = || *fault.lock().unwrap();
    let Ok(mut upstream) = TcpStream::connect(server) else { return };
    let (mut to_server, mut from_client) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
    let (up, up_left) = (fault.clone(), left.clone());
    thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        loop {
            let count = from_client.read(&mut buffer).unwrap_or(0);
            let wanted = *up.lock().unwrap();
            match wanted {
                _ if count == 0 => break,
                Fault::Freeze => {}
                Fault::Refuse => break,
                Fault::Answer(status) if take(&up_left) => {
                    let answer = format!("HTTP/1.1 {status} Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    let _ = from_client.write_all(answer.as_bytes());
                    // So that what was sent and not read does not take the answer back.
                    let _ = from_client.shutdown(Shutdown::Write);
                    let _ = from_client.set_read_timeout(Some(Duration::from_secs(1)));
                    while from_client.read(&mut buffer).is_ok_and(|count| count > 0) {}
                    break;
                }
                _ if to_server.write_all(&buffer[..count]).is_err() => break,
                _ => {}
            }
        }
        let _ = (to_server.shutdown(Shutdown::Both), from_client.shutdown(Shutdown::Both));
    });
    let mut buffer = [0; 16 << 10];
    loop {
        let count = upstream.read(&mut buffer).unwrap_or(0);
        let bytes = &mut buffer[..count];
        let is_head = bytes.starts_with(b"HTTP/1.1 ");
        match now() {
            _ if count == 0 => break,
            Fault::Refuse => break,
            Fault::Freeze => continue,
            Fault::CutAfter(kept) if is_head && take(left) => {
                let _ = client.write_all(&bytes[..kept.min(count)]);
                break;
            }
            Fault::Flip(behind) if is_head => {
                let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4 + behind);
                if let Some(byte) = end.and_then(|at| bytes.get_mut(at))
                    && take(left)
                {
                    *byte ^= 0x10;
                }
            }
            _ => {}
        }
        if client.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = (client.shutdown(Shutdown::Both), upstream.shutdown(Shutdown::Both));
}

/// Whether the fault counts once more.
fn take(left: &AtomicUsize) -> bool {
    let taking = |left: usize| if left == usize::MAX { Some(left) } else { left.checked_sub(1) };
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taking).is_ok()
}
