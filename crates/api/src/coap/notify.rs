//! When observers are told what (RFC 7641, section 4.5; contract, coap.md; threat T23).
//!
//! A new value goes out confirmable when nothing waits for the observer's acknowledgement, and otherwise as it is, as long
//! as the observer does not seem gone. What the observer has not confirmed is repeated when it is asked the next time,
//! at the latest after [`super::endpoint::Bounds::refresh`]: so it has the newest value in the end, and one that is gone is
//! noticed though nothing happens.

use std::time::{Duration, Instant};

use wire::coap::{Code, Kind, Token};

use super::answer::Answer;
use super::encode::{Envelope, Extras, Room, encode, first_block};
use super::endpoint::{Endpoint, Event, Ticket};
use super::observe::{Observer, ObserverId};
use super::outbox::{Pace, Purpose};
use super::peer::{Exchange, Peer};

/// For how long after the next notification is due the last one counts as fresh: it may be lost and sent again.
const GRACE: Duration = Duration::from_secs(30);
/// When to ask an observer that is being asked something else.
const LATER: Duration = Duration::from_secs(5);

impl Endpoint {
    /// Makes an observer of whoever asked for it, and says so in the answer.
    pub(super) fn begin_to_observe(
        &mut self,
        now: Instant,
        ticket: &mut Ticket,
        answer: &mut Answer,
    ) -> Option<ObserverId> {
        let client_id = answer.observed_for.filter(|_| ticket.observes && answer.code == Code::CONTENT)?;
        answer.max_age_s = u32::try_from((self.bounds.refresh + GRACE).as_secs()).ok();
        let known = first_block(answer);
        let unix_ms = self.unix_ms(now);
        let place = (ticket.peer(), ticket.token);
        self.stop_observing(place.0, place.1);
        let (id, number) = self.observers.add(now, unix_ms, place, client_id, known, ticket.extras.block2)?;
        ticket.extras.observe = Some(number);
        self.schedule(now + self.bounds.refresh, Event::Refresh(id));
        Some(id)
    }

    /// There is a new value for an observer. False where the observation has ended.
    pub fn notify(&mut self, now: Instant, id: ObserverId, value: &Answer) -> bool {
        let Some(observer) = self.observers.find(id) else { return false };
        observer.newest = Answer { max_age_s: observer.newest.max_age_s, ..first_block(value) };
        observer.number_of_newest = None;
        let (peer, outstanding) = (observer.peer, observer.outstanding);
        let waiting = outstanding.map(|(id, _)| Exchange { peer, id });
        let seems_gone =
            waiting.is_some_and(|waiting| self.outbox.find(waiting).is_some_and(|message| message.pace.is_repeated()));
        if waiting.is_none() && !self.outbox.is_busy(&peer) {
            self.send(now, id, Kind::Confirmable, None);
        } else if !seems_gone {
            self.send(now, id, Kind::NonConfirmable, None);
        }
        true
    }

    /// The observation is over, and the observer is told why.
    pub fn end_observation(&mut self, now: Instant, id: ObserverId, why: &Answer) {
        let Some(observer) = self.forget_observer(id) else { return };
        let message_id = self.next_id(&observer.peer);
        let envelope = Envelope { kind: Kind::Confirmable, id: message_id, token: observer.token };
        let Ok(datagram) = encode(envelope, why, &Extras::default(), Room::AMPLE) else { return };
        self.outbound.push(observer.peer, &datagram);
        let exchange = Exchange { peer: observer.peer, id: message_id };
        self.expect_acknowledgement(now, exchange, datagram, Purpose::Answer, None, usize::MAX);
    }

    /// The server ends: observers may come back later.
    pub fn end_all_observations(&mut self, come_back_in_s: u32) {
        let gone = Answer::empty(Code::SERVICE_UNAVAILABLE).max_age(come_back_in_s);
        for id in self.observers.ids() {
            let Some(observer) = self.forget_observer(id) else { continue };
            let message_id = self.next_id(&observer.peer);
            let envelope = Envelope { kind: Kind::NonConfirmable, id: message_id, token: observer.token };
            if let Ok(datagram) = encode(envelope, &gone, &Extras::default(), Room::AMPLE) {
                self.outbound.push(observer.peer, &datagram);
            }
        }
    }

