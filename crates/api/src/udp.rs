//! The one-way write: a datagram `cik=<CIK>&alias1=value1&…` is a write, and nothing is ever sent back (contract, data.md
//! "One-way UDP write").
//!
//! One thread reads the datagrams that wait, up to a batch, and gives them to the store as one job; while that is committed,
//! the kernel's buffer holds what comes, and drops what it cannot hold. So a flood takes no more than its share of the
//! writer, and no memory. Bad datagrams are counted.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use domain::caller::{self, Credential, Remembered};
use domain::data::{self, AliasWrite};
use model::{Error, Result};
use socket2::{Domain, Protocol, Socket, Type};
use store::Tx;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use wire::form::Form;

use crate::common::app::App;

/// Writes in one job: about a millisecond of the writer.
const BATCH: usize = 64;
/// No datagram is longer.
const DATAGRAM_BYTES: usize = 64 << 10;
/// What the kernel is asked to hold, where it may.
const KERNEL_BUFFER_BYTES: usize = 4 << 20;
/// Keys that did not call lately are looked up that often; beyond it their datagrams are lost, as datagrams are.
const LOOKUPS_PER_SECOND: u32 = 2_000;

/// A socket that was bound and is not read yet.
pub struct UdpDoor {
    socket: std::net::UdpSocket,
    address: SocketAddr,
}

/// The thread that reads it.
pub struct UdpThread {
    counts: Arc<UdpCounts>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What became of datagrams.
#[derive(Debug, Default)]
pub struct UdpCounts {
    written: AtomicU64,
    bad: AtomicU64,
    lost: AtomicU64,
}

impl UdpCounts {
    /// Those that were written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Those that were no write: out of form, with an unknown key, or with a value that does not parse.
    pub fn bad(&self) -> u64 {
        self.bad.load(Ordering::Relaxed)
    }

    /// Those that came when there was no time for them, or that the store could not take.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl UdpDoor {
    /// Takes the address; port 0 takes any that is free.
    pub fn bind(address: SocketAddr) -> io::Result<UdpDoor> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // The kernel may allow less, which only means that it drops sooner.
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES);
        socket.bind(&address.into())?;
        let socket: std::net::UdpSocket = socket.into();
        let address = socket.local_addr()?;
        Ok(UdpDoor { socket, address })
    }

    /// The address that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads until it is told to stop.
    pub fn serve(self, app: Arc<App>) -> io::Result<UdpThread> {
        let counts = Arc::new(UdpCounts::default());
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let reader = Reader { app, counts: counts.clone(), lookups: Lookups::new() };
        let thread = std::thread::Builder::new().name("udp".to_owned());
        let thread = thread.spawn(move || {
            if let Err(error) = runtime.block_on(reader.run(self.socket, stopped)) {
                tracing::error!(%error, "datagrams cannot be read any more");
            }
        })?;
        Ok(UdpThread { counts, stop: Some(stop), thread: Some(thread) })
    }
}

impl UdpThread {
    /// What became of datagrams so far.
    pub fn counts(&self) -> &UdpCounts {
        &self.counts
    }
}

/// Ends the thread; what it has read is written first.
impl Drop for UdpThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Reader {
    app: Arc<App>,
    counts: Arc<UdpCounts>,
    lookups: Lookups,
}

/// A datagram that is a write, as far as can be said before it is written.
struct Write {
    credential: Credential,
    remembered: Remembered,
    writes: Vec<AliasWrite>,
}

