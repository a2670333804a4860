//! The listener: one acceptor hands connections to a thread a core, each with a runtime of its own, which serves more
//! than one runtime over all cores would (threats T18, faults F16, F17).

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use wire::http::framing::HeadLimits;

use super::Site;
use super::seat::Patience;
use super::worker::{self, Arrival};

/// Connections that may wait in the kernel to be accepted.
const BACKLOG: i32 = 4096;
/// Connections that may wait for a worker that is busy.
const QUEUE: usize = 256;
/// What the acceptor waits at first, and at most, when there are no file descriptors left.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// How the listener serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads; one a core where there is none said.
    pub workers: Option<usize>,
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time of one address, or one /64 of IPv6.
    pub connections_per_peer: Option<usize>,
    /// How large a head may be.
    pub head: HeadLimits,
    /// How long a peer may keep us waiting.
    pub patience: Patience,
    /// How long requests that are under way may take to end at a stop.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            workers: None,
            connections: 20_000,
            connections_per_peer: None,
            head: HeadLimits::default(),
            patience: Patience::default(),
            drain: Duration::from_secs(30),
        }
    }
}

/// A socket that listens and is not served yet.
pub struct Listener {
    socket: Socket,
    address: SocketAddr,
}

impl Listener {
    /// Takes the address; port 0 takes any that is free.
    pub fn bind(address: SocketAddr) -> io::Result<Listener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let address = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok(Listener { socket, address })
    }

    /// The address that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then lets the requests that are under way end. An error means that the listener
    /// itself broke down.
    pub async fn serve(self, site: Arc<impl Site>, options: Options, stop: impl Future<Output = ()>) -> io::Result<()> {
        let listener = TcpListener::from_std(self.socket.into())?;
        let (mut acceptor, threads) = Acceptor::start(&site, &options)?;
        tokio::select! {
            broken = acceptor.accept(&listener) => {
                tracing::error!(error = %broken, "the listener broke down");
                return Err(broken);
            }
            () = stop => {}
        }
        acceptor.accept_waiting(listener.into_std()?);
        drop(acceptor);
        for thread in threads {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            joined?.map_err(|_| io::Error::other("a worker panicked"))??;
        }
        Ok(())
    }
}

/// Hands out connections in turn.
struct Acceptor {
    workers: Vec<mpsc::Sender<Arrival>>,
    next: usize,
    tickets: Tickets,
}

impl Acceptor {
    fn start(site: &Arc<impl Site>, options: &Options) -> io::Result<(Acceptor, Vec<JoinHandle<io::Result<()>>>)> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (mut workers, mut threads) = (Vec::new(), Vec::new());
        for number in 0..options.workers.unwrap_or(cores).max(1) {
            let (sender, arrivals) = mpsc::channel(QUEUE);
            let (site, options) = (site.clone(), options.clone());
            let thread = std::thread::Builder::new().name(format!("http-{number}"));
            threads.push(thread.spawn(move || worker::run(site, &options, arrivals))?);
            workers.push(sender);
        }
        Ok((Acceptor { workers, next: 0, tickets: Tickets::new(options) }, threads))
    }

    /// Accepts until something is wrong with the listener itself.
    async fn accept(&mut self, listener: &TcpListener) -> io::Error {
        let mut pause = BACK_OFF.0;
        loop {
            match listener.accept().await {
                Ok((tcp, peer)) => {
                    pause = BACK_OFF.0;
                    if let Err(error) = tcp.into_std().and_then(|tcp| self.hand_on(tcp, peer.ip())) {
                        return error;
                    }
                }
                Err(error) if is_of_peer(&error) => {}
                Err(error) => {
                    // Most likely there are no file descriptors left; those that end soon will free some.
                    tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "cannot accept a connection");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(BACK_OFF.1);
                }
            }
        }
    }

    /// Accepts what already waits, so that nobody who was let in by the kernel goes without an answer.
    fn accept_waiting(&mut self, listener: std::net::TcpListener) {
        while let Ok((tcp, peer)) = listener.accept() {
            if tcp.set_nonblocking(true).and_then(|()| self.hand_on(tcp, peer.ip())).is_err() {
                return;
            }
        }
    }

    /// Gives a connection to the next worker that takes it. An error means that a worker is gone.
    fn hand_on(&mut self, tcp: std::net::TcpStream, peer: IpAddr) -> io::Result<()> {
        let peer = peer.to_canonical();
        let Some((ticket, is_too_many)) = self.tickets.take(peer) else { return Ok(()) };
        // Fails only where the peer is gone already.
        let _ = tcp.set_nodelay(true);
        let mut arrival = Arrival { tcp, peer, ticket, is_too_many };
        for _ in 0..self.workers.len() {
            self.next = (self.next + 1) % self.workers.len();
            match self.workers[self.next].try_send(arrival) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Full(returned)) => arrival = returned,
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(io::Error::other("a worker is gone")),
            }
        }
        tracing::warn!("a connection is dropped: every worker is busy");
        Ok(())
    }
}

/// Whether accepting failed for a reason that only this peer has.
fn is_of_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Counts connections.
#[derive(Clone)]
struct Tickets {
    limit: usize,
    limit_per_peer: Option<usize>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    all: AtomicUsize,
    per_peer: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection among those that are counted.
pub(super) struct Ticket {
    counts: Arc<Counts>,
    peer: Option<IpAddr>,
}

impl Tickets {
    fn new(options: &Options) -> Tickets {
        let (limit, limit_per_peer) = (options.connections, options.connections_per_peer);
        Tickets { limit, limit_per_peer, counts: Arc::default() }
    }

    /// A ticket, and whether another connection has to go for it. None where the peer has too many already.
    fn take(&self, peer: IpAddr) -> Option<(Ticket, bool)> {
        let peer = match self.limit_per_peer {
            None => None,
            Some(limit) => {
                let network = network(peer);
                let mut per_peer = self.counts.per_peer();
                let count = per_peer.entry(network).or_default();
                if *count >= limit {
                    return None;
                }
                *count += 1;
                Some(network)
            }
        };
        let is_too_many = self.counts.all.fetch_add(1, Ordering::Relaxed) >= self.limit;
        Some((Ticket { counts: self.counts.clone(), peer }, is_too_many))
    }
}

impl Counts {
    fn per_peer(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.per_peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.counts.all.fetch_sub(1, Ordering::Relaxed);
        if let Some(network) = self.peer {
            let mut per_peer = self.counts.per_peer();
            if let Some(count) = per_peer.get_mut(&network) {
                *count -= 1;
                if *count == 0 {
                    per_peer.remove(&network);
                }
            }
        }
    }
}

/// What counts as one peer: an IPv4 address, or a /64 of IPv6.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}
