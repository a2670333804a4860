//! The listener: one acceptor hands connections to a thread a core, each with a runtime of its own, which serves more
//! than one runtime over all cores would (threats T18, faults F16, F17).

use std::future::{Future, poll_fn};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::select_all;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use wire::http::framing::HeadLimits;

use super::Site;
use super::room::Room;
use super::seat::Patience;
use super::tls::Tls;
use super::worker::{self, Arrival};

/// Connections that may wait in the kernel to be accepted.
const BACKLOG: i32 = 4096;
/// Connections that may wait for a worker that is busy; the others wait in the kernel.
const QUEUE: usize = 256;
/// What the acceptor waits at first, and at most, when there are no file descriptors left.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// How long a connection waits for a place, where all are taken, before it is turned away.
const FULL_AFTER: Duration = Duration::from_secs(1);
/// The same where the one before it was turned away.
const STILL_FULL: Duration = Duration::from_millis(5);
/// How often it is looked whether some only wait.
const LOOK: Duration = Duration::from_millis(5);
/// What is said to those who are turned away.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 20\r\nRetry-After: 5\r\n\
    Connection: close\r\n\r\ntoo many connections";
/// At a stop, who was let in by the kernel is given so long to get to a worker.
const LAST_CALL: Duration = Duration::from_millis(500);

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
    tls: Option<Tls>,
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
        Ok(Listener { socket, address, tls: None })
    }

    /// The same, speaking TLS.
    pub fn secured(self, tls: Tls) -> Listener {
        Listener { tls: Some(tls), ..self }
    }

    /// A socket that listens already, and that somebody keeps who outlives this process: those who come while nobody
    /// serves wait in its queue (fault F18).
    pub fn inherited(socket: std::net::TcpListener) -> io::Result<Listener> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Listener { socket: socket.into(), address, tls: None })
    }

    /// The address that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, as [`serve`] does.
    pub async fn serve(self, site: Arc<impl Site>, options: Options, stop: impl Future<Output = ()>) -> io::Result<()> {
        serve(vec![self], site, options, stop).await
    }
}

/// Serves what comes in at all of the listeners until `stop` is ready, then lets the requests that are under way end. An error
/// means that a listener itself broke down.
pub async fn serve(
    listeners: Vec<Listener>,
    site: Arc<impl Site>,
    options: Options,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let open = |listener: Listener| Ok((TcpListener::from_std(listener.socket.into())?, listener.tls));
    let listeners: Vec<(TcpListener, Option<Tls>)> = listeners.into_iter().map(open).collect::<io::Result<_>>()?;
    let (mut acceptor, threads) = Acceptor::start(&site, &options)?;
    tokio::select! {
        broken = acceptor.accept(&listeners) => {
            tracing::error!(error = %broken, "the listener broke down");
            return Err(broken);
        }
        () = stop => {}
    }
    let last_call = async {
        for (listener, tls) in listeners {
            acceptor.accept_waiting(listener.into_std()?, tls.as_ref()).await;
        }
        Ok::<_, io::Error>(())
    };
    if let Ok(called) = timeout(LAST_CALL, last_call).await {
        called?;
    }
    drop(acceptor);
    for thread in threads {
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        joined?.map_err(|_| io::Error::other("a worker panicked"))??;
    }
    Ok(())
}

/// The next connection at any of the listeners, which take turns.
async fn next(
    listeners: &[(TcpListener, Option<Tls>)],
    turn: &mut usize,
) -> (io::Result<(TcpStream, SocketAddr)>, Option<Tls>) {
    poll_fn(|context| {
        for offset in 0..listeners.len() {
            let place = (*turn + offset) % listeners.len();
            let (listener, tls) = &listeners[place];
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                *turn = place + 1;
                return Poll::Ready((accepted, tls.clone()));
            }
        }
        Poll::Pending
    })
    .await
}

/// Hands connections to the workers, and lets the kernel keep those that nobody has time or room for.
struct Acceptor {
    workers: Vec<mpsc::Sender<Arrival>>,
    next: usize,
    room: Arc<Room>,
    /// Accepted, and not handed on yet: it survives when accepting is broken off.
    held: Option<Arrival>,
    /// Every place is taken by somebody who is busy: nobody waits for one any more.
    is_full: bool,
}

