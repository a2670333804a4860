//! Watching a resource (RFC 7641; contract, coap.md): registered, told, and registered again when nothing has come for long.

use std::time::{Duration, Instant};

use wire::coap::{Code, Draft, Kind, Message, Response, Token, is_newer_notification, number};

use super::{Ask, Coap, random, refused};
use crate::failure::{Failure, Outcome};

/// For how long a notification holds that does not say so (RFC 7252, section 5.10.5).
const MAX_AGE_S: u32 = 60;

/// The newest notification so far.
struct Newest {
    number: u32,
    at: Instant,
    payload: Vec<u8>,
}

impl Coap {
    /// Observes what `ask` names, and gives what is there and each change of it to `each`, which says whether to go on.
    pub fn observe(&self, ask: &Ask<'_>, mut each: impl FnMut(&[u8]) -> Outcome<bool>) -> Outcome {
        let token = Token::new(&random::<4>()?).unwrap_or_default();
        let mut newest: Option<Newest> = None;
        loop {
            let answer = self.register(ask, token, true)?;
            let mut received = Some(answer);
            let mut until = Instant::now();
            while let Some(datagram) = received {
                if let Some((notification, max_age_s)) = self.notification(ask, token, &datagram)? {
                    until = Instant::now() + Duration::from_secs(max_age_s.into());
                    let is_newer = newest.as_ref().is_none_or(|newest| {
                        is_newer_notification(notification.number, newest.number, newest.at.elapsed().as_secs())
                    });
                    // The server repeats a value to see whether we are still here.
                    let is_news = newest.as_ref().is_none_or(|newest| newest.payload != notification.payload);
                    if is_newer {
                        let goes_on = !is_news || notification.payload.is_empty() || each(&notification.payload)?;
                        newest = Some(notification);
                        if !goes_on {
                            return self.register(ask, token, false).map(drop);
                        }
                    }
                }
                received =
                    self.receive(until).map_err(|error| Failure::new(format!("cannot {}: {error}", ask.doing)))?;
            }
        }
    }

    /// Begins or ends the observation; the answer.
    fn register(&self, ask: &Ask<'_>, token: Token, begins: bool) -> Outcome<Vec<u8>> {
        let mut draft = self.draft(ask, token);
        draft.add_uint(number::OBSERVE, if begins { 0 } else { 1 });
        self.send(ask, &draft)
    }

    /// What a datagram tells, if it is of this observation; a refusal ends it.
    fn notification(&self, ask: &Ask<'_>, token: Token, datagram: &[u8]) -> Outcome<Option<(Newest, u32)>> {
        let Ok(message) = Message::decode(datagram) else { return Ok(None) };
        if !message.code.is_response() || message.token != token {
            return Ok(None);
        }
        if message.kind == Kind::Confirmable {
            // If it is lost, the server tells once more.
            let _ = self.socket.send(&Draft::empty(Kind::Acknowledgement, message.id));
        }
        if message.code != Code::CONTENT {
            return Err(refused(ask, &message));
        }
        let Ok(response) = Response::read(&message) else { return Ok(None) };
        let Some(number) = response.observe else {
            return Err(Failure::new(format!("cannot {}: there is no place for another observer", ask.doing)));
        };
        let payload = message.payload.to_vec();
        Ok(Some((Newest { number, at: Instant::now(), payload }, response.max_age_s.unwrap_or(MAX_AGE_S))))
    }
}
