//! What is known of one connection outside of its own task: where in its requests it is, what it owes, and until when it
//! may keep us waiting. The connection writes it, its worker looks over all of them a few times a second: no timer a request.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::StatusCode;
use wire::http::framing::{Head, Place};

use super::answer::Upgrade;
use super::body::Unread;
use super::tls::Identity;

/// Time as a worker counts it, in steps of [`TICK`].
pub(super) type Tick = u32;
/// How often a worker looks at its connections.
pub(super) const TICK: Duration = Duration::from_millis(250);

const NEVER: Tick = Tick::MAX;

/// How long a peer may keep us waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From a request's first byte to the end of its head.
    pub head: Duration,
    /// For the next request, or the first.
    pub idle: Duration,
    /// For a peer that does not take a byte of its answer.
    pub write: Duration,
    /// For a body before its rate counts.
    pub body: Duration,
    /// The rate of a body after that, in bytes a second, over the time that was spent waiting for it.
    pub body_bytes_per_second: u32,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            head: Duration::from_secs(20),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(60),
            body: Duration::from_secs(20),
            body_bytes_per_second: 200,
        }
    }
}

/// The clock of one worker, and whether its connections are to end.
#[derive(Debug)]
pub(super) struct Clock {
    now: AtomicU32,
    finishing: AtomicBool,
    patience: Patience,
}

/// One connection, as its worker sees it.
pub(super) struct Seat {
    pub(super) peer: IpAddr,
    clock: Arc<Clock>,
    /// Set after the handshake of TLS: whom the peer's certificate names, if it has shown one.
    secured: OnceLock<Option<Box<Identity>>>,
    state: Mutex<State>,
}

struct State {
    place: Place,
    /// Whole heads that were let through to the parser and did not become a turn yet.
    heads: VecDeque<Head>,
    /// Requests that are being answered: none or one.
    turns: u32,
    /// Bytes of an answer may still be on their way to the socket.
    is_unflushed: bool,
    /// The peer has sent its last byte.
    peer_ended: bool,
    refusal: Option<Refusal>,
    /// The body that a route did not read to its end.
    unread: Option<Unread>,
    /// A route that waits for nothing that the peer sends, and would rather know when nobody waits for its answer.
    attentive: Option<Waker>,
    /// Who takes the connection over after its present answer.
    upgrade: Option<Upgrade>,
    waiting: Waiting,
    since: Tick,
    read_by: Tick,
    write_by: Tick,
    body: BodyPace,
}

/// Why the connection ends with a refusal.
#[derive(Clone, Copy)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) what: &'static str,
    /// The request has become a turn, and its answer is the refusal; otherwise nobody else answers it.
    pub(super) has_turn: bool,
}

/// What we wait for the peer to send.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Nothing,
    Request,
    RestOfHead,
    RestOfBody,
}

/// How a body comes in. Only time spent waiting for the peer counts.
#[derive(Default)]
struct BodyPace {
    bytes: u64,
    waited: Tick,
    waiting_since: Option<Tick>,
}

/// A request that is being answered; the answer has ended when it is dropped.
pub(super) struct Turn {
    seat: Arc<Seat>,
    /// The request came as HTTP/1.0, and asked to keep the connection or not.
    pub(super) http_1_0_persists: Option<bool>,
}

impl Clock {
    pub(super) fn new(patience: Patience) -> Clock {
        Clock { now: AtomicU32::new(0), finishing: AtomicBool::new(false), patience }
    }

    pub(super) fn now(&self) -> Tick {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, now: Tick) {
        self.now.store(now, Ordering::Relaxed);
    }

    /// From now on every answer is the last of its connection.
    pub(super) fn finish(&self) {
        self.finishing.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.finishing.load(Ordering::Relaxed)
    }
}

/// What the worker asks.
impl Seat {
    pub(super) fn new(peer: IpAddr, clock: Arc<Clock>) -> Seat {
        let now = clock.now();
        let mut state = State {
            place: Place::Between,
            heads: VecDeque::new(),
            turns: 0,
            is_unflushed: false,
            peer_ended: false,
            refusal: None,
            unread: None,
            attentive: None,
            upgrade: None,
            waiting: Waiting::Nothing,
            since: now,
            read_by: NEVER,
            write_by: NEVER,
            body: BodyPace::default(),
        };
        state.wait(now, &clock.patience);
        Seat { peer, clock, secured: OnceLock::new(), state: Mutex::new(state) }
    }

    /// Whether the peer has kept us waiting for too long.
    pub(super) fn is_overdue(&self, now: Tick) -> bool {
        let state = self.state();
        state.read_by <= now || state.write_by <= now
    }

    /// Since when the connection has been without a whole request, where it is.
    pub(super) fn waits_since(&self) -> Option<Tick> {
        let state = self.state();
        matches!(state.waiting, Waiting::Request | Waiting::RestOfHead).then_some(state.since)
    }
}