impl Reader {
    async fn run(mut self, socket: std::net::UdpSocket, mut stopped: oneshot::Receiver<()>) -> io::Result<()> {
        let socket = UdpSocket::from_std(socket)?;
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            tokio::select! {
                ready = socket.readable() => ready?,
                _ = &mut stopped => return Ok(()),
            }
            let mut batch = Vec::new();
            for _ in 0..BATCH {
                let Ok(length) = socket.try_recv(&mut buffer) else { break };
                match self.read(&buffer[..length]).await {
                    Ok(write) => batch.push(write),
                    Err(error) => self.count(&error),
                }
            }
            if !batch.is_empty() {
                self.store(batch).await;
            }
            // A flood must not keep the end of the server from being heard.
            let ended =
                poll_fn(|context| std::task::Poll::Ready(Pin::new(&mut stopped).poll(context).is_ready())).await;
            if ended {
                return Ok(());
            }
        }
    }

    async fn read(&mut self, datagram: &[u8]) -> Result<Write> {
        let (credential, form) = split(datagram, &self.app).ok_or(Error::Unauthorized)?;
        let hash = caller::fingerprint(self.app.store.keyring(), &credential).ok_or(Error::Unauthorized)?;
        let remembered = match self.app.callers.recall(&self.app.store, &hash) {
            Some(remembered) => remembered,
            None if self.lookups.take() => self.app.callers.find(&self.app.store, &credential).await?,
            None => return Err(Error::Unavailable),
        };
        let target = |alias: &str| self.app.profiles.target(&self.app.store, remembered.id(), alias);
        let writes = form
            .iter()
            .map(|(alias, text)| AliasWrite { alias: alias.to_owned(), text: text.to_owned(), target: target(alias) })
            .collect();
        Ok(Write { credential, remembered, writes })
    }

    async fn store(&self, batch: Vec<Write>) {
        let (app, size) = (self.app.clone(), batch.len() as u64);
        match self.app.store.write(move |tx| store_all(tx, &batch, &app)).await {
            Ok(bad) => {
                self.counts.bad.fetch_add(bad, Ordering::Relaxed);
                self.counts.written.fetch_add(size - bad, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::debug!(%error, datagrams = size, "datagrams could not be written");
                self.counts.lost.fetch_add(size, Ordering::Relaxed);
            }
        }
    }

    fn count(&self, error: &Error) {
        let counted = if matches!(error, Error::Unavailable) { &self.counts.lost } else { &self.counts.bad };
        counted.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes what can be written, each datagram by itself; answers how many could not.
fn store_all(tx: &mut Tx<'_>, batch: &[Write], app: &App) -> Result<u64> {
    let mut bad = 0;
    for write in batch {
        let written = tx.attempt(|tx| {
            let client = caller::again(tx, &write.remembered, &write.credential)?;
            data::write_aliases(tx, &client, &write.writes, app.limits())
        });
        match written {
            Ok(()) => {}
            Err(error @ (Error::Unavailable | Error::Internal(_) | Error::ReadOnly)) => return Err(error),
            Err(_) => bad += 1,
        }
    }
    Ok(bad)
}

/// The key and the pairs of a datagram; a line break at its end is no part of it.
fn split<'d>(datagram: &'d [u8], app: &App) -> Option<(Credential, Form<'d>)> {
    let text = datagram.strip_suffix(b"\n").unwrap_or(datagram);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let (cik, pairs) = text.strip_prefix(b"cik=")?.split_at_checked(40)?;
    let credential = Credential::from_cik(std::str::from_utf8(cik).ok()?);
    let form = Form::from_body(pairs.strip_prefix(b"&")?, app.limits()).ok()?;
    (!matches!(credential, Credential::Absent) && !form.is_empty()).then_some((credential, form))
}

/// How many keys may still be looked up in this second.
struct Lookups {
    began: Instant,
    left: u32,
}

impl Lookups {
    fn new() -> Lookups {
        Lookups { began: Instant::now(), left: LOOKUPS_PER_SECOND }
    }

    fn take(&mut self) -> bool {
        if self.left == 0 && self.began.elapsed().as_secs() >= 1 {
            *self = Lookups::new();
        }
        self.left = match self.left.checked_sub(1) {
            Some(left) => left,
            None => return false,
        };
        true
    }
}
