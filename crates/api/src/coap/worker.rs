//! One thread of the listener: a socket, its endpoint, and the requests that are worked on. The endpoint decides, this file
//! moves bytes and time (fault F17, promise I9).

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinError, JoinSet};
use wire::coap::Code;

use super::endpoint::{Bounds, Endpoint, Shared, Ticket};
use super::observe::ObserverId;
use super::routes::route;
use super::socket::Socket;
use super::watch::{Notice, Watch};
use super::{Answer, Request};
use crate::common::app::App;

/// Batches of datagrams that are received before what else is due gets its turn.
const BATCHES: usize = 4;
/// A look at what has become due, when nothing else happens.
const IDLE: Duration = Duration::from_secs(10);
/// When observers may come back after a stop.
const COME_BACK_IN_S: u32 = 10;
/// How far the thread stands back behind those of HTTP when the cores are busy: anybody can send datagrams, as many as the
/// network carries, and a flood of them is to be felt by those who speak CoAP first (goal G10).
const NICE: i32 = 5;
/// Threads for reading blobs.
const BLOCKING_THREADS: usize = 32;

type Answering = Pin<Box<dyn Future<Output = (Answer, Option<Watch>)> + Send>>;
type Requests = JoinSet<(Ticket, Answer, Option<Watch>)>;

struct Worker {
    app: Arc<App>,
    socket: Socket,
    endpoint: Endpoint,
    requests: Requests,
    watches: Watches,
}

/// What observers wait for.
#[derive(Default)]
struct Watches {
    tasks: JoinSet<(ObserverId, Watch, Notice)>,
    handles: HashMap<ObserverId, AbortHandle>,
}

/// Runs a worker on this thread until the server is to end and its requests have ended.
pub(super) fn run(
    app: Arc<App>,
    socket: std::net::UdpSocket,
    bounds: Bounds,
    shared: Shared,
    drain: Duration,
) -> io::Result<()> {
    // Of this thread alone, on Linux; where that does not work, nothing is lost but the order.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a CoAP worker runs as everything else");
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
    let served = runtime.block_on(async {
        let (socket, endpoint) = (Socket::new(socket)?, Endpoint::new(bounds, shared));
        let (requests, watches) = (JoinSet::new(), Watches::default());
        Worker { app, socket, endpoint, requests, watches }.serve(drain).await
    });
    // A blob that is being read for nobody holds nothing up.
    runtime.shutdown_background();
    served
}

impl Worker {
    async fn serve(mut self, drain: Duration) -> io::Result<()> {
        let app = Arc::clone(&self.app);
        let mut stop = pin!(app.stopping.begun());
        loop {
            let due = self.endpoint.next_due().unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(answered) = self.requests.join_next() => self.finish(answered),
                Some(noticed) = self.watches.tasks.join_next() => self.tell(noticed),
                readable = self.socket.readable() => {
                    readable?;
                    self.receive()?;
                }
                () = tokio::time::sleep_until(due.into()) => {}
            }
            self.look_around().await?;
        }
        self.endpoint.end_all_observations(COME_BACK_IN_S);
        self.look_around().await?;
        let ended = tokio::time::timeout(drain, self.end_requests()).await;
        if ended.is_err() {
            tracing::warn!(requests = self.requests.len(), "CoAP requests are cut off: they did not end in time");
        }
        ended.unwrap_or(Ok(()))
    }

    async fn end_requests(&mut self) -> io::Result<()> {
        while let Some(answered) = self.requests.join_next().await {
            self.finish(answered);
            self.look_around().await?;
        }
        Ok(())
    }

    /// Does what is due, and sends what gathered.
    async fn look_around(&mut self) -> io::Result<()> {
        self.endpoint.tick(Instant::now());
        for ended in self.endpoint.take_ended_observers() {
            self.watches.end(ended);
        }
        let sent = self.socket.send(&self.endpoint.outbound).await;
        self.endpoint.outbound.clear();
        sent
    }

    fn receive(&mut self) -> io::Result<()> {
        let Worker { app, socket, endpoint, requests, watches } = self;
        for _ in 0..BATCHES {
            let now = Instant::now();
            let was_there = socket.receive(|peer, datagram| {
                let Some((ticket, request)) = endpoint.receive(now, peer, datagram) else { return };
                if let Some(answered) = begin(app, endpoint, requests, now, ticket, request) {
                    finish(endpoint, watches, now, answered);
                }
            })?;
            if !was_there {
                break;
            }
        }
        Ok(())
    }

    /// Answers a request that had to wait, and all others that are ready: a commit ends many at once.
    fn finish(&mut self, answered: Result<(Ticket, Answer, Option<Watch>), JoinError>) {
        let (now, mut next) = (Instant::now(), Some(answered));
        while let Some(answered) = next {
            match answered {
                Ok(answered) => finish(&mut self.endpoint, &mut self.watches, now, answered),
                // Routes catch their own panics, and nobody aborts them.
                Err(error) => tracing::error!(%error, "a CoAP request was lost"),
            }
            next = self.requests.try_join_next();
        }
    }

    /// Tells an observer what has come up, and all others: a commit may wake many.
    fn tell(&mut self, noticed: Result<(ObserverId, Watch, Notice), JoinError>) {
        let (now, mut next) = (Instant::now(), Some(noticed));
        while let Some(noticed) = next {
            match noticed {
                Ok((observer, watch, Notice::Value(value))) => {
                    if self.endpoint.notify(now, observer, &value) {
                        self.watches.wait(observer, watch);
                    }
                }
                Ok((observer, _, Notice::Over(why))) => self.endpoint.end_observation(now, observer, &why),
                Err(error) if error.is_cancelled() => {}
                Err(error) => tracing::error!(%error, "an observer was lost"),
            }
            next = self.watches.tasks.try_join_next();
        }
    }
}

