//! The exchange layer of one socket (RFC 7252, section 4; contract, coap.md), sans I/O: datagrams and the time go in,
//! requests and datagrams come out.
//!
//! [`Endpoint::receive`] gives a request that has to be answered; its [`Ticket`] comes back with the answer in
//! [`Endpoint::answer`], at once or later: [`Endpoint::tick`] acknowledges what takes long, repeats what was not
//! acknowledged, and refreshes observers. What is to be sent gathers in [`Endpoint::outbound`].

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wire::coap::{self, Code, Draft, Kind, Message, Reaction, Token, number};

use super::answer::Answer;
use super::bodies::{Bodies, Room};
use super::dedup::{Answered, Meeting};
use super::echo::{ECHO_BYTES, Echo};
use super::encode::{self, DATAGRAM_BYTES, Envelope, Extras};
use super::ids::Ids;
use super::observe::{ObserverId, Observers, Seats};
use super::outbox::{Outbox, Outgoing, Pace, Purpose};
use super::peer::{Exchange, Peer};
use super::request::Request;
use super::upload::{Piece, Step, Upload};

/// How long an answer may take before its request is acknowledged by itself, so that the peer does not send it again.
const ACKNOWLEDGED_AFTER: Duration = Duration::from_secs(1);
/// What a peer that has not shown its address gets for each byte it sends (RFC 9175, section 2.4).
const AMPLIFICATION: usize = 3;
/// When to come back after there was no room.
const NO_ROOM_S: u32 = 5;

/// The bounds of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Requests that may be worked on at a time.
    pub requests: usize,
    /// Memory for answers to requests that changed something, in bytes.
    pub remembered_bytes: usize,
    /// Memory for other answers, in bytes.
    pub remembered_reads_bytes: usize,
    /// The body of a request, in bytes.
    pub body_bytes: usize,
    /// Observers.
    pub observers: usize,
    /// An observer is asked at least so often whether it is still there.
    pub refresh: Duration,
    /// Whether peers have to show their address.
    pub demands_echo: bool,
}

/// What all endpoints of a server share.
#[derive(Clone)]
pub struct Shared {
    pub(super) bodies: Arc<Room>,
    pub(super) seats: Arc<Seats>,
    pub(super) echo_key: [u8; 32],
    pub(super) epoch: Instant,
    /// The wall clock at the epoch, in milliseconds.
    pub(super) epoch_unix_ms: u64,
}

/// Datagrams to be sent, in order.
#[derive(Default)]
pub struct Outbound {
    bytes: Vec<u8>,
    ends: Vec<(Peer, usize)>,
}

/// What is remembered of a request while it is worked on.
#[derive(Debug)]
pub struct Ticket {
    exchange: Exchange,
    digest: u64,
    kind: Kind,
    pub(super) token: Token,
    method: Code,
    request_bytes: usize,
    /// The peer has shown its address.
    is_shown: bool,
    /// It asks to observe.
    pub(super) observes: bool,
    pub(super) extras: Extras,
    /// It counts among the requests that are worked on.
    is_counted: bool,
    /// Where the rest of a long answer is kept.
    rest: u64,
}

pub(super) enum Event {
    /// A request may have to be acknowledged.
    Acknowledge(Exchange, u64),
    /// A message may have to be sent again.
    Repeat(Exchange),
    /// An observer may have to be asked.
    Refresh(ObserverId),
}

/// One socket's exchanges.
pub struct Endpoint {
    pub(super) bounds: Bounds,
    pub(super) shared: Shared,
    answered: Answered,
    uploads: Bodies<Upload>,
    rests: Bodies<Answer>,
    echo: Echo,
    ids: Ids,
    pub(super) outbox: Outbox,
    pub(super) observers: Observers,
    timers: BTreeMap<(Instant, u64), Event>,
    timer_ids: u64,
    hasher: RandomState,
    in_work: usize,
    /// What is to be sent.
    pub outbound: Outbound,
}

impl Shared {
    /// Room for so many bytes of bodies under way, and so many observers a client. The epoch is any moment, with its wall
    /// clock in milliseconds.
    pub fn new(
        bodies_bytes: usize,
        observers_per_client: u32,
        echo_key: [u8; 32],
        (epoch, epoch_unix_ms): (Instant, u64),
    ) -> Shared {
        let (bodies, seats) = (Room::new(bodies_bytes), Seats::new(observers_per_client));
        Shared { bodies, seats, echo_key, epoch, epoch_unix_ms }
    }
}

