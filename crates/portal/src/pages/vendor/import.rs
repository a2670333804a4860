//! A file of serial numbers: read and checked row by row, shown, and applied only when that is asked for.

use askama::Template;
use domain::provision::{self, NewNumber};
use http::StatusCode;
use model::{Error, Extra, Field, SerialNumber};
use wire::csv::Reader;

use super::model_name;
use crate::exchange::Response;
use crate::frame::{Frame, render};
use crate::markup::{Count, model_path};
use crate::routes::Answer;
use crate::visit::Guest;

/// Rows of a file that go through the page; for more there is `cikada sn import`.
const MOST_ROWS: usize = 20_000;
/// Rows with something wrong that are shown.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "vendor/import.html")]
struct Page {
    frame: Frame,
    path: String,
    good: Count,
    wrong: Vec<Wrong>,
    wrong_count: usize,
    /// The rows that would be added, as a file again.
    rows: String,
    sample: Vec<(String, String)>,
}

struct Wrong {
    number: usize,
    text: String,
    why: &'static str,
}

/// Reads a file and says what is in it. Nothing is applied.
pub async fn check(mut guest: Guest, model: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let limit = guest.limits().batch_body_bytes;
    let mut parts = guest.parts(limit as u64 + (64 << 10)).await?;
    let mut file = None;
    while let Some(head) = parts.next().await? {
        if head.name == "file" {
            file = Some(parts.bytes(limit).await?);
        }
    }
    let file = file.filter(|file| !file.is_empty()).ok_or(Error::Malformed(Field("file")))?;
    let (mut good, mut wrong) = read(&file, guest.limits());
    let (sought, asked): (Vec<SerialNumber>, _) =
        (good.iter().map(|(_, number)| number.serial_number.clone()).collect(), name.clone());
    let (person, (vendor, known)) = guest
        .read(move |tx, person| {
            let vendor = person.vendor(tx)?;
            let view = vendor.model_view(tx, &asked)?;
            Ok((vendor.name().to_string(), provision::known(tx, &view.numbers_view(), &sought)?))
        })
        .await?;
    let mut known = known.into_iter();
    good.retain(|(number, new)| {
        let is_known = known.next().unwrap_or(false);
        if is_known {
            let text = new.serial_number.to_string();
            wrong.push(Wrong { number: *number, text, why: "is registered already" });
        }
        !is_known
    });
    wrong.sort_by_key(|wrong| wrong.number);
    let mut rows = String::new();
    for (_, new) in &good {
        wire::csv::write_record(&mut rows, [new.serial_number.as_str(), new.extra.as_str()]);
    }
    let path = model_path(name.as_str(), &[]);
    let numbers = format!("{path}/numbers");
    let page = Page {
        frame: Frame::inside(&guest, &person, "Check the file", "/portal/models").of(&vendor).below(&[
            ("/portal/models", "Models"),
            (&path, name.as_str()),
            (&numbers, "Serial numbers"),
        ]),
        good: Count(good.len() as i64),
        wrong_count: wrong.len(),
        wrong: {
            wrong.truncate(SHOWN);
            wrong
        },
        sample: good
            .iter()
            .take(5)
            .map(|(_, new)| (new.serial_number.to_string(), new.extra.as_str().to_owned()))
            .collect(),
        rows,
        path: path.clone(),
    };
    Ok(render(StatusCode::OK, &page))
}

/// Adds the rows that were found good: all of them or none.
pub async fn apply(mut guest: Guest, model: &str) -> Answer {
    let name = model_name(model, guest.limits())?;
    let fields = guest.large_form().await?;
    let (good, wrong) = read(fields.text("rows").as_bytes(), guest.limits());
    if good.is_empty() || !wrong.is_empty() {
        return Err(Error::Malformed(Field("rows")));
    }
    let numbers: Vec<NewNumber> = good.into_iter().map(|(_, number)| number).collect();
    guest
        .write(move |tx, person| {
            let model = person.vendor(tx)?.model(tx, &name)?;
            provision::add_numbers(tx, &model, &numbers)
        })
        .await?;
    Ok(Response::see_other(&format!("{}/numbers?said=added", model_path(model, &[]))))
}

/// The good rows by their numbers, and what is wrong with the others.
fn read(file: &[u8], limits: &model::Limits) -> (Vec<(usize, NewNumber)>, Vec<Wrong>) {
    let (mut good, mut wrong, mut seen) = (Vec::new(), Vec::new(), std::collections::HashSet::new());
    for record in Reader::new(file) {
        let record = match record {
            Ok(record) => record,
            Err(flaw) => {
                let why = "cannot be read, and nothing behind it was: a quote or a line end is out of place";
                wrong.push(Wrong { number: flaw.record, text: String::new(), why });
                break;
            }
        };
        let number = record.number;
        let text: String =
            record.fields.iter().map(|field| &**field).collect::<Vec<_>>().join(",").chars().take(80).collect();
        let flawed = |why| Wrong { number, text: text.clone(), why };
        if good.len() == MOST_ROWS {
            wrong.push(flawed("and what follows is too much for one file here; use cikada sn import"));
            break;
        }
        let serial_number = record.fields.first().map(|field| SerialNumber::parse(field, limits));
        let extra = record.fields.get(1).map_or(Ok(Extra::default()), |field| Extra::parse(field, limits));
        match (serial_number, extra) {
            _ if record.fields.len() > 2 => wrong.push(flawed("has more than a number and a text")),
            (Some(Ok(serial_number)), Ok(extra)) => {
                if seen.insert(serial_number.to_string()) {
                    good.push((number, NewNumber { serial_number, extra }));
                } else {
                    wrong.push(flawed("stands in the file twice"));
                }
            }
            (Some(Err(Error::TooLarge(_))), _) => wrong.push(flawed("is longer than a serial number may be")),
            (Some(Err(_)) | None, _) => {
                wrong.push(flawed("is no serial number: it is empty, or holds a comma, a slash or a control character"))
            }
            (_, Err(_)) => wrong.push(flawed("has a text that is too long")),
        }
    }
    (good, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_good_or_has_a_reason() {
        let file = b"A1\nA2,\"first, line\"\n\nA1\n a\nx/y,z\na,b,c\nA3\n";
        let (good, wrong) = read(file, &model::Limits::default());
        let names: Vec<_> = good.iter().map(|(_, new)| (new.serial_number.as_str(), new.extra.as_str())).collect();
        assert_eq!(names, [("A1", ""), ("A2", "first, line"), ("A3", "")]);
        assert_eq!(wrong.iter().map(|wrong| wrong.number).collect::<Vec<_>>(), [3, 4, 5, 6]);
    }
}
