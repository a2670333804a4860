//! What happens to devices while their owner looks at them.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use askama::Template;
use domain::owner;
use model::{Result, Rid};
use serde_json::{Value as Json, json};
use store::{Listener, Stored, Subject};

use super::card::{Card, CardView, with_unit};
use super::devices::{page, page_number};
use super::view::{PortView, State, View, look};
use crate::events::{self, Scene, event};
use crate::routes::Answer;
use crate::visit::{Guest, Onlooker};

#[derive(Template)]
#[template(path = "owner/heading.html")]
struct Heading<'v> {
    view: &'v View,
}

#[derive(Template)]
#[template(path = "owner/state.html")]
struct StatePiece<'v> {
    view: &'v View,
}

#[derive(Template)]
#[template(path = "owner/history.html")]
struct History<'v> {
    view: &'v View,
}

#[derive(Template)]
#[template(path = "owner/ports.html")]
struct Ports<'v> {
    view: &'v View,
    frame: Token,
}

#[derive(Template)]
#[template(path = "owner/value.html")]
struct ValuePiece<'v> {
    port: &'v PortView,
}

#[derive(Template)]
#[template(path = "owner/recent.html")]
struct RecentPiece<'v> {
    port: &'v PortView,
}

/// All that a piece needs of the frame.
struct Token(String);

impl Token {
    fn token(&self) -> &str {
        &self.0
    }
}

struct OneDevice {
    eye: Onlooker,
    account_id: i64,
    rid: Rid,
    id: i64,
    view: Option<View>,
}

struct AllDevices {
    eye: Onlooker,
    account_id: i64,
    number: u64,
    cards: Vec<Card>,
    /// By the row id of a dataport: the place of its card, its name, its unit.
    ports: HashMap<i64, (usize, String, String)>,
    subjects: Vec<Subject>,
}

/// The events of a device's page.
pub async fn of_device(mut guest: Guest, rid: &str) -> Answer {
    let rid = Rid::parse(rid)?;
    let (last_call, eye) = (guest.last_call(), guest.onlooker());
    let (person, id) = eye.look(move |tx, person| Ok(person.caller(tx)?.own_device(tx, rid)?.id())).await?;
    let place = guest.portal.streams.take(person.id())?;
    Ok(events::play(OneDevice { eye, account_id: person.id(), rid, id, view: None }, place, last_call)
        .by("/portal/devices/*/events"))
}

/// The events of the list.
pub async fn of_devices(mut guest: Guest) -> Answer {
    let number = page_number(guest.query.text("page"));
    let (last_call, eye) = (guest.last_call(), guest.onlooker());
    let (person, owner) = eye.look(|tx, person| person.client(tx)).await?;
    let place = guest.portal.streams.take(person.id())?;
    let account_id = person.id();
    let subjects = vec![Subject::Account(account_id), Subject::Client(owner.id())];
    let scene = AllDevices { eye, account_id, number, cards: Vec::new(), ports: HashMap::new(), subjects };
    Ok(events::play(scene, place, last_call).by("/portal/devices/events"))
}

impl Scene for OneDevice {
    fn subjects(&self) -> Vec<Subject> {
        let ports = self.view.iter().flat_map(|view| &view.ports);
        let series = ports.flat_map(|port| [Subject::Series(port.id), Subject::Resource(port.id)]);
        [Subject::Account(self.account_id), Subject::Client(self.id), Subject::Resource(self.id)]
            .into_iter()
            .chain(series)
            .collect()
    }

