//! A device as a card.

use askama::Template;
use domain::owner::{Outline, Port};
use model::{Status, UnixSeconds};

use crate::markup::{Ago, status_mark};

/// Characters of a text value on a card.
const SHOWN: usize = 60;

/// What a card shows.
#[derive(Clone, Debug, PartialEq, Template)]
#[template(path = "owner/card.html")]
pub struct CardView {
    pub card: Card,
}

/// A device at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    pub rid: String,
    pub name: String,
    pub model: String,
    pub number: String,
    pub status: &'static str,
    pub status_words: &'static str,
    pub values: Vec<Value>,
    pub hint: &'static str,
    pub newest: Option<Ago>,
}

/// A newest value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub name: String,
    pub text: String,
}

impl Card {
    /// The card of a device.
    pub fn of(outline: &Outline) -> Card {
        let origin = outline.device.origin.as_ref();
        let newest: Option<UnixSeconds> =
            outline.ports.iter().filter_map(|port| port.latest.as_ref()).map(|(at, _)| *at).max();
        Card {
            rid: outline.device.rid.to_string(),
            name: title(outline),
            model: origin.map_or_else(String::new, |origin| origin.model.to_string()),
            number: origin.map_or_else(String::new, |origin| origin.serial_number.to_string()),
            status: status_mark(outline.status),
            status_words: status_words(outline.status),
            values: outline.ports.iter().filter_map(value).collect(),
            hint: match outline.status {
                Status::NotActivated => "Switch it on: it may call in now.",
                Status::Expired => "It can't call in. Open it to let it.",
                _ => "No values yet.",
            },
            newest: newest.map(Ago),
        }
    }
}

impl Card {
    /// The same after a value came.
    pub fn arrived(&mut self, name: &str, text: &str, at: UnixSeconds) {
        match self.values.iter_mut().find(|value| value.name == name) {
            Some(value) => value.text = text.to_owned(),
            None => self.values.push(Value { name: name.to_owned(), text: text.to_owned() }),
        }
        self.newest = Some(Ago(at));
    }
}

/// What a device is called: by its name, else by its serial number, else by its public name.
pub fn title(outline: &Outline) -> String {
    match (&outline.device.origin, outline.name.trim()) {
        (Some(origin), "") => origin.serial_number.to_string(),
        (None, "") => format!("Device {}", &outline.device.rid.to_string()[..8]),
        (_, name) => name.to_owned(),
    }
}

/// What an owner reads for a status.
pub fn status_words(status: Status) -> &'static str {
    match status {
        Status::Unused => "Unused",
        Status::NotActivated => "Waiting for it",
        Status::Activated => "Connected",
        Status::Expired => "Not connected",
    }
}

fn value(port: &Port) -> Option<Value> {
    let (_, text) = port.latest.as_ref()?;
    Some(Value { name: port.title().to_owned(), text: with_unit(&short(text, SHOWN), &port.unit) })
}

/// A value with its unit.
pub fn with_unit(text: &str, unit: &str) -> String {
    if unit.is_empty() { text.to_owned() } else { format!("{text} {unit}") }
}

/// A text that is no longer than so many characters.
pub fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