impl Endpoint {
    /// An endpoint that has met nobody.
    pub fn new(bounds: Bounds, shared: Shared) -> Endpoint {
        Endpoint {
            answered: Answered::new(bounds.remembered_bytes, bounds.remembered_reads_bytes),
            uploads: Bodies::new(&shared.bodies),
            rests: Bodies::new(&shared.bodies),
            echo: Echo::new(shared.echo_key, shared.epoch),
            ids: Ids::new(),
            outbox: Outbox::default(),
            observers: Observers::new(bounds.observers, Arc::clone(&shared.seats)),
            timers: BTreeMap::new(),
            timer_ids: 0,
            hasher: RandomState::new(),
            in_work: 0,
            outbound: Outbound::default(),
            bounds,
            shared,
        }
    }

    /// A datagram has come in. What it asks for, if that is not settled already.
    pub fn receive(&mut self, now: Instant, peer: Peer, datagram: &[u8]) -> Option<(Ticket, Request)> {
        let message = match Message::decode(datagram) {
            Ok(message) => message,
            Err(rejected) => {
                if let Reaction::Reset(id) = rejected.reaction {
                    self.outbound.push(peer, &Draft::empty(Kind::Reset, id));
                }
                return None;
            }
        };
        let exchange = Exchange { peer, id: message.id };
        match message.kind {
            Kind::Reset => self.rejected(exchange),
            Kind::Acknowledgement if message.code == Code::EMPTY => self.acknowledged(now, exchange),
            // We never ask, so nothing that answers is for us.
            Kind::Acknowledgement => {}
            Kind::Confirmable | Kind::NonConfirmable if message.code.is_request() => {
                return self.receive_request(now, exchange, &message, datagram);
            }
            // An empty one is a ping.
            Kind::Confirmable => self.outbound.push(peer, &Draft::empty(Kind::Reset, message.id)),
            Kind::NonConfirmable => {}
        }
        None
    }

    fn receive_request(
        &mut self,
        now: Instant,
        exchange: Exchange,
        message: &Message<'_>,
        datagram: &[u8],
    ) -> Option<(Ticket, Request)> {
        let digest = self.hasher.hash_one(datagram);
        if let Meeting::Again(answer) = self.answered.meet(now, exchange, digest) {
            if !answer.is_empty() {
                self.outbound.push(exchange.peer, answer);
            }
            return None;
        }
        let mut ticket = Ticket::new(exchange, digest, message, datagram.len());
        let request = match coap::Request::read(message) {
            Ok(request) => request,
            Err(refusal) => {
                match refusal.reaction(message.kind) {
                    Reaction::Answer(code) => self.refuse(now, ticket, code, "an option is not understood"),
                    Reaction::Silence | Reaction::Reset(_) => self.answered.keep(now, exchange, digest, &[], false),
                }
                return None;
            }
        };
        ticket.is_shown = self.echo.is_shown(now, &exchange.peer, request.echo);
        ticket.extras.block2 = request.block2;
        ticket.extras.asks_size = request.size2.is_some();
        ticket.extras.etags = request.etags().map(Bytes::copy_from_slice).collect();
        if self.bounds.demands_echo && !ticket.is_shown && ticket.has_room_for_echo() {
            ticket.extras.echo = Some(self.echo.challenge(now, &exchange.peer));
            self.refuse(now, ticket, Code::UNAUTHORIZED, "");
            return None;
        }
        if self.in_work >= self.bounds.requests {
            self.refuse(now, ticket, Code::SERVICE_UNAVAILABLE, "too busy");
            return None;
        }
        let body = match message.code {
            Code::POST => {
                ticket.rest = self.hash(message.code, &request, &[number::URI_PATH, number::URI_QUERY, number::ACCEPT]);
                let (taken, body) = self.body_of(now, &request, ticket)?;
                ticket = self.without_rest(now, &request, taken)?;
                body
            }
            _ => Bytes::copy_from_slice(message.payload),
        };
        let begins = request.block2.is_none_or(|block| block.number == 0);
        ticket.observes = message.code == Code::GET && request.observe == Some(0) && begins;
        if message.code == Code::GET && request.observe == Some(1) {
            self.stop_observing(exchange.peer, message.token);
        }
        self.in_work += 1;
        ticket.is_counted = true;
        Some((ticket, Request::new(&request, body, exchange.peer.address())))
    }