/// What the stream of bytes tells.
impl Seat {
    /// Bytes were read: how many, where they led, and the heads they made whole.
    pub(super) fn received(&self, bytes: usize, place: Place, heads: impl Iterator<Item = Head>) {
        let (now, mut state) = (self.clock.now(), self.state());
        if let Some(since) = state.body.waiting_since.take() {
            state.body.waited += now - since;
            state.read_by = NEVER;
        }
        let known = state.heads.len();
        state.heads.extend(heads);
        if state.heads.len() > known {
            state.body = BodyPace::default();
        }
        state.body.bytes += bytes as u64;
        state.place = place;
        state.wait(now, &self.clock.patience);
    }

    /// Nothing can be read right now.
    pub(super) fn must_wait(&self) {
        let (now, mut state) = (self.clock.now(), self.state());
        if state.place == Place::InBody && state.body.waiting_since.is_none() {
            state.body.waiting_since = Some(now);
            state.read_by = now.saturating_add(state.body.allowance(&self.clock.patience));
        }
    }

    /// The peer has sent its last byte.
    pub(super) fn peer_ended(&self) {
        self.state().peer_ended = true;
        self.rouse();
    }

    /// Nothing more of this connection is read.
    pub(super) fn refuse(&self, refusal: Refusal) {
        let mut state = self.state();
        if state.refusal.is_none() {
            state.refusal = Some(refusal);
        }
    }

    /// Nothing can be written right now.
    pub(super) fn must_hold_back(&self) {
        let mut state = self.state();
        if state.write_by == NEVER {
            state.write_by = self.clock.now().saturating_add(ticks(self.clock.patience.write));
        }
    }

    /// Some bytes were written.
    pub(super) fn sent(&self) {
        self.state().write_by = NEVER;
    }

    /// Everything that was to be written is.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        if state.turns == 0 {
            state.is_unflushed = false;
        }
    }

    /// Whether what the parser writes now is no answer of ours but its own, to a head that it would not read.
    pub(super) fn is_between_answers(&self) -> bool {
        let state = self.state();
        state.turns == 0 && !state.is_unflushed
    }
}

/// What the connection's task and its requests ask.
impl Seat {
    /// Whether the last answer is out and no request will follow.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        (state.peer_ended || state.refusal.is_some()) && state.owed() == 0 && !state.is_unflushed
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.state().refusal
    }

    /// Whether the peer may still be sending what nobody reads.
    pub(super) fn leaves_unread(&self) -> bool {
        let state = self.state();
        !state.peer_ended && (state.refusal.is_some() || state.place == Place::InBody)
    }

    /// Every answer is out. What remains has its own time limit, and ends first when there is no room or no time.
    pub(super) fn retire(&self) {
        let (now, mut state) = (self.clock.now(), self.state());
        (state.waiting, state.since) = (Waiting::Request, now);
        (state.read_by, state.write_by) = (NEVER, NEVER);
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.clock.is_finishing()
    }

    /// The connection is over TLS, and this is who the peer has proved to be.
    pub(super) fn secure(&self, identity: Option<Identity>) {
        let _ = self.secured.set(identity.map(Box::new));
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secured.get().is_some()
    }

    pub(super) fn identity(&self) -> Option<&Identity> {
        self.secured.get()?.as_deref()
    }

    /// Keeps a body that a route dropped before its end.
    pub(super) fn leave_unread(&self, unread: Unread) {
        self.state().unread = Some(unread);
    }

    /// Ready when the peer has sent its last byte, or the server stops: an answer that was worth waiting for is not any more.
    pub(super) fn poll_last_call(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.peer_ended || self.clock.is_finishing() {
            return Poll::Ready(());
        }
        state.attentive = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether a route waits for nothing that the peer sends.
    pub(super) fn is_attended(&self) -> bool {
        self.state().attentive.is_some()
    }

    /// Makes a route that waits look whether it still should.
    pub(super) fn rouse(&self) {
        let attentive = self.state().attentive.take();
        attentive.into_iter().for_each(Waker::wake);
    }

    /// Keeps who takes the connection over when the answer is out.
    pub(super) fn keep_upgrade(&self, upgrade: Upgrade) {
        self.state().upgrade = Some(upgrade);
    }

    /// Gives the connection over: from here on whoever has it watches over its peer.
    pub(super) fn take_upgrade(&self) -> Option<Upgrade> {
        let now = self.clock.now();
        let mut state = self.state();
        let upgrade = state.upgrade.take()?;
        (state.waiting, state.since) = (Waiting::Nothing, now);
        (state.read_by, state.write_by) = (NEVER, NEVER);
        Some(upgrade)
    }

    pub(super) fn take_unread(&self) -> Option<Unread> {
        self.state().unread.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn owed(&self) -> usize {
        self.heads.len() + self.turns as usize
    }

    /// Begins to wait for what has to come next, where that has changed.
    fn wait(&mut self, now: Tick, patience: &Patience) {
        let waiting = match self.place {
            Place::InBody => Waiting::RestOfBody,
            _ if self.owed() > 0 => Waiting::Nothing,
            Place::Between => Waiting::Request,
            Place::InHead => Waiting::RestOfHead,
            Place::PassedThrough => Waiting::Nothing,
        };
        if waiting != self.waiting {
            (self.waiting, self.since) = (waiting, now);
            self.read_by = match waiting {
                Waiting::Nothing | Waiting::RestOfBody => NEVER,
                Waiting::Request => now.saturating_add(ticks(patience.idle)),
                Waiting::RestOfHead => now.saturating_add(ticks(patience.head)),
            };
        }
    }
}

impl BodyPace {
    /// How long the peer may take for its next bytes.
    fn allowance(&self, patience: &Patience) -> Tick {
        let per_second = u64::from(patience.body_bytes_per_second.max(1));
        let paid = Duration::from_millis(self.bytes.saturating_mul(1000) / per_second);
        ticks(patience.body.max(paid)).saturating_sub(self.waited)
    }
}

impl Turn {
    pub(super) fn begin(seat: Arc<Seat>) -> Turn {
        let mut state = seat.state();
        let head = state.heads.pop_front().unwrap_or_default();
        state.turns += 1;
        state.is_unflushed = true;
        drop(state);
        Turn { seat, http_1_0_persists: head.is_http_1_0.then(|| head.persists()) }
    }

    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (now, mut state) = (self.seat.clock.now(), self.seat.state());
        state.turns = state.turns.saturating_sub(1);
        state.wait(now, &self.seat.clock.patience);
    }
}