impl Acceptor {
    fn start(site: &Arc<impl Site>, options: &Options) -> io::Result<(Acceptor, Vec<JoinHandle<io::Result<()>>>)> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = options.workers.unwrap_or(cores).max(1);
        let room = Room::new(options.connections, options.connections_per_peer, count);
        let (mut workers, mut threads) = (Vec::new(), Vec::new());
        for number in 0..count {
            let (sender, arrivals) = mpsc::channel(QUEUE);
            let (site, options, room) = (site.clone(), options.clone(), room.clone());
            let thread = std::thread::Builder::new().name(format!("http-{number}"));
            threads.push(thread.spawn(move || worker::run(site, &options, number, &room, arrivals))?);
            workers.push(sender);
        }
        Ok((Acceptor { workers, next: 0, room, held: None, is_full: false }, threads))
    }

    /// Accepts until something is wrong with the listener itself.
    async fn accept(&mut self, listeners: &[(TcpListener, Option<Tls>)]) -> io::Error {
        let (mut pause, mut told, mut turn) = (BACK_OFF.0, None::<Instant>, 0);
        loop {
            let (accepted, tls) = next(listeners, &mut turn).await;
            match accepted {
                Ok((tcp, peer)) => {
                    pause = BACK_OFF.0;
                    let Ok(tcp) = tcp.into_std() else { continue };
                    self.hold(tcp, tls, peer);
                    self.wait_for_room().await;
                    if let Err(error) = self.hand_on().await {
                        return error;
                    }
                }
                Err(error) if is_of_peer(&error) => {}
                Err(error) => {
                    if told.is_none_or(|told| told.elapsed() >= BACK_OFF.1) {
                        told = Some(Instant::now());
                        tracing::warn!(%error, "cannot accept connections");
                    }
                    // Most likely there are no file descriptors left; those who only wait can give some back.
                    self.room.ask();
                    let _ = timeout(pause, self.room.freed()).await;
                    self.room.has_enough();
                    pause = (pause * 2).min(BACK_OFF.1);
                }
            }
        }
    }

    /// Accepts what already waits, so that nobody who was let in by the kernel goes without an answer.
    async fn accept_waiting(&mut self, listener: std::net::TcpListener, tls: Option<&Tls>) {
        while self.hand_on().await.is_ok() {
            let Ok((tcp, peer)) = listener.accept() else { return };
            if tcp.set_nonblocking(true).is_ok() {
                self.hold(tcp, tls.cloned(), peer);
            }
        }
    }

    fn hold(&mut self, tcp: std::net::TcpStream, tls: Option<Tls>, peer: SocketAddr) {
        let peer = peer.ip().to_canonical();
        let Some(ticket) = self.room.take(peer) else { return };
        // Fails only where the peer is gone already.
        let _ = tcp.set_nodelay(true);
        self.held = Some(Arrival { tcp, tls, peer, ticket });
    }

    /// Waits until the one that was accepted last has a place. While it waits, the kernel keeps those behind it: nobody is
    /// reset for having come, and there are never more open files than places.
    async fn wait_for_room(&mut self) {
        if !self.room.is_overfull() {
            self.is_full = false;
            return;
        }
        self.room.ask();
        let (began, short) = (Instant::now(), if self.is_full { STILL_FULL } else { FULL_AFTER });
        while self.room.is_overfull() {
            // Those that only wait go sooner or later; those that are busy do not have to.
            let patience = if self.room.has_waiting() { FULL_AFTER } else { short };
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            let _ = timeout(left.min(LOOK), self.room.freed()).await;
        }
        self.is_full = self.room.is_overfull();
        self.room.has_enough();
        if self.is_full {
            self.held.take().into_iter().for_each(turn_away);
        }
    }

    /// Gives what is held to the worker with the shortest queue; where all are full, to the first that has room again. An
    /// error means that a worker is gone.
    async fn hand_on(&mut self) -> io::Result<()> {
        if self.held.is_none() {
            return Ok(());
        }
        let gone = || io::Error::other("a worker is gone");
        self.next = (self.next + 1) % self.workers.len();
        let in_turn = (0..self.workers.len()).map(|step| (self.next + step) % self.workers.len());
        let least_busy = in_turn.rev().max_by_key(|worker| self.workers[*worker].capacity());
        let worker = least_busy.filter(|worker| self.workers[*worker].capacity() > 0);
        let permit = match worker {
            Some(worker) => self.workers[worker].reserve().await,
            None => select_all(self.workers.iter().map(|worker| Box::pin(worker.reserve()))).await.0,
        };
        let permit = permit.map_err(|_| gone())?;
        if let Some(arrival) = self.held.take() {
            permit.send(arrival);
        }
        Ok(())
    }
}

/// Says why, as far as that can be done without waiting; where TLS comes first, it cannot.
fn turn_away(arrival: Arrival) {
    if arrival.tls.is_some() {
        return;
    }
    let mut tcp = arrival.tcp;
    let _ = tcp.write(FULL);
    // Closing on bytes that were not read would take the answer back.
    let mut unread = [0; 4096];
    while tcp.read(&mut unread).is_ok_and(|read| read == unread.len()) {}
}

/// Whether accepting failed for a reason that only this peer has.
fn is_of_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
