//! A device as its page shows it.

use domain::caller::{OwnDevice, SignedIn};
use domain::owner::{self, Outline, Port};
use domain::{data, data::Order, data::Reading, data::Selection};
use model::{Limits, Result, Rid, Status, UnixSeconds};
use store::Tx;
use store::table::client_model as models;
use store::table::event::{Event, Verb};

use super::card::{short, status_words, title};
use crate::markup::{Ago, At, Span, exact, readable, status_mark};

/// Events in its history.
const EVENTS: usize = 12;
/// Values in the table of a dataport.
const RECENT: u64 = 10;
/// Characters of a value that are shown; all of it stands in its series.
const SHOWN: usize = 2000;
/// A value longer than that is set small.
const LONG: usize = 24;
/// How long the page rejoices.
const NEWS_S: i64 = 600;

/// All of the page that may change while it is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub rid: String,
    pub name: String,
    pub vendor: String,
    pub model: String,
    pub number: String,
    pub status: &'static str,
    pub status_words: &'static str,
    pub state: State,
    pub ports: Vec<PortView>,
    pub history: Vec<EventView>,
    pub can_reenable: bool,
    pub can_give: bool,
    /// How long its window is.
    pub window: Span,
    /// What is typed before it is removed.
    pub confirm: String,
}

/// What the page says above all.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It may call in until then.
    Waiting { from: Moment, until: Moment },
    /// It has just called in.
    Connected(Ago),
    /// It did not call in in time.
    Over,
    /// Its key is dead.
    Ended,
    /// Its vendor disabled it.
    Held,
    /// Its vendor has unregistered its number.
    Orphan,
    /// Nothing to say.
    Plain,
}

/// An instant as a countdown needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    pub iso: String,
    pub text: String,
    pub at: At,
}

/// A dataport.
#[derive(Clone, Debug, PartialEq)]
pub struct PortView {
    pub id: i64,
    pub rid: String,
    pub title: String,
    pub alias: String,
    pub unit: String,
    pub is_numeric: bool,
    pub is_long: bool,
    pub is_writable: bool,
    pub chart: &'static str,
    pub latest: Option<Latest>,
    pub recent: Vec<Recent>,
}

/// The newest value.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    pub text: String,
    pub at: Ago,
}

