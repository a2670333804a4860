//! The history of a dataport, as a chart asks for it: the newest points, and on demand those before.

use domain::caller::{Right, SignedIn};
use domain::data::{self, Order, Point, Reading, Selection};
use domain::resource::Named;
use model::{Error, Limits, Noun, Result, Rid, UnixSeconds};
use serde_json::json;
use store::Tx;

use crate::exchange::Response;
use crate::routes::Answer;
use crate::visit::Guest;

/// Points that a chart gets at once.
const PIECE: u64 = 500;

/// `{"unit","series":[{"id","name"}],"x","y","more"}`.
pub async fn points(guest: Guest, device: &str, port: &str) -> Answer {
    let (device, port) = (Rid::parse(device)?, Rid::parse(port)?);
    let before = guest.query.number("before")?;
    let limits = guest.limits().clone();
    let rule = move |tx: &mut Tx<'_>, person: &SignedIn| read(tx, person, device, port, before, &limits);
    let (_, (points, name, unit)) = guest.read(rule).await?;
    let numbers: Vec<(UnixSeconds, f64)> = points.iter().filter_map(|point| Some((point.at, number(point)?))).collect();
    let (x, y): (Vec<_>, Vec<_>) = numbers.into_iter().unzip();
    let oldest = points.first().map(|point| point.at).filter(|_| points.len() as u64 == PIECE);
    let mut answer = json!({"unit": unit, "series": [{"id": port.to_string(), "name": name}], "x": x, "y": [y]});
    if let Some(oldest) = oldest {
        answer["more"] = format!("/portal/devices/{device}/points/{port}?before={oldest}").into();
    }
    Ok(Response::json(&answer))
}

fn read(
    tx: &mut Tx<'_>,
    person: &SignedIn,
    device: Rid,
    port: Rid,
    before: Option<UnixSeconds>,
    limits: &Limits,
) -> Result<(Vec<Point>, String, String)> {
    let caller = person.caller(tx)?;
    let own = caller.own_device(tx, device)?;
    let readable = caller.readable(tx, Right::Read, &Named::Rid(port))?;
    let outline = domain::owner::device(tx, &own)?;
    let known = outline.ports.iter().find(|known| known.rid == port).ok_or(Error::Forbidden(Noun::Resource))?;
    let end = before.map_or(i64::MAX, |before| before.saturating_sub(1));
    let reading = Reading { start: 0, end, order: Order::Descending, limit: PIECE, selection: Selection::All };
    let mut points = data::read(tx, readable.series(), &reading, limits)?;
    points.reverse();
    Ok((points, known.title().to_owned(), known.unit.clone()))
}

/// What a chart can show of a value.
fn number(point: &Point) -> Option<f64> {
    point.value.text().parse::<f64>().ok().filter(|number| number.is_finite())
}
