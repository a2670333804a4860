//! The UDP listener: a socket and a thread a core, between which the system divides the peers (contract, coap.md; threat
//! T22, fault F17).

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::Error;
use socket2::{Domain, Protocol, Socket, Type};

use super::endpoint::{Bounds, Shared};
use super::worker;
use crate::common::app::App;

/// What the system may keep of datagrams that came while a worker was busy.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// How the listener serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads; one a core where there is none said.
    pub workers: Option<usize>,
    /// Requests that may be worked on at a time.
    pub requests: usize,
    /// Memory for answers to requests that changed something, in bytes.
    pub remembered_bytes: usize,
    /// Memory for other answers, in bytes.
    pub remembered_reads_bytes: usize,
    /// Memory for bodies in blocks that are under way, in bytes.
    pub bodies_bytes: usize,
    /// Observers.
    pub observers: usize,
    /// Observers of one client.
    pub observers_per_client: u32,
    /// An observer is asked at least so often whether it is still there.
    pub refresh: Duration,
    /// Whether a peer has to show its address before anything is done for it.
    pub demands_echo: bool,
    /// How long requests that are under way may take to end at a stop.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            workers: None,
            requests: 8192,
            remembered_bytes: 64 << 20,
            remembered_reads_bytes: 8 << 20,
            bodies_bytes: 64 << 20,
            observers: 100_000,
            observers_per_client: 64,
            refresh: Duration::from_secs(60),
            demands_echo: false,
            drain: Duration::from_secs(30),
        }
    }
}

/// Sockets that are bound and not served yet.
pub struct Listener {
    sockets: Vec<UdpSocket>,
    address: SocketAddr,
}

impl Listener {
    /// Takes the address; port 0 takes any that is free.
    pub fn bind(address: SocketAddr, options: &Options) -> io::Result<Listener> {
        // Sockets that share a port would share it with another server too: alone, this one finds out.
        let address = bind_one(address, false)?.local_addr()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = options.workers.unwrap_or(cores).max(1);
        let sockets = (0..workers).map(|_| bind_one(address, true)).collect::<io::Result<Vec<_>>>()?;
        Ok(Listener { sockets, address })
    }

    /// The address that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the server is to end, then lets the requests that are under way end. An error means that the listener
    /// itself broke down.
    pub async fn serve(self, app: Arc<App>, options: Options) -> io::Result<()> {
        let threads = self.start(&app, &options)?;
        for thread in threads {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            joined?.map_err(|_| io::Error::other("a CoAP worker panicked"))??;
        }
        Ok(())
    }

    fn start(self, app: &Arc<App>, options: &Options) -> io::Result<Vec<JoinHandle<io::Result<()>>>> {
        let (bounds, shared) = (bounds(app, options, self.sockets.len()), shared(options)?);
        let start = |(number, socket)| {
            let (app, bounds, shared, drain) = (Arc::clone(app), bounds.clone(), shared.clone(), options.drain);
            let thread = std::thread::Builder::new().name(format!("coap-{number}"));
            thread.spawn(move || worker::run(app, socket, bounds, shared, drain))
        };
        self.sockets.into_iter().enumerate().map(start).collect()
    }
}

fn bind_one(address: SocketAddr, shares_its_port: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(shares_its_port)?;
    socket.set_nonblocking(true)?;
    // As much as the system allows; less is no fault.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The share of one worker.
fn bounds(app: &App, options: &Options, workers: usize) -> Bounds {
    Bounds {
        requests: options.requests.div_ceil(workers),
        remembered_bytes: options.remembered_bytes / workers,
        remembered_reads_bytes: options.remembered_reads_bytes / workers,
        body_bytes: app.limits().body_bytes,
        observers: options.observers.div_ceil(workers),
        refresh: options.refresh,
        demands_echo: options.demands_echo,
    }
}

fn shared(options: &Options) -> io::Result<Shared> {
    let mut echo_key = [0; 32];
    getrandom::fill(&mut echo_key).map_err(|cause| io::Error::other(Error::internal(cause)))?;
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    Ok(Shared::new(options.bodies_bytes, options.observers_per_client, echo_key, (Instant::now(), unix_ms)))
}