    fn look(&mut self) -> Pin<Box<dyn Future<Output = Result<String>> + Send + '_>> {
        Box::pin(async move {
            let (rid, limits) = (self.rid, self.eye.limits().clone());
            let (_, (fresh, _)) = self.eye.look(move |tx, person| look(tx, person, rid, &limits)).await?;
            let shown = self.view.as_ref();
            let mut text = piece(&Heading { view: &fresh });
            text.push_str(&piece(&StatePiece { view: &fresh }));
            text.push_str(&piece(&History { view: &fresh }));
            let ports = |view: &View| view.ports.iter().map(|port| port.rid.clone()).collect::<Vec<_>>();
            // Charts are left alone as long as the same series are there.
            if shown.is_some_and(|shown| ports(shown) != ports(&fresh)) {
                let frame = Token(self.eye.token());
                text.push_str(&piece(&Ports { view: &fresh, frame }));
            } else {
                for port in &fresh.ports {
                    text.push_str(&piece(&ValuePiece { port }));
                }
            }
            self.view = Some(fresh);
            Ok(text)
        })
    }

    fn values(&mut self, values: &[Arc<Stored>]) -> String {
        let Some(view) = &mut self.view else { return String::new() };
        let mut text = String::new();
        for port in &mut view.ports {
            let its: Vec<&Arc<Stored>> = values.iter().filter(|value| value.resource_id == port.id).collect();
            let Some(last) = its.iter().max_by_key(|value| value.at) else { continue };
            let numbers: Vec<Json> = its.iter().filter_map(|value| point(value)).collect();
            if port.is_numeric && !numbers.is_empty() {
                text.push_str(&event("points", &json!({"series": port.rid, "points": numbers}).to_string()));
            }
            if last.is_current {
                port.arrived(last.at, &last.value);
                text.push_str(&piece(&ValuePiece { port }));
                text.push_str(&piece(&RecentPiece { port }));
            }
        }
        text
    }

    fn is_allowed(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async move { self.eye.look(|_, _| Ok(())).await.map(|_| ()) })
    }

    fn listen(&self, subjects: &[Subject], capacity: u32) -> Listener {
        self.eye.store().listen(subjects, capacity)
    }
}

impl Scene for AllDevices {
    fn subjects(&self) -> Vec<Subject> {
        self.subjects.clone()
    }

    fn look(&mut self) -> Pin<Box<dyn Future<Output = Result<String>> + Send + '_>> {
        Box::pin(async move {
            let number = self.number;
            let rule = move |tx: &mut store::Tx<'_>, person: &domain::caller::SignedIn| {
                let owner = person.client(tx)?;
                Ok((owner.id(), owner::devices(tx, &owner, page(number))?))
            };
            let (_, (owner_id, outlines)) = self.eye.look(rule).await?;
            self.subjects = vec![Subject::Account(self.account_id), Subject::Client(owner_id)];
            self.ports.clear();
            self.cards = outlines.iter().map(Card::of).collect();
            for (place, outline) in outlines.iter().enumerate() {
                self.subjects.push(Subject::Client(outline.device.client.id));
                for port in &outline.ports {
                    self.subjects.push(Subject::Series(port.id));
                    self.ports.insert(port.id, (place, port.title().to_owned(), port.unit.clone()));
                }
            }
            Ok(self.cards.iter().map(|card| piece(&CardView { card: card.clone() })).collect())
        })
    }

    fn values(&mut self, values: &[Arc<Stored>]) -> String {
        let mut changed = Vec::new();
        for value in values.iter().filter(|value| value.is_current) {
            let Some((place, name, unit)) = self.ports.get(&value.resource_id) else { continue };
            let Some(card) = self.cards.get_mut(*place) else { continue };
            card.arrived(name, &with_unit(&super::card::short(&value.value, 60), unit), value.at);
            if !changed.contains(place) {
                changed.push(*place);
            }
        }
        changed.into_iter().map(|place| piece(&CardView { card: self.cards[place].clone() })).collect()
    }

    fn is_allowed(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async move { self.eye.look(|_, _| Ok(())).await.map(|_| ()) })
    }

    fn listen(&self, subjects: &[Subject], capacity: u32) -> Listener {
        self.eye.store().listen(subjects, capacity)
    }
}

/// A piece of the page as an event that takes the old one's place.
fn piece(template: &impl Template) -> String {
    match template.render() {
        Ok(html) => event("patch", &html),
        Err(error) => {
            tracing::error!(%error, "a template failed");
            String::new()
        }
    }
}

fn point(value: &Stored) -> Option<Json> {
    let number = value.value.parse::<f64>().ok().filter(|number| number.is_finite())?;
    Some(json!([value.at, number]))
}