/// One of the newest values.
#[derive(Clone, Debug, PartialEq)]
pub struct Recent {
    pub text: String,
    pub at: At,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct EventView {
    pub kind: &'static str,
    pub text: &'static str,
    pub address: String,
    pub at: At,
}

/// Looks at a device as its owner.
pub fn look(tx: &mut Tx<'_>, person: &SignedIn, rid: Rid, limits: &Limits) -> Result<(View, OwnDevice)> {
    let caller = person.caller(tx)?;
    let own = caller.own_device(tx, rid)?;
    let outline = owner::device(tx, &own)?;
    let events = owner::history(tx, &own, EVENTS)?;
    let is_held = outline.status == Status::Expired && owner::is_held(tx, &own)?;
    let origin = outline.device.origin.as_ref();
    let model = match origin {
        Some(origin) => models::find_by_id(tx, origin.model_id)?,
        None => None,
    };
    let window_s = model.map_or(0, |model| model.activation_timeout_s);
    let mut ports = Vec::new();
    for port in &outline.ports {
        ports.push(port_view(tx, port, limits)?);
    }
    let text = |text: Option<String>| text.unwrap_or_default();
    let view = View {
        rid: outline.device.rid.to_string(),
        name: title(&outline),
        vendor: text(origin.map(|origin| origin.vendor.to_string())),
        model: text(origin.map(|origin| origin.model.to_string())),
        number: text(origin.map(|origin| origin.serial_number.to_string())),
        status: status_mark(outline.status),
        status_words: if is_held { "Switched off" } else { status_words(outline.status) },
        state: state(&outline, &events, is_held, window_s, tx.now()),
        ports,
        history: events.iter().filter_map(event_view).collect(),
        can_reenable: origin.is_some() && !is_held,
        can_give: origin.is_some(),
        window: Span(window_s),
        confirm: origin
            .map_or_else(|| outline.device.rid.to_string()[..8].to_owned(), |one| one.serial_number.to_string()),
    };
    Ok((view, own))
}

fn state(outline: &Outline, events: &[Event], is_held: bool, window_s: i64, now: UnixSeconds) -> State {
    if outline.device.origin.is_none() {
        return State::Orphan;
    }
    let newest = |verbs: &[Verb]| events.iter().find(|event| verbs.contains(&event.verb));
    match (outline.status, outline.device.client.expires_at) {
        (Status::NotActivated, Some(until)) => State::Waiting { from: moment(until - window_s), until: moment(until) },
        (Status::Activated, _) => match newest(&[Verb::Activated, Verb::Repeated, Verb::Regranted]) {
            Some(event) if now - event.at < NEWS_S => State::Connected(Ago(event.at)),
            _ => State::Plain,
        },
        (Status::Expired, _) if is_held => State::Held,
        (Status::Expired, _) => {
            let word = newest(&[Verb::Activated, Verb::Regranted, Verb::Enabled, Verb::Reenabled, Verb::RemappedHere]);
            let was_missed = word.is_some_and(|event| !matches!(event.verb, Verb::Activated | Verb::Regranted));
            if was_missed { State::Over } else { State::Ended }
        }
        _ => State::Plain,
    }
}

fn moment(at: UnixSeconds) -> Moment {
    Moment { iso: exact(at), text: readable(at), at: At(at) }
}

fn port_view(tx: &mut Tx<'_>, port: &Port, limits: &Limits) -> Result<PortView> {
    let series = data::Series::require(tx, port.id)?;
    let reading =
        Reading { start: 0, end: i64::MAX, order: Order::Descending, limit: RECENT, selection: Selection::All };
    let points = data::read(tx, &series, &reading, limits)?;
    let recent = points.iter().map(|point| Recent { text: short(&point.value.text(), 200), at: At(point.at) });
    Ok(PortView {
        recent: recent.collect(),
        latest: port.latest.as_ref().map(|(at, text)| latest(*at, text)),
        is_long: port.latest.as_ref().is_some_and(|(_, text)| is_long(text)),
        id: port.id,
        rid: port.rid.to_string(),
        title: port.title().to_owned(),
        alias: port.alias.clone().unwrap_or_default(),
        unit: port.unit.clone(),
        is_numeric: port.is_numeric(),
        is_writable: true,
        chart: "line",
    })
}

impl PortView {
    /// The same after another value came.
    pub fn arrived(&mut self, at: UnixSeconds, text: &str) {
        self.latest = Some(latest(at, text));
        self.is_long = is_long(text);
        self.recent.insert(0, Recent { text: short(text, 200), at: At(at) });
        self.recent.truncate(RECENT as usize);
    }
}

fn latest(at: UnixSeconds, text: &str) -> Latest {
    Latest { text: short(text, SHOWN), at: Ago(at) }
}

fn is_long(text: &str) -> bool {
    text.chars().nth(LONG).is_some()
}

fn event_view(event: &Event) -> Option<EventView> {
    let (kind, text) = match event.verb {
        Verb::Activated => ("ok", "It called in and got its key"),
        Verb::Repeated => ("ok", "It asked again for the answer that it had lost"),
        Verb::Regranted => ("ok", "It asked again and got a new key"),
        Verb::RefusedUnused => ("warn", "A device with this number was refused: nobody had it"),
        Verb::RefusedActivated => ("error", "Another try with this number was refused: it has its key already"),
        Verb::RefusedExpired => ("warn", "It was refused: its time was over"),
        Verb::Enabled => ("info", "It was added, and may call in"),
        Verb::Reenabled => ("info", "It may call in again"),
        Verb::RemappedHere => ("info", "It came in the place of another device"),
        Verb::RemappedAway => ("info", "Another device came in its place"),
        Verb::Disabled => ("error", "Its vendor switched it off"),
        Verb::Dropped => ("warn", "It was removed"),
        Verb::HandedOver => ("info", "It came to a new owner"),
        Verb::ActivatedByOwner => ("ok", "Its key was put to work by hand"),
        Verb::KeyReplaced => ("info", "Its key was replaced by hand"),
        _ => return None,
    };
    Some(EventView { kind, text, address: event.address.clone().unwrap_or_default(), at: At(event.at) })
}