/// A duration in ticks, rounded up.
pub(super) fn ticks(duration: Duration) -> Tick {
    let ticks = duration.as_millis().div_ceil(TICK.as_millis());
    Tick::try_from(ticks).unwrap_or(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Tick = 4;

    fn seat() -> (Arc<Clock>, Arc<Seat>) {
        let clock = Arc::new(Clock::new(Patience::default()));
        (clock.clone(), Arc::new(Seat::new(IpAddr::from([192, 0, 2, 1]), clock)))
    }

    fn one_head() -> impl Iterator<Item = Head> {
        std::iter::once(Head::default())
    }

    #[test]
    fn a_peer_has_so_long_for_a_request_and_less_for_the_rest_of_its_head() {
        let (clock, seat) = seat();
        assert!(!seat.is_overdue(75 * SECOND - 1) && seat.is_overdue(75 * SECOND));
        clock.set(70 * SECOND);
        seat.received(1, Place::InHead, std::iter::empty());
        clock.set(80 * SECOND);
        seat.received(1, Place::InHead, std::iter::empty());
        assert!(!seat.is_overdue(90 * SECOND - 1) && seat.is_overdue(90 * SECOND), "a trickle wins no time");
    }

    #[test]
    fn an_answer_may_take_its_time_and_the_next_request_as_well() {
        let (clock, seat) = seat();
        seat.received(100, Place::Between, one_head());
        let turn = Turn::begin(seat.clone());
        assert!(!seat.is_overdue(1_000_000) && seat.waits_since().is_none());
        clock.set(1_000_000);
        drop(turn);
        assert!(!seat.is_overdue(1_000_000 + 75 * SECOND - 1) && seat.is_overdue(1_000_000 + 75 * SECOND));
        assert_eq!(seat.waits_since(), Some(1_000_000));
    }

    #[test]
    fn a_body_comes_at_its_least_rate_while_we_wait_for_it() {
        let (clock, seat) = seat();
        seat.received(100, Place::InBody, one_head());
        let _turn = Turn::begin(seat.clone());
        seat.must_wait();
        assert!(!seat.is_overdue(20 * SECOND - 1) && seat.is_overdue(20 * SECOND));
        clock.set(19 * SECOND);
        seat.received(9_900, Place::InBody, std::iter::empty());
        // The store takes a minute, which is not the peer's fault.
        clock.set(79 * SECOND);
        seat.must_wait();
        assert!(!seat.is_overdue((79 + 31) * SECOND - 1), "10,000 bytes pay for 50 seconds, 19 of which are over");
        assert!(seat.is_overdue((79 + 31) * SECOND));
    }

    #[test]
    fn a_peer_that_takes_nothing_of_its_answer_is_overdue() {
        let (clock, seat) = seat();
        seat.received(100, Place::Between, one_head());
        let _turn = Turn::begin(seat.clone());
        seat.must_hold_back();
        clock.set(59 * SECOND);
        seat.must_hold_back();
        assert!(!seat.is_overdue(60 * SECOND - 1) && seat.is_overdue(60 * SECOND));
        seat.sent();
        assert!(!seat.is_overdue(1_000_000));
    }

    #[test]
    fn a_connection_is_over_when_the_last_answer_is_out() {
        let (_clock, seat) = seat();
        seat.received(200, Place::Between, one_head().chain(one_head()));
        seat.peer_ended();
        drop(Turn::begin(seat.clone()));
        seat.flushed();
        assert!(!seat.is_over(), "the second request is owed an answer");
        drop(Turn::begin(seat.clone()));
        assert!(!seat.is_over(), "which is not flushed");
        seat.flushed();
        assert!(seat.is_over());
    }
}