    /// The body of a request, once it is all here.
    fn body_of(&mut self, now: Instant, request: &coap::Request<'_>, mut ticket: Ticket) -> Option<(Ticket, Bytes)> {
        let payload = request.message.payload;
        let Some(block) = request.block1 else { return Some((ticket, Bytes::copy_from_slice(payload))) };
        let key = (ticket.exchange.peer, self.hash(ticket.method, request, &[number::URI_PATH]));
        let of_all = [number::URI_QUERY, number::CONTENT_FORMAT, number::ACCEPT, number::REQUEST_TAG];
        let variant = self.hash(ticket.method, request, &of_all);
        let piece = Piece { key, variant, block, announced_bytes: request.size1, payload };
        ticket.extras.block1 = Some(block);
        let (code, text) = match self.uploads.receive(now, piece, self.bounds.body_bytes) {
            Step::Whole(body) => return Some((ticket, body.into())),
            Step::Continue => (Code::CONTINUE, ""),
            Step::Incomplete => (Code::REQUEST_ENTITY_INCOMPLETE, "a block is missing, begin again"),
            Step::Malformed => (Code::BAD_REQUEST, "a block has another size than it says"),
            Step::NoRoom => (Code::SERVICE_UNAVAILABLE, "too busy"),
            Step::TooLarge => {
                ticket.extras.size1 = u32::try_from(self.bounds.body_bytes).ok();
                (Code::REQUEST_ENTITY_TOO_LARGE, "the body is over its limit")
            }
        };
        self.refuse(now, ticket, code, text);
        None
    }

    /// The ticket, unless it is for a later block of an answer that was given already and cannot be made again.
    fn without_rest(&mut self, now: Instant, request: &coap::Request<'_>, ticket: Ticket) -> Option<Ticket> {
        if request.block2.is_none_or(|block| block.number == 0) {
            return Some(ticket);
        }
        match self.rests.find(now, (ticket.exchange.peer, ticket.rest)).cloned() {
            Some(rest) => drop(self.answer(now, ticket, rest)),
            None => self.refuse(now, ticket, Code::REQUEST_ENTITY_INCOMPLETE, "begin again"),
        }
        None
    }

    /// Answers what gets no further than here.
    fn refuse(&mut self, now: Instant, ticket: Ticket, code: Code, text: &'static str) {
        let max_age_s = (code == Code::SERVICE_UNAVAILABLE).then_some(NO_ROOM_S);
        self.answer(now, ticket, Answer { max_age_s, ..Answer::refusal(code, text) });
    }

    /// A request takes its time: it is acknowledged by itself when that gets too long.
    pub fn wait(&mut self, now: Instant, ticket: &Ticket) {
        if ticket.kind == Kind::Confirmable {
            self.schedule(now + ACKNOWLEDGED_AFTER, Event::Acknowledge(ticket.exchange, ticket.digest));
        }
    }

    /// Answers a request. Who asked to observe is an observer from then on, if the answer allows for it and there is a
    /// place.
    pub fn answer(&mut self, now: Instant, mut ticket: Ticket, mut answer: Answer) -> Option<ObserverId> {
        self.in_work -= usize::from(ticket.is_counted);
        let observer = self.begin_to_observe(now, &mut ticket, &mut answer);
        let Ticket { exchange, digest, extras, .. } = &ticket;
        let has_effect = ticket.method == Code::POST && answer.code.class() == 2;
        let is_separate = ticket.kind == Kind::Confirmable && !self.answered.is_awaited(*exchange, *digest);
        let (kind, id) = match ticket.kind {
            Kind::Confirmable if !is_separate => (Kind::Acknowledgement, exchange.id),
            kind => (kind, self.ids.next(&exchange.peer)),
        };
        let room = ticket.room_for(&answer);
        let written = encode::encode(Envelope { kind, id, token: ticket.token }, &answer, extras, room);
        let datagram = written.unwrap_or_else(|cause| {
            tracing::error!(%cause, "an answer cannot be written");
            Vec::new()
        });
        let kept = if ticket.kind == Kind::Confirmable { &datagram[..] } else { &[] };
        self.answered.keep(now, *exchange, *digest, kept, has_effect);
        if has_effect && extras.leave_a_rest_of(&answer) {
            let bytes = answer.body.bytes.len();
            self.rests.put(now, (exchange.peer, ticket.rest), answer, bytes);
        }
        self.outbound.push(exchange.peer, &datagram);
        if is_separate {
            let allowance = if ticket.is_shown { usize::MAX } else { room.content.saturating_sub(datagram.len()) };
            let exchange = Exchange { id, ..*exchange };
            self.expect_acknowledgement(now, exchange, datagram, Purpose::Answer, None, allowance);
        }
        observer
    }

    /// Does what has become due.
    pub fn tick(&mut self, now: Instant) {
        while let Some(first) = self.timers.first_entry().filter(|first| first.key().0 <= now) {
            match first.remove() {
                Event::Acknowledge(exchange, digest) => self.acknowledge(exchange, digest),
                Event::Repeat(exchange) => self.repeat(now, exchange),
                Event::Refresh(observer) => self.refresh(now, observer),
            }
        }
        self.uploads.forget_old(now);
        self.rests.forget_old(now);
    }

