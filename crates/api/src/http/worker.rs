//! One thread of the listener: a runtime of its own, the connections that were handed to it, and a look at all of them a
//! few times a second (threats T18, fault F17).

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::Site;
use super::connection::{self, Manners};
use super::listener::Options;
use super::room::{Room, Ticket};
use super::seat::{Clock, Seat, TICK, Tick, ticks};
use super::tls::Tls;
use super::transport::Transport;

/// At a stop, a connection without a request is given so long to bring one that was on its way.
const LAST_CALL: Duration = Duration::from_millis(500);
/// Threads of one worker for reading blobs.
const BLOCKING_THREADS: usize = 32;

/// A connection that was accepted.
pub(super) struct Arrival {
    pub(super) tcp: TcpStream,
    /// What its listener speaks.
    pub(super) tls: Option<Tls>,
    pub(super) peer: IpAddr,
    pub(super) ticket: Ticket,
}

struct Worker<S> {
    number: usize,
    room: Arc<Room>,
    site: Arc<S>,
    manners: Arc<Manners>,
    clock: Arc<Clock>,
    tasks: JoinSet<()>,
    seats: Vec<(Arc<Seat>, AbortHandle)>,
    drain: Duration,
}

/// Runs a worker on this thread until its channel is closed and its connections have ended.
pub(super) fn run(
    site: Arc<impl Site>,
    options: &Options,
    number: usize,
    room: &Arc<Room>,
    arrivals: mpsc::Receiver<Arrival>,
) -> io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
    let worker = Worker {
        number,
        room: Arc::clone(room),
        site,
        manners: Arc::new(Manners::new(options.head)),
        clock: Arc::new(Clock::new(options.patience)),
        tasks: JoinSet::new(),
        seats: Vec::new(),
        drain: options.drain,
    };
    runtime.block_on(worker.serve(arrivals));
    // A blob that is being read for nobody holds nothing up.
    runtime.shutdown_background();
    Ok(())
}

impl<S: Site> Worker<S> {
    async fn serve(mut self, mut arrivals: mpsc::Receiver<Arrival>) {
        let began = Instant::now();
        let room = Arc::clone(&self.room);
        let mut ticking = tokio::time::interval(TICK);
        ticking.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                arrival = arrivals.recv() => match arrival {
                    Some(arrival) => self.seat(arrival),
                    None => break,
                },
                _ = ticking.tick() => {
                    self.look_around(ticks(began.elapsed()));
                    if room.is_wanted() {
                        self.make_room();
                    }
                }
                () = room.asked(self.number) => self.make_room(),
                Some(ended) = self.tasks.join_next() => note(ended),
            }
        }
        self.clock.finish();
        self.seats.iter().for_each(|(seat, _)| seat.rouse());
        let (last_call, end) = (ticks(began.elapsed() + LAST_CALL), Instant::now() + self.drain);
        while !self.tasks.is_empty() {
            tokio::select! {
                _ = ticking.tick() => {
                    let now = ticks(began.elapsed());
                    self.look_around(now);
                    if now >= last_call {
                        self.part_with_waiting(self.seats.len(), Tick::MAX);
                    }
                }
                Some(ended) = self.tasks.join_next() => note(ended),
                () = tokio::time::sleep_until(end) => {
                    tracing::warn!(connections = self.tasks.len(), "connections are cut off: they did not end in time");
                    break;
                }
            }
        }
        self.tasks.shutdown().await;
    }

    fn seat(&mut self, arrival: Arrival) {
        let Arrival { tcp, tls, peer, ticket } = arrival;
        // A peer that is gone already is no loss.
        let Ok(tcp) = tokio::net::TcpStream::from_std(tcp) else { return };
        let seat = Arc::new(Seat::new(peer, self.clock.clone()));
        let (site, manners, watched) = (self.site.clone(), self.manners.clone(), seat.clone());
        let task = self.tasks.spawn(async move {
            let transport = match tls {
                None => Some(Transport::Plain(tcp)),
                // Boxed: a connection keeps no room for its handshake.
                Some(tls) => Box::pin(shake_hands(tls, tcp, &watched)).await,
            };
            if let Some(transport) = transport {
                connection::serve(transport, watched, site, manners).await;
            }
            drop(ticket);
        });
        self.seats.push((seat, task));
    }

    fn look_around(&mut self, now: Tick) {
        self.clock.set(now);
        self.seats.retain(|(seat, task)| {
            if !task.is_finished() && seat.is_overdue(now) {
                task.abort();
            }
            !task.is_finished()
        });
    }

    /// Ends some of the connections that have waited longest without a whole request. One that came within the last quarter
    /// of a second is spared: its request is on its way, most likely, and resetting it would help nobody.
    fn make_room(&mut self) {
        let left = self.part_with_waiting(1 + self.seats.len() / 256, self.clock.now().saturating_sub(1));
        self.room.tell_waiting(self.number, left);
    }

    /// Ends at most so many of the connections that wait since before a tick, those first that have waited longest. How many
    /// wait.
    fn part_with_waiting(&mut self, at_most: usize, before: Tick) -> usize {
        let waiting = self.seats.iter().enumerate().filter(|(_, (_, task))| !task.is_finished());
        let mut waiting: Vec<(Tick, usize)> =
            waiting.filter_map(|(place, (seat, _))| Some((seat.waits_since()?, place))).collect();
        let count = waiting.len();
        waiting.retain(|(since, _)| *since < before);
        if at_most < waiting.len() {
            waiting.select_nth_unstable(at_most);
            waiting.truncate(at_most);
        }
        waiting.iter().for_each(|(_, place)| self.seats[*place].1.abort());
        count
    }
}

/// Begins TLS. To its worker a peer that is slow here waits without a request, and goes first when there is no room.
async fn shake_hands(tls: Tls, tcp: tokio::net::TcpStream, seat: &Seat) -> Option<Transport> {
    match tls.accept(tcp).await {
        Ok((stream, identity)) => {
            seat.secure(identity);
            Some(Transport::Tls(Box::new(stream)))
        }
        Err(error) => {
            tracing::debug!(peer = %seat.peer, %error, "no TLS with a peer");
            None
        }
    }
}

/// Requests catch their own panics, so that one here is a fault of the listener.
fn note(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a connection panicked");
    }
}
