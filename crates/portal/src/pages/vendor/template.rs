//! The form of a template: a line a dataport.

use domain::provision::Port;
use model::{Error, Field, Result, Seconds};

use crate::form::Fields;

/// Empty lines that are offered.
const OFFERED: usize = 4;
const MOST: usize = 100;

/// One line of the form, as it was typed.
pub struct Line {
    pub number: usize,
    pub alias: String,
    pub name: String,
    pub format: String,
    pub unit: String,
    pub count: String,
    pub hours: String,
}

/// The lines that were typed, and a few empty ones.
pub fn lines(fields: &Fields) -> Vec<Line> {
    let column = |name: &str| fields.all(name).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let [alias, name, format, unit, count, hours] = ["alias", "port", "format", "unit", "count", "hours"].map(column);
    let typed = alias.iter().zip(&name).rposition(|(alias, name)| !(alias.is_empty() && name.is_empty()));
    let at = |values: &[String], index: usize| values.get(index).cloned().unwrap_or_default();
    let wanted = (typed.map_or(0, |last| last + 1) + OFFERED).min(MOST);
    (0..wanted)
        .map(|index| Line {
            number: index + 1,
            alias: at(&alias, index),
            name: at(&name, index),
            format: at(&format, index),
            unit: at(&unit, index),
            count: at(&count, index),
            hours: at(&hours, index),
        })
        .collect()
}

/// The dataports of the lines that say something.
pub fn ports(fields: &Fields) -> Result<Vec<Port>> {
    let mut ports = Vec::new();
    for line in lines(fields) {
        let (alias, name) = (line.alias.trim(), line.name.trim());
        if alias.is_empty() && name.is_empty() {
            continue;
        }
        if alias.is_empty() {
            return Err(Error::Malformed(Field("alias")));
        }
        ports.push(Port {
            alias: alias.to_owned(),
            name: name.to_owned(),
            format: if line.format.is_empty() { "float".to_owned() } else { line.format },
            unit: line.unit.trim().to_owned(),
            kept_count: amount(&line.count, "retention")?,
            kept_hours: amount(&line.hours, "retention")?,
        });
    }
    Ok(ports)
}

/// The window: a number and its unit; nothing for what is or what is usual.
pub fn window(fields: &Fields) -> Result<Option<Seconds>> {
    let unit = match fields.text("window_unit") {
        "" | "seconds" => 1,
        "minutes" => 60,
        "hours" => 3_600,
        "days" => 86_400,
        _ => return Err(Error::Malformed(Field("activation_timeout"))),
    };
    let amount = amount(fields.text("window"), "activation_timeout")?;
    amount.map(|amount| amount.checked_mul(unit).ok_or(Error::Malformed(Field("activation_timeout")))).transpose()
}

fn amount(text: &str, name: &'static str) -> Result<Option<i64>> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().ok().filter(|amount| *amount > 0).map(Some).ok_or(Error::Malformed(Field(name))),
    }
}