    /// When something becomes due next.
    pub fn next_due(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    fn acknowledge(&mut self, exchange: Exchange, digest: u64) {
        if self.answered.is_awaited(exchange, digest) {
            let acknowledgement = Draft::empty(Kind::Acknowledgement, exchange.id);
            self.answered.acknowledge(exchange, digest, acknowledgement);
            self.outbound.push(exchange.peer, &acknowledgement);
        }
    }

    /// A message was not acknowledged in time.
    fn repeat(&mut self, now: Instant, exchange: Exchange) {
        let Some(outgoing) = self.outbox.find(exchange).filter(|outgoing| outgoing.pace.due <= now) else { return };
        let pace = outgoing.pace.again(now).filter(|_| outgoing.datagram.len() <= outgoing.allowance);
        let (purpose, Some(pace)) = (outgoing.purpose, pace) else {
            let given_up = self.outbox.take(exchange).map(|outgoing| outgoing.purpose);
            if let Some(Purpose::Notification(observer)) = given_up {
                self.forget_observer(observer);
            }
            return;
        };
        if let Purpose::Notification(observer) = purpose
            && self.renew(now, exchange, observer, pace)
        {
            return;
        }
        let Some(outgoing) = self.outbox.find(exchange) else { return };
        outgoing.pace = pace;
        outgoing.allowance -= outgoing.datagram.len();
        self.outbound.push(exchange.peer, &outgoing.datagram);
        self.schedule(pace.due, Event::Repeat(exchange));
    }

    /// A message of ours has arrived.
    fn acknowledged(&mut self, now: Instant, exchange: Exchange) {
        if let Some(Purpose::Notification(observer)) = self.outbox.take(exchange).map(|outgoing| outgoing.purpose) {
            self.confirmed(now, observer);
        }
    }

    /// The peer does not know what a message of ours is about.
    fn rejected(&mut self, exchange: Exchange) {
        self.outbox.take(exchange);
        if let Some(observer) = self.observers.by_message(exchange) {
            self.forget_observer(observer);
        }
    }

    pub(super) fn expect_acknowledgement(
        &mut self,
        now: Instant,
        exchange: Exchange,
        datagram: Vec<u8>,
        purpose: Purpose,
        pace: Option<Pace>,
        allowance: usize,
    ) {
        let pace = pace.unwrap_or_else(|| Pace::begin(now, self.hasher.hash_one(self.timer_ids) as u8));
        self.outbox.put(exchange, Outgoing { datagram: datagram.into(), purpose, pace, allowance });
        self.schedule(pace.due, Event::Repeat(exchange));
    }

    pub(super) fn schedule(&mut self, at: Instant, event: Event) {
        self.timer_ids += 1;
        self.timers.insert((at, self.timer_ids), event);
    }

    pub(super) fn next_id(&mut self, peer: &Peer) -> u16 {
        self.ids.next(peer)
    }

    /// A number that stands for the method and these options.
    fn hash(&self, method: Code, request: &coap::Request<'_>, numbers: &[u16]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        method.hash(&mut hasher);
        request
            .message
            .options()
            .filter(|(number, _)| numbers.contains(number))
            .for_each(|option| option.hash(&mut hasher));
        hasher.finish()
    }
}

impl Ticket {
    fn new(exchange: Exchange, digest: u64, message: &Message<'_>, request_bytes: usize) -> Ticket {
        Ticket {
            exchange,
            digest,
            kind: message.kind,
            token: message.token,
            method: message.code,
            request_bytes,
            is_shown: false,
            observes: false,
            extras: Extras::default(),
            is_counted: false,
            rest: 0,
        }
    }

    /// Whose it is.
    pub fn peer(&self) -> Peer {
        self.exchange.peer
    }

    /// How large the answer may be: nobody gets us to send much to an address that is not its own.
    fn room_for(&self, answer: &Answer) -> encode::Room {
        let content = match self.is_shown || answer.is_authenticated {
            true => DATAGRAM_BYTES,
            false => DATAGRAM_BYTES.min(AMPLIFICATION * self.request_bytes),
        };
        encode::Room { content, refusal: DATAGRAM_BYTES.min(self.request_bytes) }
    }

    fn has_room_for_echo(&self) -> bool {
        const HEADER_BYTES: usize = 4;
        const OPTION_BYTES: usize = 2;
        HEADER_BYTES + self.token.as_bytes().len() + OPTION_BYTES + ECHO_BYTES <= self.request_bytes
    }
}

impl Outbound {
    /// Adds a datagram.
    pub(super) fn push(&mut self, peer: Peer, datagram: &[u8]) {
        if !datagram.is_empty() {
            self.bytes.extend_from_slice(datagram);
            self.ends.push((peer, self.bytes.len()));
        }
    }

    /// The datagrams, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Peer, &[u8])> {
        let mut begin = 0;
        self.ends.iter().map(move |(peer, end)| {
            let datagram = &self.bytes[begin..*end];
            begin = *end;
            (*peer, datagram)
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// They were sent.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests;