impl Watches {
    fn wait(&mut self, observer: ObserverId, mut watch: Watch) {
        let waiting = async move {
            let notice = watch.next().await;
            (observer, watch, notice)
        };
        self.handles.insert(observer, self.tasks.spawn(waiting));
    }

    fn end(&mut self, observer: ObserverId) {
        if let Some(handle) = self.handles.remove(&observer) {
            handle.abort();
        }
    }
}

/// Begins to work on a request. What can be answered without waiting is answered here and now.
fn begin(
    app: &Arc<App>,
    endpoint: &mut Endpoint,
    requests: &mut Requests,
    now: Instant,
    ticket: Ticket,
    request: Request,
) -> Option<(Ticket, Answer, Option<Watch>)> {
    let mut answering: Answering = Box::pin(answer(Arc::clone(app), request));
    // Whoever polls it next brings a waker of its own.
    match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready((answer, watch)) => Some((ticket, answer, watch)),
        Poll::Pending => {
            endpoint.wait(now, &ticket);
            requests.spawn(async move {
                let (answer, watch) = answering.await;
                (ticket, answer, watch)
            });
            None
        }
    }
}

/// Hands an answer to the endpoint. Who became an observer waits for what comes next.
fn finish(
    endpoint: &mut Endpoint,
    watches: &mut Watches,
    now: Instant,
    (ticket, answer, watch): (Ticket, Answer, Option<Watch>),
) {
    if let (Some(observer), Some(watch)) = (endpoint.answer(now, ticket, answer), watch) {
        watches.wait(observer, watch);
    }
}

/// A panic of a route costs its own request only.
async fn answer(app: Arc<App>, request: Request) -> (Answer, Option<Watch>) {
    let began = Instant::now();
    let mut routing = pin!(route(&app, &request));
    let answered =
        std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| routing.as_mut().poll(context))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        });
    let panicked = || (Answer::refusal(Code::INTERNAL_SERVER_ERROR, "a fault of the server"), None);
    // The panic hook has logged what happened, and where.
    let (answer, watch) = answered.await.unwrap_or_else(panicked);
    app.measures.coap(answer.code.class() << 5 | answer.code.detail(), began.elapsed());
    if tracing::enabled!(tracing::Level::DEBUG) {
        let (code, route, peer) = (answer.code, answer.route, request.address);
        tracing::debug!(%code, route, micros = began.elapsed().as_micros() as u64, %peer, "answered over CoAP");
    }
    (answer, watch)
}