    /// The observers that are none any more since this was asked last.
    pub fn take_ended_observers(&mut self) -> Vec<ObserverId> {
        self.observers.take_ended()
    }

    /// Ends an observation without a word; what was on its way is not sent again.
    pub(super) fn forget_observer(&mut self, id: ObserverId) -> Option<Observer> {
        let observer = self.observers.remove(id)?;
        if let Some((id, _)) = observer.outstanding {
            self.outbox.take(Exchange { peer: observer.peer, id });
        }
        Some(observer)
    }

    /// Ends the observation with this token, if there is one.
    pub(super) fn stop_observing(&mut self, peer: Peer, token: Token) {
        if let Some(id) = self.observers.by_token(peer, token) {
            self.forget_observer(id);
        }
    }

    /// An observer has acknowledged: what came up in the meantime and was held back is due.
    pub(super) fn confirmed(&mut self, now: Instant, id: ObserverId) {
        let Some(observer) = self.observers.find(id) else { return };
        observer.outstanding = None;
        if observer.number_of_newest.is_none() {
            self.send(now, id, Kind::Confirmable, None);
        }
    }

    /// An observer has not acknowledged in time. If there is something newer by now, that is sent instead, no sooner and no
    /// more often than the old value would have been.
    pub(super) fn renew(&mut self, now: Instant, exchange: Exchange, id: ObserverId, pace: Pace) -> bool {
        let Some(observer) = self.observers.find(id) else { return false };
        let is_newest = observer.outstanding.is_some_and(|(_, number)| observer.number_of_newest == Some(number));
        if is_newest {
            return false;
        }
        self.outbox.take(exchange);
        self.send(now, id, Kind::Confirmable, Some(pace));
        true
    }

    /// An observer has not been asked for a while whether it is still there.
    pub(super) fn refresh(&mut self, now: Instant, id: ObserverId) {
        let refresh = self.bounds.refresh;
        let Some(observer) = self.observers.find(id) else { return };
        let due = observer.asked_at + refresh;
        let (peer, is_asked) = (observer.peer, observer.outstanding.is_some());
        let next = match due > now {
            true => due,
            false if is_asked || self.outbox.is_busy(&peer) => now + LATER,
            false => {
                self.send(now, id, Kind::Confirmable, None);
                now + refresh
            }
        };
        self.schedule(next, Event::Refresh(id));
    }

    fn send(&mut self, now: Instant, id: ObserverId, kind: Kind, pace: Option<Pace>) {
        let unix_ms = self.unix_ms(now);
        let Some(peer) = self.observers.find(id).map(|observer| observer.peer) else { return };
        let message_id = self.next_id(&peer);
        let Some(observer) = self.observers.find(id) else { return };
        let number = observer.next_number(unix_ms);
        observer.number_of_newest = Some(number);
        let extras = Extras { observe: Some(number), block2: observer.block2, ..Extras::default() };
        let envelope = Envelope { kind, id: message_id, token: observer.token };
        let Ok(datagram) = encode(envelope, &observer.newest, &extras, Room::AMPLE) else { return };
        if kind == Kind::Confirmable {
            (observer.outstanding, observer.asked_at) = (Some((message_id, number)), now);
        }
        self.observers.note_sent(id, message_id);
        self.outbound.push(peer, &datagram);
        if kind == Kind::Confirmable {
            let exchange = Exchange { peer, id: message_id };
            self.expect_acknowledgement(now, exchange, datagram, Purpose::Notification(id), pace, usize::MAX);
        }
    }

    fn unix_ms(&self, now: Instant) -> u64 {
        self.shared.epoch_unix_ms + now.saturating_duration_since(self.shared.epoch).as_millis() as u64
    }
}
